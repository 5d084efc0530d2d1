"""Rank correlation of score and recognition over settings of several classes."""

import math

import pytest
import torch
from scipy.stats import spearmanr

from configs.errors import InputError
from interpretability.generation.score_agreement import score_agreement, share_of_way


def seeded():
    return torch.Generator().manual_seed(0)


def points(strength):
    random = seeded()
    distance = torch.rand(120, generator=random)
    share = -strength * distance + (1 - strength) * torch.rand(120, generator=random)
    return distance.tolist(), share.tolist(), [i // 10 for i in range(120)]


def test_the_value_is_scipys():
    distance, share, groups = points(0.5)
    found = score_agreement(distance, share, groups, seeded())
    assert found.correlation == pytest.approx(-spearmanr(distance, share).statistic, abs=1e-6)
    assert found.low < found.correlation < found.high
    assert (found.n, found.groups) == (120, 12)


def test_what_agrees_is_found_and_what_does_not_is_not():
    assert score_agreement(*points(0.7), seeded()).low > 0.4
    chance = score_agreement(*points(0.0), seeded())
    assert chance.low < 0 < chance.high


def test_classes_that_are_alike_within_count_once():
    """Two levels: with the class as the unit the interval is much wider than with the setting."""
    distance = [float(i // 40) + 1e-3 * (i % 40) for i in range(120)]
    share = [[0.2, 0.9, 0.1][i // 40] for i in range(120)]
    clustered = score_agreement(distance, share, [i // 40 for i in range(120)], seeded())
    single = score_agreement(distance, share, list(range(120)), seeded())
    assert clustered.high - clustered.low > 2 * (single.high - single.low)


def test_ranked_within_classes_their_levels_count_for_nothing():
    distance, share, groups = points(0.9)
    farther = [d + 5 * (g % 2) for d, g in zip(distance, groups, strict=True)]
    easier = [s + 5 * (g % 2) for s, g in zip(share, groups, strict=True)]
    assert score_agreement(farther, easier, groups, seeded()).correlation < 0
    assert score_agreement(farther, easier, groups, seeded(), within=True).low > 0.8


def test_nothing_recognised_has_no_correlation():
    distance, _, groups = points(0.5)
    assert math.isnan(score_agreement(distance, [0.0] * 120, groups, seeded()).correlation)


def test_too_few_classes_are_counted():
    with pytest.raises(InputError, match="needs 3 of them, and there are 2"):
        score_agreement([1.0, 2.0], [0.0, 1.0], ["a", "b"], seeded())
    with pytest.raises(InputError, match="2 distances, 1 shares and 2 groups"):
        score_agreement([1.0, 2.0], [0.0], ["a", "b"], seeded())


def test_the_share_of_the_way_by_hand():
    assert share_of_way(0.3, floor=0.1, ceiling=0.9) == pytest.approx(0.25)
    assert share_of_way(0.1, 0.1, 0.9) == 0
    assert math.isnan(share_of_way(0.3, 0.9, 0.9))
    assert math.isnan(share_of_way(0.3, math.nan, 0.9))


def test_classes_of_different_scales_agree_by_their_shares_only():
    """Recognition falls with the share of the way; the distances of each class have a scale of their own."""
    ends = [(0.1 * k, 0.1 * k + 1 + 3 * k) for k in range(10)]
    shares = [i / 9 for i in range(10)]
    distance = [low + share * (high - low) for low, high in ends for share in shares]
    recognised, groups = [1 - share for _ in ends for share in shares], [k for k in range(10) for _ in shares]
    found = [share_of_way(d, *ends[k]) for d, k in zip(distance, groups, strict=True)]
    assert score_agreement(found, recognised, groups, seeded()).correlation == pytest.approx(1, abs=0.01)
    assert score_agreement(distance, recognised, groups, seeded()).correlation < 0.9
