"""What a dissection costs: memory that does not grow with the clips, speed beside the published ways."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from interpretability.dissection.concepts import one_hot
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import read
from interpretability.dissection.similarity import auprc, cosine_cubed, pearson, rank_reorder, soft_wpmi, wpmi
from interpretability.dissection.unit_statistics import UnitAccumulator

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("dissection_memory.py")
REPEATS = 2
T = TypeVar("T")


def test_fifty_thousand_units_need_less_than_300_mb_however_many_clips() -> None:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[3]), "OMP_NUM_THREADS": "1"}
    found = {}
    for clips in (2_000, 20_000):
        run = subprocess.run(
            [sys.executable, str(SCRIPT), str(clips)], capture_output=True, text=True, check=True, env=environment
        )
        found[clips] = json.loads(run.stdout.splitlines()[-1])
    print(found)
    assert all(figures["above"] < 300 for figures in found.values())
    assert found[20_000]["above"] - found[2_000]["above"] < 40
    assert all(figures["named"] > 0.9 for figures in found.values())  # the work was done: these units all have a name


def one_by_one(of: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The published way: a loop over units, each with all that the similarity needs."""
    return lambda u, S: torch.cat([of(u[:, [k]], S) for k in range(u.shape[1])])


def pmi_one_by_one(u: Tensor, S: Tensor, top: int, scale: float, weight: float, soft: bool) -> Tensor:
    """The same for mutual information, but for its second term, which is over all units."""
    likelihood = one_by_one(lambda a, b: pmi_loop(a, b, top, scale, 0.0, soft))(u, S)
    return likelihood - weight * (likelihood.logsumexp(dim=0) - math.log(len(likelihood)))


def cubed_loop(u: Tensor, S: Tensor) -> Tensor:
    a, v = (u - u.mean(dim=0)) ** 3, (S - S.mean(dim=0)) ** 3
    return (a / a.norm(dim=0).clamp_min(1e-3)).T @ (v / v.norm(dim=0).clamp_min(1e-3))


def pmi_loop(u: Tensor, S: Tensor, top: int, scale: float, weight: float, soft: bool) -> Tensor:
    q = torch.softmax(scale * S, dim=1)
    inds = u.topk(top, dim=0).indices
    p = 0.998 - torch.arange(top)[:, None] / top * (0.998 - 0.97)
    rows = []
    for k in range(u.shape[1]):
        chosen = q.gather(0, inds[:, k : k + 1].expand(-1, q.shape[1]))
        chosen = 1 + p * (chosen - 1) if soft else chosen
        rows.append(torch.log(chosen + 1e-7).sum(dim=0, keepdim=True))
    likelihood = torch.cat(rows)
    return likelihood - weight * (likelihood.logsumexp(dim=0) - math.log(len(likelihood)))


def rank_loop(u: Tensor, S: Tensor) -> Tensor:
    n = int(0.05 * len(u))
    values, inds = u.topk(n, dim=0)
    generator = torch.Generator().manual_seed(0)
    shuffles = [torch.randperm(n, generator=generator) for _ in range(5)]
    rows = []
    for k in range(u.shape[1]):
        chosen = S.gather(0, inds[:, k : k + 1].expand(-1, S.shape[1]))
        falling = values[:, k : k + 1]
        rising = falling.flip(0)
        ranks = chosen.argsort(dim=0, stable=True).argsort(dim=0)
        chance = (rising - torch.cat([rising[order] for order in shuffles], dim=1)).abs().pow(3).mean()
        error = (falling - rising.expand(-1, S.shape[1]).gather(0, ranks)).abs().pow(3).mean(dim=0, keepdim=True)
        rows.append(-error / chance / chosen.mean(dim=0, keepdim=True).sqrt())
    return torch.cat(rows)


def auprc_loop(u: Tensor, S: Tensor) -> Tensor:
    from sklearn.metrics import average_precision_score

    has = (S > 0.5).numpy()
    table = [
        [float(average_precision_score(has[:, m], u[:, k].numpy())) for m in range(S.shape[1])]
        for k in range(u.shape[1])
    ]
    return torch.tensor(table)


