"""Streaming statistics against numpy on all values at once, and shards against the whole."""

import numpy as np
import pytest
import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.cross_moments import CrossMoments
from interpretability.dissection.read_out import Reading
from interpretability.dissection.top_clips import TopClipsAccumulator
from interpretability.dissection.unit_statistics import UnitAccumulator, UnitStatistics

N, U, M, K = 211, 30, 6, 5


@pytest.fixture
def values() -> Tensor:
    """Units of very different mean and scale, a constant one, a rectified one with many ties."""
    torch.manual_seed(0)
    table = torch.randn(N, U) * torch.logspace(-3, 3, U) + torch.logspace(-2, 5, U) * (torch.arange(U) % 3 - 1)
    table[:, 3], table[:, 4] = 2.5, torch.randn(N).relu()
    return table.double()  # numbers of single precision


@pytest.fixture
def scores() -> Tensor:
    torch.manual_seed(1)
    return torch.rand(N, M)


def gathered(values: Tensor, scores: Tensor, rows: Tensor, size: int, known: Tensor | None = None) -> UnitAccumulator:
    made = None
    seconds = torch.arange(N * U).reshape(N, U).float()
    for part in rows.split(size):
        if made is None:
            made = UnitAccumulator(values[part], scores, 3, K, known is not None)
        reading = Reading(values[part], seconds[part], -seconds[part])
        made.update(reading, part, scores[part], None if known is None else known[part], part % 3)
    assert made is not None
    return made


def result(values: Tensor, scores: Tensor, rows: Tensor | None = None, size: int = 32) -> UnitStatistics:
    return gathered(values, scores, torch.arange(N) if rows is None else rows, size).result("layer", "mean")


def test_moments_and_correlation_are_those_of_numpy(values: Tensor, scores: Tensor) -> None:
    found = result(values, scores)
    assert (found.n_clips, found.n_units, found.layer, found.read_out) == (N, U, "layer", "mean")
    assert np.allclose(found.mean, values.mean(dim=0), rtol=1e-12)
    assert np.allclose(found.std, values.std(dim=0, correction=0), rtol=1e-9)
    assert torch.equal(found.low, values.amin(dim=0))
    assert torch.equal(found.high, values.amax(dim=0))
    alive = [unit for unit in range(U) if unit != 3]
    expected = np.corrcoef(values[:, alive].numpy().T, scores.double().numpy().T)[: U - 1, U - 1 :]
    assert float(np.abs(found.correlation[alive].numpy() - expected).max()) < 1e-8
    assert not found.correlation[3].any()
    assert found.dead.nonzero().flatten().tolist() == [3]
    assert torch.equal(found.signed, (values < 0).any(dim=0))


def test_a_mean_far_above_the_deviation_costs_no_digits(scores: Tensor) -> None:
    torch.manual_seed(0)
    far = 1e6 + torch.randn(N, 4, dtype=torch.float64)
    expected = np.corrcoef(far.numpy().T, scores.double().numpy().T)[:4, 4:]
    assert float(np.abs(result(far, scores).correlation.numpy() - expected).max()) < 1e-8


def test_histograms_are_those_of_numpy(values: Tensor, scores: Tensor) -> None:
    found = result(values, scores)
    for unit in range(U):
        edges = found.edges[unit].numpy()
        assert (np.histogram(values[:, unit], edges)[0] == found.histogram[unit].numpy()).all()
        filled = found.histogram[unit].nonzero().flatten()
        assert int(found.histogram[unit].sum()) == N
        if unit != 3:
            assert int(filled[-1] - filled[0]) >= 31  # half of the bins at least are in use


def test_top_clips_are_sorted_with_ties_in_the_order_of_the_clips(values: Tensor, scores: Tensor) -> None:
    found = result(values, scores, torch.randperm(N))
    for unit in range(U):
        for kept, sign in ((found.top, -1), (found.bottom, 1)):
            expected = sorted(range(N), key=lambda clip: (sign * float(values[clip, unit]), clip))[:K]
            assert kept.clips[unit].tolist() == expected
            assert kept.values[unit].tolist() == values[expected, unit].tolist()
            assert kept.seconds[unit].tolist() == [float(-sign * (clip * U + unit)) for clip in expected]


