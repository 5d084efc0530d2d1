"""Relevance, selection and sounds on hand-worked cases and random factors."""

import functools

import pytest
import torch

from interpretability.listening.interpretation import (
    GlobalRelevance,
    Interpretation,
    decided,
    normalise,
    relevance_of,
    select,
)

WINDOW = torch.hann_window(64)
N = 1500


def stft(waveform):
    return torch.stft(waveform, 64, 32, window=WINDOW, pad_mode="constant", return_complex=True)


def istft(spectrum, length):
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    return torch.istft(flat, 64, 32, window=WINDOW, length=length).reshape(*spectrum.shape[:-2], length)


def interpretation(multi_label=False, **changes):
    generator = torch.Generator().manual_seed(1)
    draw = functools.partial(torch.rand, generator=generator)
    spectrum = stft(draw(3, N) * 2 - 1)
    relevance = draw(3, 4, 8) * 2 - 1
    fields = {
        "class_names": ("dog", "rain", "bell", "7"),
        "multi_label": multi_label,
        "sample_rate": 8000,
        "n_samples": N,
        "hop_length": 32,
        "logits": relevance.sum(dim=2),
        "prior": None,
        "relevance": relevance,
        "activations": draw(3, 8, spectrum.shape[-1]) ** 6,
        "dictionary": draw(33, 8),
        "spectrum": spectrum,
        "level": torch.tensor([1.0, 0.5, 2.0]),
        "inverse": istft,
    }
    return Interpretation(**(fields | changes))


def decibels(error, reference):
    return 10 * torch.log10(error.square().sum(dim=-1) / reference.square().sum(dim=-1))


def test_relevance_sums_the_statistics_of_a_component():
    contributions = torch.tensor([[[[1.0, -2.0], [0.5, 1.0]]]])  # one clip, one class, two statistics, two components
    assert torch.equal(relevance_of(contributions), torch.tensor([[[1.5, -1.0]]]))


def test_normalisation_keeps_signs_where_all_terms_are_negative():
    assert torch.equal(normalise(torch.tensor([-4.0, -1.0, 0.0])), torch.tensor([-1.0, -0.25, 0.0]))
    assert torch.equal(normalise(torch.zeros(3)), torch.zeros(3))
    assert not select(normalise(torch.tensor([-4.0, -1.0]))).any()


def test_selection_is_strict_and_has_no_cap():
    assert select(torch.tensor([1.0, 0.2, 0.21])).tolist() == [True, False, True]
    assert select(torch.ones(50)).sum() == 50


def test_predicted_classes():
    logits = torch.tensor([[1.0, 2.0, -1.0], [-1.0, -2.0, -3.0]])
    assert decided(logits, False).tolist() == [[False, True, False], [True, False, False]]
    assert decided(logits, True).tolist() == [[True, True, False], [False, False, False]]
    assert interpretation(True, logits=-torch.ones(3, 4)).predictions == [(), (), ()]
    assert interpretation(logits=torch.eye(4)[:3]).predictions == [("dog",), ("rain",), ("bell",)]


def test_global_relevance_is_the_mean_over_clips_predicted_as_the_class():
    whole = GlobalRelevance(2, 3)
    relevance = torch.randn(20, 2, 3)
    predicted = torch.rand(20, 2) > 0.4
    for part in (slice(0, 7), slice(7, 20)):
        whole.update(relevance[part], predicted[part])
    for c in range(2):
        clips = [relevance[i, c] / relevance[i, c].abs().max() for i in range(20) if predicted[i, c]]
        torch.testing.assert_close(whole.mean[c], torch.stack(clips).mean(dim=0))
    assert torch.equal(GlobalRelevance(2, 3).mean, torch.zeros(2, 3))


@pytest.mark.parametrize("label", ["rain", 1])
def test_class_and_rest_add_up_to_the_clip(label):
    said = interpretation()
    said.activations[0, :, 4:9] = 0.0
    clip = istft(said.spectrum, N) * said.level[:, None]
    total = said.class_sound(label) + said.rest_sound(label)
    assert decibels(total - clip, clip).max() <= -60
    assert decibels(said.class_sound(label), clip).min() > -30  # neither part is empty
    assert decibels(said.rest_sound(label), clip).min() > -30


def test_the_rest_is_rendered_from_its_own_components():
    said = interpretation()
    chosen = said.selected("bell")
    alone = said.component_sound()
    for b in range(3):
        torch.testing.assert_close(said.rest_sound("bell")[b], alone[b, ~chosen[b]].sum(dim=0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(said.class_sound("bell")[b], alone[b, chosen[b]].sum(dim=0), rtol=1e-4, atol=1e-5)


def test_each_clip_has_its_own_components_and_threshold():
    said = interpretation()
    strongest = said.strongest("dog", 2)
    assert strongest.tolist() == said.relevance[:, 0].argsort(dim=1, descending=True)[:, :2].tolist()
    assert torch.equal(said.component_sound(strongest)[1, 0], said.component_sound([int(strongest[1, 0])])[1, 0])
    assert (said.selected("dog", 0.9) <= said.selected("dog", 0.1)).all()
    assert said.strongest("dog", 99).shape == (3, 8)


def test_classes_are_found_by_name_or_number():
    said = interpretation()
    assert said.class_number("7") == 3  # a name before a number
    assert said.class_number(2) == 2
    with pytest.raises(KeyError, match="no class 'cat'; classes: dog, rain"):
        said.class_sound("cat")
    with pytest.raises(KeyError, match="no class 9"):
        said.class_number(9)


def test_published_masks_do_not_add_up():
    said = interpretation(scale="as_published")
    clip = istft(said.spectrum, N) * said.level[:, None]
    total = said.class_sound("dog") + said.rest_sound("dog")
    assert decibels(total - clip, clip).min() > -40