def pearson_loop(u: Tensor, S: Tensor) -> Tensor:
    rows = [
        [torch.corrcoef(torch.stack([u[:, k], S[:, m]]))[0, 1] for m in range(S.shape[1])] for k in range(u.shape[1])
    ]
    return torch.tensor(rows)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds, which other processes change less than those of the clock, and what came of them."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def test_scores_are_ten_times_as_fast_as_loops_over_units_and_the_same() -> None:
    """CPU seconds for six scores of a layer, loops and blocks by turns; the paper calls its similarity unit by unit.

    Inside the published (soft-)WPMI there is a loop too, after all units have been ranked at once. Ranking is most of
    the work that is left then, so that blocks gain less on it.
    """
    torch.set_num_threads(1)
    torch.manual_seed(1)
    n, units, concepts = 2000, 384, 50
    S = 0.2 + 0.6 * (torch.arange(n)[:, None] % concepts == torch.arange(concepts)) + 0.05 * torch.rand(n, concepts)
    units_of = torch.randn(n, units) + 2 * S[:, torch.arange(units) % concepts]
    highest = units_of.topk(101, dim=0).values
    assert (highest[1:] != highest[:-1]).all()  # equal values would be ranked either way
    few = 24  # units of the slowest loops; their seconds count units / few times
    pairs: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor], int]] = {
        "cosine_cubed": (one_by_one(cubed_loop), cosine_cubed, units),
        "wpmi": (lambda a, b: pmi_one_by_one(a, b, 28, 2.0, 0.6, False), wpmi, units),
        "soft_wpmi": (lambda a, b: pmi_one_by_one(a, b, 100, 10.0, 1.0, True), soft_wpmi, units),
        "rank_reorder": (one_by_one(rank_loop), rank_reorder, units),
        "wpmi, loop inside": (lambda a, b: pmi_loop(a, b, 28, 2.0, 0.6, False), wpmi, units),
        "soft_wpmi, loop inside": (lambda a, b: pmi_loop(a, b, 100, 10.0, 1.0, True), soft_wpmi, units),
        "pearson": (pearson_loop, pearson, few),
        "auprc": (auprc_loop, auprc, few),
    }
    loops, blocks = dict.fromkeys(pairs, math.inf), dict.fromkeys(pairs, math.inf)
    for _ in range(REPEATS):
        for name, (loop, block, count) in pairs.items():
            u, factor = units_of[:, :count], units / count
            slow, expected = timed(partial(loop, u, S))
            fast, found = timed(partial(block, u, S))
            loops[name], blocks[name] = min(loops[name], factor * slow), min(blocks[name], factor * fast)
            scale = float(expected.abs().max().clamp_min(1))
            assert float((found - expected).abs().max()) < 1e-5 * scale, name
    ratios = {name: round(loops[name] / blocks[name], 1) for name in pairs}
    print(ratios)
    assert all(ratio >= 10 for name, ratio in ratios.items() if "inside" not in name)
    assert all(ratio >= 1.5 for ratio in ratios.values())


def test_the_streaming_pass_is_twice_as_fast_as_saving_everything(tmp_path: Path) -> None:
    """CPU seconds from the same maps to the same statistics: read as they come, or saved whole, loaded and read."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    n, units, steps, classes, size = 1024, 512, 256, 10, 32
    maps = torch.randn(size, units, 1, steps)
    scores = one_hot(torch.arange(n) % classes, [f"class {c}" for c in range(classes)]).scores
    shift = 0.1 * torch.randn(n // size)  # the maps of each batch are others, and cost nothing to make
    length, group = torch.full((size,), 8000), torch.zeros(size, dtype=torch.long)

    def gather(read_maps: Callable[[int], Tensor], lazily: bool) -> UnitAccumulator:
        made: UnitAccumulator | None = None
        for number, index in enumerate(torch.arange(n).split(size)):
            batch = ProbeBatch(torch.zeros(size, 8000), length, index)
            bounds = made.bounds if made is not None and lazily else None
            reading = read(read_maps(number), batch, 8000, "mean", bounds=bounds)
            made = made or UnitAccumulator(reading.values, scores, 1, 16, False)
            made.update(reading, index, scores[index], None, group)
        assert made is not None
        return made

    def of(number: int) -> Tensor:
        return maps.roll(number, 0) + shift[number]

    def saved() -> UnitAccumulator:
        for number in range(n // size):
            torch.save(of(number), tmp_path / f"{number}.pt")
        return gather(lambda number: torch.load(tmp_path / f"{number}.pt"), lazily=True)

    making = min(timed(lambda: [of(number) for number in range(n // size)])[0] for _ in range(REPEATS))
    streaming, saving = math.inf, math.inf
    for _ in range(REPEATS):
        spent, streamed = timed(lambda: gather(of, lazily=True))
        streaming = min(streaming, spent - making)
        spent, loaded = timed(saved)
        saving = min(saving, spent - making)
        mine, theirs = streamed.result("layer", "mean"), loaded.result("layer", "mean")
        assert torch.equal(mine.correlation, theirs.correlation)
        assert torch.equal(mine.top.seconds, theirs.top.seconds)
    print(f"streaming {streaming:.2f} s, saving {saving:.2f} s, ratio {saving / streaming:.2f}")
    assert saving >= 2 * streaming
    eager = gather(of, lazily=False).result("layer", "mean")
    assert torch.equal(eager.top.seconds, mine.top.seconds)
    assert torch.equal(eager.bottom.seconds, mine.bottom.seconds)
