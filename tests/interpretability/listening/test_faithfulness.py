"""All scores of several masks at once: each equals its own function, controls stand beside, empty masks are counted."""

import pytest
import torch

from interpretability.listening import masked_input as single
from interpretability.listening.clip_values import joined
from interpretability.listening.faithfulness import HIGHER_IS_BETTER, mask_scores
from interpretability.listening.mask_shape import sparseness


@pytest.fixture
def clips(bands, noise):
    f, x = bands(), noise(clips=4)
    spectrum = f.analyse(x)
    band = torch.zeros(spectrum.shape)
    band[:, :11] = 1
    random = torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(0))
    return f, x.shape[1], spectrum, {"band": band, "random": random}


LABELS = torch.tensor([0, 0, 0, 0])
TARGET = torch.tensor([0, 1, 0, 2])


def test_every_score_is_that_of_its_function(clips):
    f, n, spectrum, masks = clips
    found = mask_scores(f, spectrum, n, masks, LABELS, TARGET)
    assert set(found) == {"band", "random"}
    for heard, (name, mask) in zip(
        single.hear_masked(f, spectrum, torch.stack(list(masks.values()), 1), n), masks.items(), strict=True
    ):
        whole, kept, rest = (f.probabilities(x) for x in (heard.whole, heard.kept, heard.rest))
        expected = {
            "average_increase": single.average_increase(whole, kept, LABELS),
            "average_drop": single.average_drop(whole, kept, LABELS),
            "average_gain": single.average_gain(whole, kept, LABELS),
            "input_fidelity": single.input_fidelity(whole, kept),
            "removal_probability": single.drop(whole, rest, LABELS),
            "removal_logit": single.drop(heard.whole, heard.rest, LABELS),
            "mask_in_accuracy": single.masked_accuracy(kept, TARGET),
            "mask_out_accuracy": single.masked_accuracy(rest, TARGET),
            "sparseness": sparseness(mask),
        }
        for score, values in expected.items():
            torch.testing.assert_close(found[name][score].values, values.values)
    assert set(found["band"]) - {"energy_kept", "round_trip"} <= set(HIGHER_IS_BETTER)


def test_the_band_of_the_class_beats_a_random_mask(clips):
    f, n, spectrum, masks = clips
    found = mask_scores(f, spectrum, n, masks, LABELS)
    band, random = found["band"], found["random"]
    says_low = f.respond(spectrum).argmax(dim=1) == 0
    assert band["input_fidelity"].values.bool().tolist() == says_low.tolist()
    assert 0 < int(says_low.sum()) < 4
    assert band["average_increase"].mean == 100
    assert band["removal_logit"].median > 1.5 * random["removal_logit"].median
    assert band["average_drop"].mean < random["average_drop"].mean
    assert "mask_in_accuracy" not in band
    assert abs(band["round_trip"].mean) < 1e-4


def test_a_mask_that_keeps_nothing_and_silence_are_undefined_in_every_score(clips):
    f, n, spectrum, masks = clips
    spectrum = spectrum.clone()
    spectrum[2] = 0
    masks["band"][1] = 0
    found = mask_scores(f, spectrum, n, masks, LABELS, TARGET)
    for score in HIGHER_IS_BETTER:
        if score in found["band"]:
            assert found["band"][score].values.isnan().tolist() == [False, True, True, False], score
            assert found["random"][score].undefined == 1
    assert found["band"]["energy_kept"].values.isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("multi_label", [True, False])
def test_batches_equal_single_clips(bands, noise, multi_label):
    f, x = bands(multi_label), noise(clips=4)
    spectrum = f.analyse(x)
    masks = {"a": torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(1))}
    target = torch.tensor([[1, 0, -1]] * 4) if multi_label else TARGET
    labels = torch.tensor([0, 1, 2, 0])
    whole = mask_scores(f, spectrum, x.shape[1], masks, labels, target)["a"]
    parts = [slice(i, i + 1) for i in range(4)]
    singles = [
        mask_scores(f, spectrum[p], x.shape[1], {"a": masks["a"][p]}, labels[p], target[p], chunk=1)["a"] for p in parts
    ]
    for name, values in whole.items():
        alone = joined([single[name] for single in singles]).values
        unit = 100 if name.startswith("average") else 1  # these are in percent
        torch.testing.assert_close(values.values / unit, alone / unit, rtol=1e-5, atol=1e-5, equal_nan=True)
    assert whole["mask_in_accuracy"].undefined == (1 if multi_label else 0)


def test_the_faults_of_others_change_what_they_are_said_to_change(clips):
    f, n, spectrum, masks = clips
    right = mask_scores(f, spectrum, n, masks, LABELS)["random"]
    wrong = mask_scores(
        f, spectrum, n, masks, LABELS, as_published=("second_softmax", "class_zero", "log_subtraction")
    )["random"]
    for name in ("average_drop", "removal_logit", "removal_probability"):
        assert (right[name].values - wrong[name].values).abs().max() > 1e-3, name
    for name in ("average_increase", "average_gain", "sparseness", "complexity", "energy_kept"):
        assert torch.equal(right[name].values, wrong[name].values), name