def test_fewer_clips_than_places() -> None:
    kept = TopClipsAccumulator(1, 3, -1)
    kept.update(torch.tensor([[-0.0], [0.0]]), torch.zeros(2, 1), torch.tensor([9, 4]))
    found = kept.result()
    assert found.clips.tolist() == [[4, 9, -1]]
    assert found.values[0, :2].tolist() == [0, 0]
    assert bool(found.values[0, 2].isnan())


@pytest.mark.parametrize("observed", [False, True])
def test_shards_add_up_to_the_whole(values: Tensor, scores: Tensor, observed: bool) -> None:
    known = torch.rand(N, M) < 0.7 if observed else None
    mixed = torch.randperm(N)
    whole = gathered(values, scores, torch.arange(N), 32, known)
    parts = zip(mixed.split([20, 150, 41]), (7, 64, 50), strict=True)
    shards = [gathered(values, scores, rows, size, known) for rows, size in parts]
    joined = UnitAccumulator.of_state(shards[0].state())
    for shard in shards[1:]:
        joined.merge(UnitAccumulator.of_state(shard.state()))
    a, b = whole.result("x", "mean"), joined.result("x", "mean")
    for name in ("histogram", "edges", "low", "high"):
        assert torch.equal(getattr(a, name), getattr(b, name))
    for name in ("top", "bottom"):
        for part in ("values", "clips", "seconds"):
            assert torch.equal(getattr(getattr(a, name), part), getattr(getattr(b, name), part))
    assert np.allclose(a.mean, b.mean, rtol=1e-12)
    assert np.allclose(a.std, b.std, rtol=1e-9)
    assert float((a.correlation - b.correlation).abs().max()) < 1e-12


def test_unknown_scores_are_left_out(values: Tensor, scores: Tensor) -> None:
    known = torch.rand(N, M) < 0.6
    hidden = scores.masked_fill(~known, 1e3)
    found = gathered(values, hidden, torch.arange(N), 20, known).result("x", "mean").correlation
    for unit in (0, 7, 29):
        for concept in range(M):
            rows = known[:, concept]
            expected = np.corrcoef(values[rows, unit], scores[rows, concept].double())[0, 1]
            assert float(found[unit, concept]) == pytest.approx(expected, abs=1e-8)


def test_groups_weigh_what_they_are_drawn(values: Tensor, scores: Tensor) -> None:
    moments = CrossMoments(3, values[:9].mean(dim=0), scores.mean(dim=0), False)
    group = torch.arange(N) % 3
    moments.update(values, scores, None, group)
    twice = torch.cat([values[group == 0], values[group == 0], values[group == 2]])
    labels = torch.cat([scores[group == 0], scores[group == 0], scores[group == 2]]).double()
    expected = np.corrcoef(twice[:, 5:9].T, labels.T)[:4, 4:]
    found = moments.correlation(torch.tensor([[2.0, 0, 1]]), slice(5, 9))[0]
    assert float(np.abs(found.numpy() - expected).max()) < 1e-8
    assert torch.allclose(moments.regrouped(torch.tensor([0, 0, 1])).correlation(), moments.correlation())
    assert torch.allclose(moments.first(1).correlation(), moments.correlation(torch.tensor([[1.0, 0, 0]])))


def test_another_number_of_units_is_refused(values: Tensor, scores: Tensor) -> None:
    made = gathered(values, scores, torch.arange(N), 50)
    reading = Reading(values[:2, :7], *[torch.zeros(2, 7)] * 2)
    with pytest.raises(InputError, match="7 units after 30"):
        made.update(reading, torch.arange(2), scores[:2], None, torch.zeros(2))
