"""How units change from one point of a training to the next, beside what another sample of the probe set would change.

The clips that drive a unit most are compared by rank-biased overlap (Webber et al. 2010, equation 32, at equal depth):
1 for equal rankings, 0 where no clip is shared, the first ranks weigh most. Its floor is the same figure between two
bootstraps of the probe set at one checkpoint: a unit that moves less than that may not have moved at all.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.dissection.unit_report import UnitReport

PERSISTENCE = 0.9
"""Weight of each rank relative to the one before it: the first ten ranks have 86 % of the weight."""
SETTLED = 0.8
"""Overlap below which a unit has not settled yet."""
AT_ONCE = 4096
"""Units compared at once."""


def rank_biased_overlap(one: Tensor, two: Tensor, persistence: float = PERSISTENCE) -> Tensor:
    """Return the extrapolated rank-biased overlap (U,) of the rankings of U units.

    Args:
        one: clips (U, K), best first; -1 where a ranking ends early, as the clips after it.
        two: clips (U, K) of the same units.
        persistence: weight of each rank relative to the one before it, in (0, 1).

    Rankings of unequal length are compared down to the shorter one; an empty one gives NaN.

    Raises:
        ValueError: shapes that differ, or a persistence outside (0, 1).
    """
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"rankings of shapes {tuple(one.shape)} and {tuple(two.shape)} cannot be compared")
    if not 0 < persistence < 1:
        raise ValueError(f"persistence={persistence} must lie between 0 and 1")
    parts = [
        _overlap(a, b, persistence) for a, b in zip(torch.split(one, AT_ONCE), torch.split(two, AT_ONCE), strict=True)
    ]
    return torch.cat(parts) if parts else torch.zeros(0)


def _overlap(one: Tensor, two: Tensor, persistence: float) -> Tensor:
    depth = one.shape[1]
    rank = torch.arange(depth)
    later = torch.maximum(rank[:, None], rank[None])  # depth at which a pair of ranks is inside both
    shared = (one[:, :, None] == two[:, None]) & (one[:, :, None] >= 0)
    at = torch.zeros(len(one), depth, dtype=torch.float64)
    at.index_add_(1, later.flatten(), shared.flatten(1).double())
    agreement = at.cumsum(1) / (rank + 1)
    length = torch.minimum((one >= 0).sum(1), (two >= 0).sum(1))
    weights = (1 - persistence) * persistence ** rank.double() * (rank < length[:, None])
    last = agreement.gather(1, (length - 1).clamp(min=0)[:, None])[:, 0]
    found = (agreement * weights).sum(1) + last * persistence ** length.double()
    return torch.where(length > 0, found, torch.nan)


def bootstrap_floor(
    clips: Tensor, n_clips: int, draws: int = 16, seed: int = 0, persistence: float = PERSISTENCE
) -> Tensor:
    """Return the mean overlap (U,) of the rankings of two bootstraps of the probe set, at one checkpoint.

    A bootstrap draws `n_clips` clips with replacement; its ranking is that of the whole set without the clips that were
    not drawn, so that it follows from the top clips alone. The draws are shared by all units.

    Args:
        clips: (U, K) best first, -1 where a ranking ends early.
        n_clips: clips of the probe set.
        draws: pairs of bootstraps.
        seed: of the draws.
        persistence: as in `rank_biased_overlap`.
    """
    random = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(draws):
        pair = [_drawn(clips, torch.randint(n_clips, (n_clips,), generator=random), n_clips) for _ in range(2)]
        found.append(rank_biased_overlap(pair[0], pair[1], persistence))
    return torch.stack(found).nanmean(0)


def _drawn(clips: Tensor, drawn: Tensor, n_clips: int) -> Tensor:
    """Rankings (U, K) without the clips that were not drawn, the others moved up."""
    inside = torch.zeros(n_clips + 1, dtype=torch.bool)
    inside[drawn] = True
    inside[-1] = False  # where -1 points
    kept = inside[clips]
    order = torch.argsort((~kept).long(), dim=1, stable=True)
    return torch.where(kept, clips, -1).gather(1, order)


@dataclass(frozen=True)
class Drift:
    """What has become of the units of a layer since the point before.

    Attributes:
        overlap: mean rank-biased overlap of the top clips of the units alive at both points; NaN without any.
        floor: mean of the same between two bootstraps of the probe set at this point.
        moved: share of these units whose overlap is below their own floor.
        renamed: units with another label than before.
        born: units that have a label now and had none.
        lost: units that had a label and have none now, the dead aside.
        died: units that are constant over the probe set now and were not.
        overlaps: overlap by unit key, for those alive at both points.
    """

    overlap: float
    floor: float
    moved: float
    renamed: int
    born: int
    lost: int
    died: int
    overlaps: Mapping[str, float]


def drift(
    before: Iterable[UnitReport], after: Iterable[UnitReport], n_clips: int, draws: int = 16, seed: int = 0
) -> Drift:
    """Compare the units of one layer at two points of a training, measured on the same probe set.

    Args:
        before: records of the earlier point; units that are in one of the two only are left out.
        after: records of the later point.
        n_clips: clips of the probe set.
        draws: pairs of bootstraps for the floor.
        seed: of the draws.
    """
    known = {report.key: report for report in before}
    pairs = [(known[report.key], report) for report in after if report.key in known]
    events = Counter(event for old, new in pairs if (event := event_of(old, new)))
    alive = [(old, new) for old, new in pairs if not (old.dead or new.dead) and old.top and new.top]
    depth = max((len(report.top) for pair in alive for report in pair), default=1)
    old, new = (_rankings([pair[i] for pair in alive], depth) for i in range(2))
    overlap = rank_biased_overlap(old, new)
    floor = bootstrap_floor(new, n_clips, draws, seed)
    tested = ~floor.isnan()
    return Drift(
        overlap=float(overlap.mean()) if len(alive) else float("nan"),
        floor=float(floor.nanmean()) if len(alive) else float("nan"),
        moved=float((overlap < floor)[tested].double().mean()) if tested.any() else float("nan"),
        **{name: events[name] for name in ("renamed", "born", "lost", "died")},
        overlaps={report.key: value for (_, report), value in zip(alive, overlap.tolist(), strict=True)},
    )


def event_of(before: UnitReport, after: UnitReport) -> str | None:
    """Return what happened to a unit: "died", "born", "lost" or "renamed"; None if its label stayed.

    Labels of two sources are not compared: where one source fails at a point, another may stand in for it.
    """
    if after.dead:
        return None if before.dead else "died"
    if before.label == after.label or before.source != after.source:
        return None
    if before.label is None:
        return "born"
    return "lost" if after.label is None else "renamed"


def settled(overlaps: Sequence[float | None], epochs: Sequence[float], least: float = SETTLED) -> float | None:
    """Return the epoch since which every overlap with the point before is at least `least`; None if the last is not.

    Args:
        overlaps: with the point before, None where there is none, first to last.
        epochs: of these points.
        least: overlap that counts as settled.
    """
    found = None
    for overlap, epoch in zip(overlaps, epochs, strict=True):
        if overlap is None or overlap < least:
            found = None
        elif found is None:
            found = epoch
    return found


def _rankings(reports: Sequence[UnitReport], depth: int) -> Tensor:
    """Top clips (U, depth) of some units, -1 after the last."""
    rows = [[excerpt.index for excerpt in report.top] for report in reports]
    return torch.tensor([row + [-1] * (depth - len(row)) for row in rows], dtype=torch.int64).reshape(-1, depth)
