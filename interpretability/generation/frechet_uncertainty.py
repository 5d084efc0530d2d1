"""What a Fréchet distance of few excerpts is worth: its floor, its interval, and its value for endless excerpts."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import as_rows, check_count
from interpretability.generation.frechet import frechet_distance, spread

LINE = 10
"""Recordings from which on a distance is a line in 1 / R."""


class Band(NamedTuple):
    """Range in which a share of all draws lies, and the mean of the draws."""

    low: float
    mean: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


def floor_band(
    reference: Tensor,
    size: int,
    generator: torch.Generator,
    groups: Sequence[object] | None = None,
    draws: int = 100,
    level: float = 0.9,
    distance: Callable[[Tensor, Tensor], Tensor] = frechet_distance,
) -> Band:
    """Distances of real excerpts to other real excerpts: what a perfect generator would score.

    Each draw holds out `size` excerpts, whole recordings at a time, and measures them against the rest, so that floor
    and score rest on equally many excerpts and no recording stands on both sides.

    Recordings that are held out of R differ less from each other than new ones would: the mean of q of them has the
    variance 1/q - 1/R of a finite population, that of as many new ones 1/q. The band is wider than the draws by the
    root of their ratio.

    A Fréchet distance falls with the number R of recordings it is measured against, on a line in 1 / R, and a draw has
    fewer of them than the reference. Its slope is measured with a quarter less, and the band is moved along it where
    there are `LINE` recordings. It is about 0 for distances without a bias.

    Args:
        reference: features (n, D) or (n,).
        size: excerpts held out, as many as are generated; at most half of them are.
        generator: draws on the CPU.
        groups: recording of each excerpt; None takes each for one of its own.
        draws: number of draws.
        level: share of the draws in the band.
        distance: of the rest (n, D) to what is held out (m, D); another than Fréchet's may be handed in.

    Raises:
        InputError: Fewer than four excerpts, or one recording only.
    """
    rows = as_rows(reference)
    check_count(len(rows), 4)
    numbers = _numbers(groups, len(rows))
    n_groups = int(numbers.max()) + 1
    if n_groups < 2:
        raise InputError("a floor needs excerpts of at least two recordings, and there is one")
    wanted = max(2, min(size, len(rows) // 2))
    found, steps, held = [], [], 0
    for _ in range(draws):
        out = _held_out(numbers, n_groups, wanted, generator)
        if not 2 <= int(out.sum()) <= len(rows) - 2:
            continue
        count = int(torch.bincount(numbers[out]).count_nonzero())
        held += count
        new = rows[_some(out, wanted, generator)]
        found.append(distance(rows[~out], new))
        fewer = _held_out(numbers, n_groups, int((~out).sum()) // 4, generator, out)
        left = n_groups - int(torch.bincount(numbers[fewer]).count_nonzero())
        rest = n_groups - count
        if n_groups >= LINE and left < rest and int((~fewer).sum()) >= 2:
            slope = (distance(rows[~fewer], new) - found[-1]) / (1 / left - 1 / rest)
            steps.append(slope * (1 / n_groups - 1 / rest))
    if not found:
        raise InputError("no recording can be held out: one of them holds nearly all excerpts")
    values = torch.stack(found)
    band = _widened(_band(values, level), held / len(found) / n_groups)
    step = float(torch.stack(steps).mean()) if steps else 0.0
    least = 0.0 if bool((values >= 0).all()) else -math.inf
    return Band(*(max(edge + step, least) for edge in band))


def bootstrap_band(
    reference: Tensor, generated: Tensor, generator: torch.Generator, draws: int = 200, level: float = 0.9
) -> Band:
    """Bootstrap interval of the distance over what was generated (m, D); the reference (n, D) is as it is.

    Raises:
        InputError: Fewer than two excerpts on a side.
    """
    real, rows = spread(reference), as_rows(generated)
    check_count(len(rows))
    # Everything but the mean is a matter of the m x m inner products with the reference's factor.
    projected = rows @ real.factor.T
    if projected.shape[1] > len(rows):
        projected = torch.linalg.qr(projected.T, mode="r").R.T
    total, found = real.factor.square().sum(), []
    for _ in range(draws):
        chosen = torch.randint(len(rows), (len(rows),), generator=generator).to(rows.device)
        x, p = rows[chosen], projected[chosen]
        mean = x.mean(dim=0)
        own = (x - mean).square().sum() / (len(x) - 1)
        shared = torch.linalg.svdvals(p - p.mean(dim=0)).sum() / (len(x) - 1) ** 0.5
        found.append(((real.mean - mean).square().sum() + total + own - 2 * shared).clamp_min(0))
    return _band(torch.stack(found), level)


class Extrapolation(NamedTuple):
    """Distance for endless excerpts, and how well the line through the points fits (1: exactly)."""

    distance: float
    r_squared: float


def frechet_infinity(
    reference: Tensor,
    generated: Tensor,
    generator: torch.Generator,
    points: int = 10,
    draws: int = 5,
    smallest: float = 0.4,
) -> Extrapolation:
    """Distance extrapolated to endless generated excerpts, on a line in 1 / m (Chong and Forsyth 2020).

    Subsets without replacement, from the share `smallest` of the m excerpts to all of them, `draws` of each size.

    Raises:
        InputError: Fewer than ten generated excerpts.
    """
    real, rows = spread(reference), as_rows(generated)
    check_count(len(rows), 10)
    sizes = torch.linspace(smallest * len(rows), len(rows), points).round().int().tolist()
    x, y = [], []
    for size in sizes:
        for _ in range(draws if size < len(rows) else 1):
            chosen = torch.randperm(len(rows), generator=generator)[:size].to(rows.device)
            x.append(1 / size)
            y.append(float(frechet_distance(real, rows[chosen])))
    inverse, distance = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    centred = inverse - inverse.mean()
    slope = (centred * distance).sum() / centred.square().sum()
    intercept = distance.mean() - slope * inverse.mean()
    spare = (distance - intercept - slope * inverse).square().sum()
    total = (distance - distance.mean()).square().sum()
    return Extrapolation(float(intercept), float(1 - spare / total) if total > 0 else 1.0)


def _widened(band: Band, share: float) -> Band:
    """The band of new recordings, from that of draws which hold out a share of the reference's."""
    factor = (1 / (1 - share)) ** 0.5
    return Band(*(band.mean + factor * (edge - band.mean) for edge in band))


