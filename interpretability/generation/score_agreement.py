"""Whether a score of generated sounds agrees with how often an independent network recognises them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.acoustics.rank_correlation import column_ranks, rank_correlation

LEAST_GROUPS = 3


class Agreement(NamedTuple):
    """Spearman's rank correlation of closeness and recognition, and its interval (95 %); n points of so many groups.

    It is NaN where either does not vary, such as where nothing is recognised at all.
    """

    correlation: float
    low: float
    high: float
    n: int
    groups: int


def share_of_way(distance: float, floor: float, ceiling: float) -> float:
    """Return where a distance lies between that of real sounds (0) and that of sounds that nobody searched (1).

    Distances of different classes have different scales, as some classes are narrow and others near to any sound; their
    shares of the way are comparable. NaN where either end is unknown, or no searched sound could be nearer.
    """
    return (distance - floor) / (ceiling - floor) if ceiling > floor else float("nan")


def score_agreement(
    distance: Sequence[float],
    recognised: Sequence[float],
    groups: Sequence[object],
    generator: torch.Generator,
    draws: int = 1000,
    within: bool = False,
) -> Agreement:
    """Correlate minus the distance with the share recognised, over settings of several classes together.

    The interval is a bootstrap over groups: settings of one class are alike, so that they do not count as independent.

    Args:
        distance: of each setting, lower is better.
        recognised: share of its sounds that the independent network recognises.
        groups: class of each setting.
        generator: draws on the CPU.
        draws: of the bootstrap.
        within: rank settings within their class first, so that classes which are easier or nearer count for nothing.

    Raises:
        InputError: Lists of different lengths, or fewer than three groups.
    """
    if not len(distance) == len(recognised) == len(groups):
        raise InputError(f"{len(distance)} distances, {len(recognised)} shares and {len(groups)} groups")
    names = list(dict.fromkeys(groups))
    if len(names) < LEAST_GROUPS:
        raise InputError(f"an interval over classes needs {LEAST_GROUPS} of them, and there are {len(names)}")
    near = -torch.tensor(list(distance), dtype=torch.float64)
    share = torch.tensor(list(recognised), dtype=torch.float64)
    places = [torch.tensor([i for i, group in enumerate(groups) if group == name]) for name in names]
    if within:
        for rows in places:
            near[rows], share[rows] = _shares_of_ranks(near[rows]), _shares_of_ranks(share[rows])
    found = []
    for _ in range(draws):
        chosen = torch.randint(len(names), (len(names),), generator=generator).tolist()
        rows = torch.cat([places[group] for group in chosen])
        found.append(_correlation(near[rows], share[rows]))
    drawn = torch.tensor(found, dtype=torch.float64)
    edges = drawn.nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Agreement(_correlation(near, share), edges[0], edges[1], len(near), len(names))


def _shares_of_ranks(values: Tensor) -> Tensor:
    """Ranks (n,) as shares of their number, in (0, 1)."""
    shares: Tensor = (column_ranks(values[:, None])[:, 0] - 0.5) / len(values)
    return shares


def _correlation(first: Tensor, second: Tensor) -> float:
    return float(rank_correlation(first[:, None], second[:, None]))
