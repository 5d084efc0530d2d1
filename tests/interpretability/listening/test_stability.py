"""Stability by hand, noise of exactly the level asked for, and explanations that move or do not."""

import pytest
import torch

from interpretability.listening.stability import noisy_copies, relevance_stability, stability_under_noise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_by_hand():
    relevance = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    noisy = torch.tensor([[[4.0, 3.0], [1.0, 1.0], [0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]])
    found = relevance_stability(relevance, noisy, torch.full((2, 3), 0.1))
    assert found.similarity.values.tolist()[0] == pytest.approx((24 / 25 + 1) / 2)
    assert found.change.values.tolist()[0] == pytest.approx(2**0.5 / 5)
    assert found.sensitivity.values.tolist()[0] == pytest.approx(2**0.5 / 5 / 0.1)
    assert found.change.undefined == 1  # nothing is relevant in the second clip
    assert float(found.similarity.values[2]) == 0.5  # an explanation that vanishes has changed altogether
    assert float(found.change.values[2]) == 1


def test_noise_has_exactly_the_level_asked_for_and_belongs_to_its_clip():
    x = torch.randn(3, 800, generator=seeded(1)) * torch.tensor([[1.0], [0.01], [0.0]])
    copies, size = noisy_copies(x, 2, 30.0, seeded())
    ratio = 20 * torch.log10(x[:2].norm(dim=1) / (copies - x)[:, :2].norm(dim=2))
    torch.testing.assert_close(ratio, torch.full((2, 2), 30.0), rtol=1e-3, atol=0)
    assert torch.equal(copies[:, 2], torch.zeros(2, 800))
    torch.testing.assert_close(size, torch.tensor([[10**-1.5, 10**-1.5, 0.0]] * 2), rtol=1e-5, atol=0)
    alone, _ = noisy_copies(x[:1], 2, 30.0, seeded())
    torch.testing.assert_close(alone, copies[:, :1])


def test_steady_explanations_score_better_than_nervous_ones():
    x = torch.randn(4, 500, generator=seeded(2))
    window = torch.hann_window(64)

    def loudness(clips):
        return torch.stft(clips, 64, 32, window=window, return_complex=True).abs()

    steady = stability_under_noise(loudness, x, seeded())
    nervous = stability_under_noise(lambda clips: (loudness(clips) * 1e4).sin().square(), x, seeded())
    constant = stability_under_noise(lambda clips: torch.ones(len(clips), 3), x, seeded())
    assert steady.similarity.mean > 0.99 > nervous.similarity.mean
    assert steady.sensitivity.mean < 3 < nervous.sensitivity.mean
    assert constant.change.values.tolist() == [0, 0, 0, 0]
    assert stability_under_noise(loudness, 0 * x, seeded()).change.undefined == 4


def test_captum_calls_the_same_change_the_maximum_sensitivity():
    metrics = pytest.importorskip("captum.metrics")
    x = torch.randn(3, 400, generator=seeded(4))
    copies, noise = noisy_copies(x, 2, 20.0, seeded(5))
    window = torch.hann_window(64)

    def explain(clips):
        return torch.stft(clips, 64, 32, window=window, return_complex=True).abs().square()

    def as_captum_asks(clips):
        return (explain(clips[0] if isinstance(clips, tuple) else clips).contiguous(),)

    draws = iter(copies)
    theirs = metrics.sensitivity_max(
        as_captum_asks, x, lambda _: next(draws), n_perturb_samples=2, max_examples_per_batch=3
    )
    ours = relevance_stability(explain(x), torch.stack([explain(copy) for copy in copies]), noise)
    torch.testing.assert_close(ours.change.values.float(), theirs, rtol=1e-4, atol=1e-6)
