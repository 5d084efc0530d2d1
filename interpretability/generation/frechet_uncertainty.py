"""What a Fréchet distance of few excerpts is worth: its floor, its interval, and its value for endless excerpts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import as_rows, check_count
from interpretability.generation.frechet import frechet_distance, spread


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
    """Distances that `size` real excerpts of as many new recordings would have: what a perfect generator would score.

    A bootstrap over recordings: in each draw as many recordings as there are, drawn with replacement, take the place of
    the reference, and `size` excerpts, drawn on their own as latents are, that of what is generated. Recordings are not
    held out for it: a Fréchet distance depends on how many excerpts and recordings stand on either side, and where
    there are a dozen, none can be spared.

    Excerpts drawn from a few recordings differ from each other by less, or by more, than new ones do. How much is
    measured by drawing from each draw once more, and the band is moved by it (iterated bootstrap, Hall and Martin
    1988). Of few recordings, below about 60, the band is rather too wide than too narrow.

    Args:
        reference: features (n, D) or (n,).
        size: excerpts that are compared, as many as are generated.
        generator: draws on the CPU.
        groups: recording of each excerpt; None takes each for one of its own.
        draws: number of draws.
        level: share of the draws in the band.
        distance: of a reference (n, D) to excerpts (m, D); another than Fréchet's may be handed in.

    Raises:
        InputError: Fewer than four excerpts, or one recording only.
    """
    rows = as_rows(reference)
    check_count(len(rows), 4)
    numbers = recording_numbers(groups, len(rows))
    n_groups = int(numbers.max()) + 1
    if n_groups < 2:
        raise InputError("a floor needs excerpts of at least two recordings, and there is one")
    recordings = [rows[numbers == number] for number in range(n_groups)]
    found, further = [], []
    for _ in range(draws):
        drawn, excerpts = _drawn(recordings, max(2, size), generator)
        found.append(distance(torch.cat(drawn), excerpts))
        again, excerpts = _drawn(drawn, max(2, size), generator)
        further.append(distance(torch.cat(again), excerpts))
    values, more = torch.stack(found), torch.stack(further)
    # Between which of so many draws a further one falls with the chance `level`, rather than the share of the draws.
    tail = max(0.0, ((1 - level) / 2 * (draws + 1) - 1) / max(1, draws - 1))
    band, mean, further_mean = _band(values, 1 - 2 * tail), float(values.mean()), float(more.mean())
    if bool((values >= 0).all()) and further_mean > 0:  # a distance that cannot fall below 0 is stretched, not moved
        return Band(*(edge * mean / further_mean for edge in band))
    return Band(*(edge + mean - further_mean for edge in band))


def bootstrap_band(
    reference: Tensor,
    generated: Tensor,
    generator: torch.Generator,
    draws: int = 200,
    level: float = 0.9,
    groups: Sequence[object] | None = None,
) -> Band:
    """Bootstrap interval of the distance over what was generated (m, D); the reference (n, D) is as it is.

    Args:
        reference: real features.
        generated: the others.
        generator: draws on the CPU.
        draws: number of draws.
        level: share of the draws in the interval.
        groups: recording of each of the others, which are drawn whole; None draws them one by one.

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
    numbers = None if groups is None else recording_numbers(groups, len(rows))
    for _ in range(draws):
        if numbers is None:
            chosen = torch.randint(len(rows), (len(rows),), generator=generator).to(rows.device)
        else:
            count = int(numbers.max()) + 1
            taken = torch.randint(count, (count,), generator=generator).tolist()
            chosen = torch.cat([(numbers == number).nonzero().flatten() for number in taken]).to(rows.device)
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


def _band(values: Tensor, level: float) -> Band:
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype, device=values.device)
    low, high = values.quantile(edges).tolist()
    return Band(low, float(values.mean()), high)


def recording_numbers(groups: Sequence[object] | None, count: int) -> Tensor:
    """Number of each excerpt's recording, from 0."""
    if groups is None:
        return torch.arange(count)
    if len(groups) != count:
        raise InputError(f"{len(groups)} recordings are named for {count} excerpts")
    known: dict[object, int] = {}
    return torch.tensor([known.setdefault(group, len(known)) for group in groups])


def _drawn(recordings: Sequence[Tensor], size: int, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """As many recordings with replacement, and `size` excerpts of all of them."""
    chosen = torch.randint(len(recordings), (len(recordings),), generator=generator).tolist()
    every = torch.cat(list(recordings))
    return [recordings[number] for number in chosen], every[torch.randint(len(every), (size,), generator=generator)]
