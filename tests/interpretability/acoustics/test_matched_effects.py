import itertools
import math

import pytest
import torch

from interpretability.acoustics.matched_effects import (
    PooledNull,
    matched_effects,
    midranks,
    n_shuffles,
    shuffles,
)
from interpretability.acoustics.strata import similar_clips

RANDOM = torch.Generator().manual_seed(0)


def marked(rows: list[list[int]], n: int) -> torch.Tensor:
    table = torch.zeros(len(rows), n, dtype=torch.bool)
    for row, tops in enumerate(rows):
        table[row, tops] = True
    return table


def cliff(tops: list[float], controls: list[float]) -> float:
    signs = [(a > b) - (a < b) for a in tops for b in controls]
    return sum(signs) / len(signs)


def test_ranks_within_strata() -> None:
    ranks = midranks(torch.tensor([5.0, 1, 1, 9, 0, 2]), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert ranks.tolist() == [3, 1.5, 1.5, 3, 1, 2]


def test_delta_is_the_share_of_pairs_weighted_by_the_tops_of_a_stratum() -> None:
    values = torch.randint(0, 7, (24,), generator=RANDOM).double()
    stratum = torch.arange(24) % 3
    tops = [[0, 1, 2, 3], [0, 3, 6, 9, 12], [1, 2, 5, 7, 8, 10, 4]]
    found = matched_effects(values, stratum, marked(tops, 24))
    for row, chosen in enumerate(tops):
        expected = 0.0
        for kind in range(3):
            inside = [clip for clip in chosen if clip % 3 == kind]
            outside = [clip for clip in range(kind, 24, 3) if clip not in chosen]
            if inside:
                share = cliff([float(values[c]) for c in inside], [float(values[c]) for c in outside])
                expected += len(inside) / len(chosen) * share
        assert float(found.delta[row]) == pytest.approx(expected)


def test_mean_and_deviation_are_those_of_all_choices() -> None:
    values = torch.tensor([1.0, 2, 2, 4, 7, 0, 3, 3, 8])
    stratum = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1])
    pairs = itertools.product(itertools.combinations(range(5), 2), itertools.combinations(range(5, 9), 2))
    rows = [[*first, *second] for first, second in pairs]
    found = matched_effects(values, stratum, marked(rows, 9))
    assert float(found.delta.mean()) == pytest.approx(0, abs=1e-12)
    assert found.deviation.tolist() == pytest.approx([float(found.delta.std(correction=0))] * len(rows))


def test_what_cannot_be_tested_is_undefined() -> None:
    values = torch.arange(10.0)
    stratum = torch.tensor([0] * 4 + [1] * 6)
    # All clips of stratum 0: no controls. Three tops: too few. Four in stratum 1: fine.
    found = matched_effects(values, stratum, marked([[0, 1, 2, 3], [4, 5, 6], [4, 5, 6, 7]], 10))
    assert found.delta.isnan().tolist() == [True, True, False]
    assert found.z.isnan().tolist() == [True, True, False]
    assert matched_effects(torch.ones(10), stratum, marked([[4, 5, 6, 7]], 10)).z.isnan().all()  # nothing differs


def test_shuffles_leave_the_strata_as_they_are() -> None:
    stratum = torch.tensor([2, 0, 0, 5, 2, 5, 0, 2])
    orders = shuffles(stratum, 500, seed=1)
    assert (stratum[orders] == stratum).all()
    assert (orders.sort(dim=1).values == torch.arange(8)).all()
    share = (orders[:, 0] == 4).float().mean()
    assert float(share) == pytest.approx(1 / 3, abs=0.07)
    assert torch.equal(orders, shuffles(stratum, 500, seed=1))


def test_p_of_one_unit_is_that_of_all_its_choices() -> None:
    values = torch.tensor([0.3, 1.2, 2.2, 3.1, 4.9, 5.0, 6.3, 7.7, 8.4])
    effects = matched_effects(values, torch.zeros(9).long(), marked([[8, 7, 6, 4]], 9))
    every = matched_effects(
        values, torch.zeros(9).long(), marked([list(rows) for rows in itertools.combinations(range(9), 4)], 9)
    )
    exact = float((every.delta.abs() >= effects.delta.abs() - 1e-9).double().mean())
    null = PooledNull(shuffles(torch.zeros(9).long(), 20_000, seed=0))
    null.add(effects)
    assert float(null.p(effects.z)) == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))


def test_p_values_of_random_units_are_even() -> None:
    values, stratum = torch.randn(120, generator=RANDOM), torch.arange(120) % 4
    tops = torch.rand(600, 120, generator=RANDOM).argsort(dim=1)[:, :10]
    effects = matched_effects(values, stratum, marked(tops.tolist(), 120))
    null = PooledNull(shuffles(stratum, n_shuffles(600, 200_000), seed=0))
    null.add(effects)
    p = null.p(effects.z)
    for level in (0.05, 0.2, 0.5, 0.9):
        assert float((p <= level).double().mean()) == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 600))


def test_the_number_of_shuffles_follows_the_number_of_units() -> None:
    assert [n_shuffles(units, 1_000_000) for units in (1, 500, 1_000_000)] == [5_000, 2_000, 200]


def test_alike_clips_are_alike_in_the_other_descriptors() -> None:
    values = torch.randn(300, 4, generator=RANDOM).double()
    values[:, 1] = values[:, 0] + 0.1 * values[:, 1]  # a twin of the first, which must not be matched
    values[::7, 2] = torch.nan
    groups = similar_clips(values, 0)
    sizes = torch.bincount(groups)
    assert int(sizes.max()) <= 32
    assert int(sizes.min()) >= 8

    def left(column: int) -> float:
        parts = [values[groups == group, column] for group in range(len(sizes))]
        return float(torch.stack([part[~part.isnan()].var() for part in parts]).mean())

    assert left(3) < 0.4
    assert left(0) > 0.7
    assert similar_clips(values[:, :2], 0).eq(0).all()  # nothing else is left to match by
