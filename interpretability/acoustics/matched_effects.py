"""Cliff's delta of a unit's top clips against the other clips of the same strata, with a permutation test.

Within a stratum (a class, say) every clip that is not among the tops is a control, and strata count by how many tops
they hold: so controls have the tops' mix. Under the null hypothesis the tops are any clips of their strata, so that
values shuffled within strata give draws from the null.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST = 4
"""Tops with a value and with controls that a test needs."""
DRAWS = 1_000_000
"""Draws from the null for one descriptor, all units together: no p-value is below one over this."""
SHUFFLES = (200, 5_000)
"""Fewest and most shuffles, whatever the number of units."""
BLOCK = 1 << 22
"""Numbers held at once."""
FINEST = 1024
"""Bins per standard deviation in which draws are counted; a draw in the same bin counts as at least as large."""
WIDEST = 16
"""Standard deviations beyond which draws are counted together."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Cliff's delta (U,) in [-1, 1] and its standard deviation (U,) under the null; NaN where it cannot be tested.

    `weights` (U, n) times the clips' `scores` (n,) is delta.
    """

    delta: Tensor
    deviation: Tensor
    weights: Tensor
    scores: Tensor

    @property
    def z(self) -> Tensor:
        """Delta (U,) in standard deviations; NaN where there is no test."""
        return torch.where(self.deviation > 0, self.delta / self.deviation, torch.nan)


def midranks(values: Tensor, stratum: Tensor) -> Tensor:
    """Rank (n,) of each value (n,) within its stratum (n,), from 1; equal values share the mean of their ranks."""
    order = values.argsort(stable=True)
    order = order[stratum[order].argsort(stable=True)]
    pairs = torch.stack([stratum[order].double(), values[order].double()], dim=1)
    _, group, count = torch.unique_consecutive(pairs, dim=0, return_inverse=True, return_counts=True)
    middle = (count.cumsum(0) - count).double() + (count + 1) / 2
    sizes = torch.bincount(stratum)
    ranks = torch.empty(len(values), dtype=torch.float64, device=values.device)
    ranks[order] = middle[group] - (sizes.cumsum(0) - sizes)[stratum[order]]
    return ranks


def matched_effects(values: Tensor, stratum: Tensor, is_top: Tensor, fewest: int = FEWEST) -> Effects:
    """Effects of U units whose tops are marked (U, n), from values (n,) without NaN and strata (n,) from 0.

    Source: the sum of ranks of n of N clips has the variance n (N - n) / N that of the N ranks (van Elteren 1960).
    """
    if not len(values):
        undefined = values.new_full((len(is_top),), torch.nan)
        return Effects(undefined, undefined, is_top.double(), values)
    _, stratum = torch.unique(stratum, return_inverse=True)
    sizes = torch.bincount(stratum).double()
    scores = midranks(values, stratum) - (sizes[stratum] + 1) / 2
    spread = torch.zeros_like(sizes).index_add_(0, stratum, scores.square()) / (sizes - 1).clamp_min(1)
    member = torch.nn.functional.one_hot(stratum, len(sizes)).double()
    tops = is_top.double() @ member
    controls = sizes - tops
    used = torch.where(controls > 0, tops, 0.0)
    total = used.sum(dim=1, keepdim=True)
    total = torch.where(total >= fewest, total, torch.nan)
    factor = torch.where(controls > 0, 2 / controls, 0.0) / total
    weights = is_top * factor[:, stratum]
    variance = (used * factor.square() * controls * spread / sizes).sum(dim=1)
    delta = torch.where(total[:, 0].isnan(), torch.nan, weights.nan_to_num(0.0) @ scores)
    return Effects(delta, variance.sqrt(), weights, scores)


def shuffles(stratum: Tensor, count: int, seed: int) -> Tensor:
    """`count` orders (R, n) of n clips that leave each clip's stratum (n,) as it is."""
    generator = torch.Generator().manual_seed(seed)
    _, number = torch.unique(stratum.cpu(), return_inverse=True)
    place = number.argsort(stable=True)
    keys = number.double() + torch.rand(count, len(number), generator=generator, dtype=torch.float64)
    orders = torch.empty(count, len(number), dtype=torch.int64)
    orders[:, place] = keys.argsort(dim=1)
    return orders.to(stratum.device)


def n_shuffles(n_units: int, draws: int = DRAWS) -> int:
    """How many shuffles give `draws` draws from the null for U units together."""
    return min(max(math.ceil(draws / max(n_units, 1)), SHUFFLES[0]), SHUFFLES[1])


class PooledNull:
    """Draws of delta from the null, in standard deviations of each unit, pooled over the units of a layer."""

    def __init__(self, orders: Tensor) -> None:
        self.orders = orders
        self.counts = torch.zeros(WIDEST * FINEST + 1, dtype=torch.int64, device=orders.device)

    def add(self, effects: Effects) -> None:
        """Add one draw for each unit that can be tested and each shuffle (R, n)."""
        tested = effects.deviation > 0
        table = effects.scores.float()[self.orders].T
        weights = (effects.weights[tested] / effects.deviation[tested, None]).float()
        step = max(1, BLOCK // len(self.orders))
        for first in range(0, len(weights), step):
            self.counts += torch.bincount(_bins(weights[first : first + step] @ table), minlength=len(self.counts))

    def p(self, z: Tensor) -> Tensor:
        """Two-sided p (U,) of deltas in standard deviations (U,): the share of draws at least as far from 0."""
        at_least = self.counts.flip(0).cumsum(0).flip(0)
        # A hair less, so that a draw equal to what was measured counts whatever the rounding.
        found = at_least[_bins((z.abs() - 1e-5).clamp_min(0).nan_to_num(0.0))]
        return torch.where(z.isnan(), torch.nan, (found + 1.0) / (at_least[0] + 1.0))


def _bins(z: Tensor) -> Tensor:
    """Bin of each draw, flat."""
    return (z.abs() * FINEST).long().clamp_max(WIDEST * FINEST).flatten()
