"""The overlap test in numbers: planted bands, exact levels, and targets that are silent."""

import math

import pytest
import torch

from interpretability.listening.overlap import overlap_scores, sdr, to_full_scale


def tones(f, n=640):
    """A tone in the lowest band and one in the highest, each at full scale."""
    time = torch.arange(n)
    low, high = torch.sin(2 * torch.pi * 4 / 64 * time), torch.sin(2 * torch.pi * 26 / 64 * time)
    return low[None] * 0.3, high[None] * 0.7


def band_mask(f):
    def explain(mixture, labels):
        masks = torch.zeros(f.stft(mixture).shape)
        for clip, c in enumerate(labels.tolist()):
            low, high = f.module.edges[c]
            masks[clip, low:high] = 1
        return masks

    return explain


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_right_band_brings_the_target_back_at_every_level(bands):
    f = bands()
    low, high = tones(f)
    found = overlap_scores(f, band_mask(f), low, high, torch.tensor([0]), seeded(), levels=(1.0, 0.1))
    assert [scores.level for scores in found] == [1.0, 0.1]
    assert found[0].mixture.mean == pytest.approx(0, abs=0.2)
    assert found[1].mixture.mean == pytest.approx(20, abs=0.2)
    assert found[0].si_sdr_gain.mean > 20
    assert found[0].sdr_gain.mean > 20
    assert abs(found[0].random_si_sdr_gain.mean) < 6
    wrong = overlap_scores(f, band_mask(f), low, high, torch.tensor([2]), seeded(), levels=(1.0,))[0]
    assert wrong.si_sdr_gain.mean < -15


def test_silent_targets_empty_explanations_and_silent_others_are_undefined(bands):
    f = bands()
    low, high = tones(f)
    labels = torch.tensor([0])
    silent = overlap_scores(f, band_mask(f), 0 * low, high, labels, seeded(), (1.0,))[0]
    empty = overlap_scores(f, lambda x, c: torch.zeros(f.stft(x).shape), low, high, labels, seeded(), (1.0,))[0]
    alone = overlap_scores(f, band_mask(f), low, 0 * high, labels, seeded(), (1.0,))[0]
    assert silent.si_sdr_gain.undefined == empty.si_sdr_gain.undefined == alone.si_sdr_gain.undefined == 1
    assert empty.mixture.undefined == 0
    assert alone.mixture.undefined == 1


def test_sdr_by_hand_and_level():
    reference = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    assert float(sdr(0.9 * reference, reference)[0]) == pytest.approx(20, abs=1e-4)
    assert float(sdr(0 * reference, reference)[0]) == pytest.approx(0)
    assert math.isnan(float(sdr(reference, 0 * reference)[0]))
    assert to_full_scale(torch.tensor([[0.0, -0.5], [0.0, 0.0]])).tolist() == [[0, -1], [0, 0]]
