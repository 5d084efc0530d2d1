"""Hand-worked cases, torchmetrics and scikit-learn, and a planted scene whose answer is known."""

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from interpretability.listening.interpretation import Interpretation
from interpretability.listening.separation_scores import (
    activity,
    area_under_curve,
    ideal_mask,
    random_components,
    random_mask,
    separation_scores,
    share_inside,
    si_sdr,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_si_sdr_by_hand():
    reference = torch.tensor([1.0, 0.0])
    assert float(si_sdr(torch.tensor([3.0, 1.0]), reference)) == pytest.approx(10 * math.log10(9))
    assert float(si_sdr(torch.tensor([-30.0, 10.0]), reference)) == pytest.approx(10 * math.log10(9))
    assert float(si_sdr(torch.zeros(2), reference)) == -math.inf
    assert math.isnan(float(si_sdr(reference, torch.zeros(2))))


def test_si_sdr_equals_that_of_torchmetrics():
    estimate, reference = torch.randn(4, 3, 500), torch.randn(4, 3, 500)
    torch.testing.assert_close(
        si_sdr(estimate, reference), scale_invariant_signal_distortion_ratio(estimate, reference), rtol=1e-3, atol=1e-3
    )


def test_random_components_are_as_many_and_uniform():
    selected = torch.zeros(6000, 5, dtype=torch.bool)
    selected[:, :2] = True
    selected[0] = True
    drawn = random_components(selected, seeded())
    assert torch.equal(drawn.sum(dim=1), selected.sum(dim=1))
    assert (drawn[1:].float().mean(dim=0) - 0.4).abs().max() < 0.03


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, 1.0])
def test_a_random_mask_keeps_exactly_the_energy_asked_for(share):
    spectrum = torch.randn(3, 20, 30, dtype=torch.complex64)
    spectrum[1, :, 5:] = 0
    energy = spectrum.abs().square().sum(dim=(1, 2))
    mask = random_mask(spectrum, share * energy, seeded())
    kept = (mask * spectrum).abs().square().sum(dim=(1, 2))
    torch.testing.assert_close(kept, share * energy, rtol=1e-4, atol=1e-4)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert ((mask > 0) & (mask < 1)).sum(dim=(1, 2)).max() <= 1


def test_the_ideal_mask_by_hand():
    mixture = torch.tensor([[[2.0 + 0j, 2j, 1.0, 0.0]]])
    source = torch.tensor([[[1.0 + 5j, 6j, -1.0, 0.0]]])
    assert torch.equal(ideal_mask(source, mixture), torch.tensor([[[0.5, 1.0, 0.0, 0.0]]]))


def test_no_mask_comes_nearer_than_the_ideal_one():
    mixture, source = torch.randn(1, 9, 9, dtype=torch.complex64), torch.randn(1, 9, 9, dtype=torch.complex64)
    best = (ideal_mask(source, mixture) * mixture - source).abs().square()
    for value in torch.linspace(0, 1, 11):
        assert (best <= (value * mixture - source).abs().square() + 1e-5).all()


def test_activity_and_energy_inside_by_hand():
    energy = torch.tensor([[100.0, 0.02, 0.005, 0.0], [0.0, 0.0, 0.0, 0.0]])
    active = activity(energy)
    assert active.tolist() == [[True, True, False, False], [False] * 4]
    inside = share_inside(torch.tensor([[1.0, 2.0, 1.0, 0.0], [0.0] * 4]), active)
    assert float(inside[0]) == pytest.approx(0.75)
    assert math.isnan(float(inside[1]))


def test_area_under_curve_equals_that_of_scikit_learn_ties_included():
    score = torch.randint(0, 6, (4, 50), generator=seeded()).float()
    active = torch.rand(4, 50, generator=seeded(1)) > 0.6
    expected = [roc_auc_score(a.numpy(), s.numpy()) for s, a in zip(score, active, strict=True)]
    torch.testing.assert_close(area_under_curve(score, active), torch.tensor(expected, dtype=torch.float64))
    assert math.isnan(float(area_under_curve(score[:1], torch.ones(1, 50, dtype=torch.bool))[0]))


def planted(relevance):
    """A low tone that is on in the middle third (class 0) and a high one that is always on (class 1)."""
    n, window = 16384, torch.hann_window(256)
    time = torch.arange(n) / n
    on = ((torch.arange(n) > n // 3) & (torch.arange(n) < 2 * n // 3)).float()
    low, high = on * torch.sin(2 * torch.pi * 640 * time), torch.sin(2 * torch.pi * 4096 * time)

    def stft(x):
        return torch.stft(x, 256, 128, window=window, pad_mode="constant", return_complex=True)

    def istft(spectrum, length):
        flat = spectrum.reshape(-1, *spectrum.shape[-2:])
        return torch.istft(flat, 256, 128, window=window, length=length).reshape(*spectrum.shape[:-2], length)

    dictionary = torch.full((129, 3), 1e-4)
    dictionary[6:15, 0] = 1.0
    dictionary[60:69, 1] = 1.0
    dictionary[100:, 2] = 1.0
    mixture = stft((low + high)[None])
    activations = torch.linalg.lstsq(dictionary, mixture[0].abs()).solution.clamp_min(1e-6)[None]
    said = Interpretation(
        class_names=("low", "high"),
        multi_label=False,
        sample_rate=n,
        n_samples=n,
        hop_length=128,
        logits=torch.tensor([[1.0, 0.0]]),
        prior=None,
        relevance=torch.tensor(relevance)[None],
        activations=activations,
        dictionary=dictionary,
        spectrum=mixture,
        level=torch.ones(1),
        inverse=istft,
    )
    return said, low[None], stft(low[None])


def test_a_planted_source_is_found_in_sound_and_time():
    said, low, spectrum = planted([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0]])
    found = separation_scores(said, low, spectrum, torch.tensor([0]), seeded())
    assert float(found.mixture[0]) == pytest.approx(10 * math.log10(1 / 3), abs=0.2)  # a third as long, equally loud
    assert float(found.gain[0]) > 12
    assert float(found.gain[0]) <= float(found.gain_ideal_mask[0]) + 0.1
    assert 0.5 < float(found.share[0]) <= 1.01
    assert abs(float(found.gain_random_mask[0])) < 6
    assert int(found.n_components[0]) == 1
    assert float(found.inside[0]) > 0.98
    assert float(found.area[0]) > 0.98
    assert float(found.inside_mixture[0]) == pytest.approx(0.5, abs=0.05)  # two of four thirds of energy lie there
    assert float(found.active_share[0]) == pytest.approx(1 / 3, abs=0.04)


def test_a_wrong_interpretation_scores_badly():
    said, low, spectrum = planted([[0.0, 1.0, 0.1], [0.0, 1.0, 0.0]])
    found = separation_scores(said, low, spectrum, torch.tensor([0]), seeded())
    assert float(found.gain[0]) < -10
    assert float(found.share[0]) < 0
    assert float(found.area[0]) < 0.7


def test_controls_repeat_with_the_generator():
    said, low, spectrum = planted([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0]])
    one, two = (separation_scores(said, low, spectrum, torch.tensor([0]), seeded(5)) for _ in range(2))
    assert torch.equal(one.gain_random_mask, two.gain_random_mask)
