"""Exact correlation of every unit with every concept from sums that stream, in one or several groups of clips.

With fixed centres K of a unit and L of a concept, near their means, the sums of (a - K), (a - K)^2, (s - L), (s - L)^2
and (a - K)(s - L) are all that Pearson's correlation needs, and lose no digits. The last is one matrix product for a
batch. Labels that are not observed are left out of the sums of their concept.
"""

import torch
from torch import Tensor

from interpretability.dissection.unit_blocks import unit_blocks

FLAT = 1e-10
"""A standard deviation below this share of the root mean square about the centre is rounding, not variation."""

STATE = ("unit_centre", "concept_centre", "n", "concept", "unit", "cross", "total", "count")


class CrossMoments:
    """Sums of U units and M concepts in G groups of clips, in double precision: O(G U M) memory.

    Attributes:
        unit_centre, concept_centre: K (U,) and L (M,).
        n: (G, M) clips with a known score.
        concept: (G, 2, M) sums of s - L and its square.
        unit: (G, 2, U or U M) sums of a - K and its square, over the clips of each concept if some are not observed.
        cross: (G, U, M).
        total: (2, U) sums of a - K and its square over all clips; `count` () of them.
    """

    def __init__(self, n_groups: int, unit_centre: Tensor, concept_centre: Tensor, observed: bool) -> None:
        self.unit_centre, self.concept_centre = unit_centre.double(), concept_centre.double()
        u, m, device = len(unit_centre), len(concept_centre), unit_centre.device
        self.n = torch.zeros(n_groups, m, dtype=torch.float64, device=device)
        self.concept = torch.zeros(n_groups, 2, m, dtype=torch.float64, device=device)
        self.unit = torch.zeros(n_groups, 2, u, m if observed else 1, dtype=torch.float64, device=device)
        self.cross = torch.zeros(n_groups, u, m, dtype=torch.float64, device=device)
        self.total = torch.zeros(2, u, dtype=torch.float64, device=device)
        self.count = torch.zeros((), dtype=torch.float64, device=device)

    def update(self, values: Tensor, scores: Tensor, known: Tensor | None, group: Tensor) -> None:
        """Add clips: values (B, U), scores (B, M), which are known (B, M) or None for all, groups (B,)."""
        weight = torch.ones_like(scores, dtype=torch.float64) if known is None else known.double()
        centred = (scores.double() - self.concept_centre) * weight
        counted = weight if self.unit.shape[-1] > 1 else weight[:, :1].clamp_min(1)
        for g in sorted(set(group.tolist())):
            rows = (group == g).nonzero().flatten()
            s, o = centred[rows], counted[rows]
            self.n[g] += weight[rows].sum(dim=0)
            self.concept[g] += torch.stack([s.sum(dim=0), s.square().sum(dim=0)])
            for block in unit_blocks(len(self.unit_centre), len(rows)):
                a = values[rows, block].double() - self.unit_centre[block]
                self.cross[g, block].addmm_(a.T, s)
                self.unit[g, 0, block].addmm_(a.T, o)
                self.total[0, block] += a.sum(dim=0)
                self.unit[g, 1, block].addmm_(a.square_().T, o)
                self.total[1, block] += a.sum(dim=0)
        self.count += len(values)

    def merge(self, other: "CrossMoments") -> None:
        """Add the sums of another shard, moved to the centres of this one."""
        da, ds = other.unit_centre - self.unit_centre, other.concept_centre - self.concept_centre
        first, square = other.unit[:, 0], other.unit[:, 1]
        n = other.n[:, None, :] if self.unit.shape[-1] > 1 else other.n.amax(dim=1)[:, None, None]
        along = da[None, :, None]
        self.unit[:, 0] += first + n * along
        self.unit[:, 1] += square + 2 * along * first + n * along.square()
        s, s2 = other.concept[:, 0], other.concept[:, 1]
        self.concept[:, 0] += s + other.n * ds
        self.concept[:, 1] += s2 + 2 * ds * s + other.n * ds.square()
        self.cross += other.cross + ds * first + along * s[:, None] + other.n[:, None] * along * ds
        self.n += other.n
        first, square = other.total
        self.total += torch.stack([first + other.count * da, square + 2 * da * first + other.count * da.square()])
        self.count += other.count

    def regrouped(self, group: Tensor) -> "CrossMoments":
        """Return the sums with group g added to group `group[g]` of fewer, or of one."""
        fewer = CrossMoments(0, self.unit_centre, self.concept_centre, self.unit.shape[-1] > 1)
        for name in ("n", "concept", "unit", "cross"):
            sums: Tensor = getattr(self, name)
            empty = sums.new_zeros(int(group.max()) + 1, *sums.shape[1:])
            setattr(fewer, name, empty.index_add_(0, group.to(sums.device), sums))
        fewer.total, fewer.count = self.total, self.count
        return fewer

    def first(self, n_groups: int) -> "CrossMoments":
        """Return a view of the first groups; its totals are those of all."""
        view = CrossMoments(0, self.unit_centre, self.concept_centre, self.unit.shape[-1] > 1)
        for name in STATE:
            sums: Tensor = getattr(self, name)
            setattr(view, name, sums[:n_groups] if name in ("n", "concept", "unit", "cross") else sums)
        return view

    def correlation(self, weights: Tensor | None = None, units: slice = slice(None)) -> Tensor:
        """Pearson's r (D, U, M) float64 if the groups count `weights` (D, G) times; by default all once, D = 1.

        It is 0 where a unit or a concept does not vary.
        """
        weights = torch.ones_like(self.n[:, :1]).T if weights is None else weights.to(self.n)
        if units == slice(None):
            blocks = unit_blocks(self.cross.shape[1], len(weights) * self.cross.shape[2])
            return torch.cat([self.correlation(weights, block) for block in blocks], dim=1)
        cross, unit = self.cross[:, units], self.unit[:, :, units]

        def weighted(sums: Tensor) -> Tensor:
            return (weights @ sums.flatten(1)).unflatten(1, sums.shape[1:])  # type: ignore[no-untyped-call, no-any-return]

        n = weighted(self.n)[:, None].clamp_min(1)
        a, a2 = weighted(unit[:, 0]), weighted(unit[:, 1])
        s, s2 = weighted(self.concept[:, 0])[:, None], weighted(self.concept[:, 1])[:, None]
        spread_a, spread_s = (
            _spread(a, a2, n if unit.shape[-1] > 1 else n.amax(dim=-1, keepdim=True)),
            _spread(s, s2, n),
        )
        r = (weighted(cross) - a * s / n) / (spread_a * spread_s)
        return r.nan_to_num(0.0, 0.0, 0.0).clamp(-1, 1)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (U,) of the units over all clips."""
        n = self.count.clamp_min(1)
        return self.unit_centre + self.total[0] / n, _spread(self.total[0], self.total[1], n) / n.sqrt()

    def state(self) -> dict[str, Tensor]:
        """Return centres and sums, as tensors."""
        return {name: getattr(self, name) for name in STATE}

    def load(self, state: dict[str, Tensor]) -> "CrossMoments":
        """Take over what `state` returned; returns itself."""
        for name, value in state.items():
            setattr(self, name, value.clone())
        return self


def _spread(first: Tensor, square: Tensor, n: Tensor) -> Tensor:
    """Root of the summed squared deviations; 0 where they are rounding."""
    spread = (square - first.square() / n).clamp_min(0).sqrt()
    return spread.masked_fill(spread <= FLAT * square.sqrt(), 0.0)
