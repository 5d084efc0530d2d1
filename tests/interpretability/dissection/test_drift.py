"""Overlap of rankings against the published sum and loops; drift of units that change, and of those that do not."""

import dataclasses

import pytest
import torch

from interpretability.dissection.drift import bootstrap_floor, drift, rank_biased_overlap, settled
from interpretability.dissection.unit_report import Excerpt, UnitReport


def by_hand(one, two, p):
    """Webber et al. 2010, equation 32, for rankings of one length."""
    agreement = [len(set(one[:d]) & set(two[:d])) / d for d in range(1, len(one) + 1)]
    return agreement[-1] * p ** len(one) + (1 - p) / p * sum(a * p ** (d + 1) for d, a in enumerate(agreement))


def test_overlap_is_the_published_sum():
    random = torch.Generator().manual_seed(0)
    one, two = (torch.stack([torch.randperm(12, generator=random)[:8] for _ in range(50)]) for _ in range(2))
    for p in (0.5, 0.9, 0.98):
        found = rank_biased_overlap(one, two, p)
        expected = [by_hand(a, b, p) for a, b in zip(one.tolist(), two.tolist(), strict=True)]
        assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_overlap_of_equal_disjoint_and_swapped_rankings():
    one = torch.tensor([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, -1, -1], [-1, -1, -1]])
    two = torch.tensor([[0, 1, 2], [3, 4, 5], [1, 0, 2], [0, 5, 6], [0, 1, 2]])
    found = rank_biased_overlap(one, two, 0.5)
    # swapped: agreements 0, 1, 1 -> 0.5 * (0 + 0.5 + 0.25) + 0.125 = 0.5
    assert found[:4].tolist() == pytest.approx([1.0, 0.0, 0.5, 1.0])
    assert found[4].isnan()


def test_wrong_rankings_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        rank_biased_overlap(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="persistence"):
        rank_biased_overlap(torch.zeros(2, 3), torch.zeros(2, 3), 1.0)


def test_floor_is_that_of_bootstraps_ranked_anew():
    """With all values at hand: rank the drawn clips again by value, and compare the first of them."""
    random = torch.Generator().manual_seed(1)
    values = torch.rand(5, 40, generator=random)
    ranking = values.argsort(1, descending=True)  # the whole ranking, so that both ways see the same depth
    found = bootstrap_floor(ranking, 40, draws=3, seed=7)
    random = torch.Generator().manual_seed(7)
    expected = torch.zeros(5, dtype=torch.float64)
    for _ in range(3):
        pair = [set(torch.randint(40, (40,), generator=random).tolist()) for _ in range(2)]
        for unit in range(5):
            lists = [sorted(drawn, key=lambda clip, u=unit: -float(values[u, clip])) for drawn in pair]
            depth = min(map(len, lists))
            expected[unit] += by_hand(lists[0][:depth], lists[1][:depth], 0.9) / 3
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-9)


def unit(number, label="dog", clips=range(10), dead=False):
    top = tuple(Excerpt(str(clip), clip, 0.5, 1.0) for clip in clips)
    return UnitReport("layer", number, 1, label, "labels", top=top, dead=dead)


def test_units_that_stay_have_not_drifted_and_those_that_change_have():
    before = [unit(i, clips=range(i, i + 10)) for i in range(6)]
    same = drift(before, before, n_clips=100)
    assert same.overlap == pytest.approx(1.0)
    assert (same.moved, same.renamed, same.born, same.lost, same.died) == (0, 0, 0, 0, 0)
    assert 0 < same.floor < 1
    moved = drift(before, [unit(i, clips=range(50 + i, 60 + i)) for i in range(6)], n_clips=100)
    assert (moved.overlap, moved.moved) == (0, 1)


def test_events_are_told_apart():
    before = [unit(0), unit(1, label=None), unit(2), unit(3), unit(4, dead=True, label=None), unit(9)]
    after = [unit(0, "cat"), unit(1, "cat"), unit(2, None), unit(3, None, dead=True), unit(4, dead=True), unit(8)]
    found = drift(before, after, n_clips=50)
    assert (found.renamed, found.born, found.lost, found.died) == (1, 1, 1, 1)
    assert set(found.overlaps) == {"layer/0+", "layer/1+", "layer/2+"}


def test_labels_of_two_sources_are_not_compared():
    other = dataclasses.replace(unit(0, "cat"), source="clap")
    found = drift([unit(0)], [other], n_clips=20)
    assert (found.renamed, found.overlap) == (0, pytest.approx(1.0))


def test_random_rankings_fall_below_the_floor_and_noise_within_a_bootstrap_does_not():
    random = torch.Generator().manual_seed(0)
    values = torch.rand(300, 60, generator=random)

    def reports(values):
        return [unit(i, clips=row[:16]) for i, row in enumerate(values.argsort(1, descending=True).tolist())]

    shaken = values + 0.003 * torch.randn(values.shape, generator=random)
    other = torch.rand(300, 60, generator=random)
    assert drift(reports(values), reports(shaken), 60).moved < 0.02
    assert drift(reports(values), reports(other), 60).moved > 0.95


def test_no_unit_at_both_points_gives_no_figure():
    found = drift([unit(0)], [dataclasses.replace(unit(1), dead=True)], n_clips=10)
    assert found.overlap != found.overlap
    assert found.died == 0


def test_settled_is_the_first_epoch_after_the_last_change():
    epochs = [1, 2, 4, 8]
    assert settled([None, 0.5, 0.9, 0.95], epochs) == 4
    assert settled([None, 0.9, 0.5, 0.95], epochs) == 8
    assert settled([None, 0.9, 0.9, 0.5], epochs) is None
    assert settled([], []) is None