def _band(values: Tensor, level: float) -> Band:
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype, device=values.device)
    low, high = values.quantile(edges).tolist()
    return Band(low, float(values.mean()), high)


def _numbers(groups: Sequence[object] | None, count: int) -> Tensor:
    """Number of each excerpt's recording, from 0."""
    if groups is None:
        return torch.arange(count)
    if len(groups) != count:
        raise InputError(f"{len(groups)} recordings are named for {count} excerpts")
    known: dict[object, int] = {}
    return torch.tensor([known.setdefault(group, len(known)) for group in groups])


def _held_out(
    numbers: Tensor, n_groups: int, wanted: int, generator: torch.Generator, before: Tensor | None = None
) -> Tensor:
    """Which excerpts (n,) belong to recordings drawn until `wanted` are held out; at least one recording stays.

    Those held out `before` (n,) are so again, and do not count.
    """
    order = torch.randperm(n_groups, generator=generator)
    gone = numbers[:0] if before is None else numbers[before]
    order = order[~torch.isin(order, gone)][:-1]
    sizes = torch.bincount(numbers, minlength=n_groups)[order].cumsum(dim=0)
    taken = order[: int((sizes < wanted).sum()) + 1]
    return torch.isin(numbers, torch.cat([taken, gone]))


def _some(out: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
    """Positions of `wanted` of the excerpts held out, or of all where there are fewer."""
    places = out.nonzero().flatten()
    return places[torch.randperm(len(places), generator=generator)[:wanted]]
