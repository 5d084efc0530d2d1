"""One point of the explanations' distances: a few settings for a few units, each going on from the point before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.generation_ground import SearchGround
from callbacks.generation_priors import lanes_of
from callbacks.generation_result import UnitGenerations, WarmStart
from callbacks.generation_search import drawn_latents, search_units
from configs.errors import InputError
from configs.explanation_fid_schema import ExplanationFidConfig
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Lane

DISTANCES = ("kernel_distance", "frechet_distance")
"""Names that end in `distance` are better when lower, as monitors know."""
PARTS = ("", "_low", "_high", "_floor", "_ceiling")
"""Of a distance: its value, the ends of its interval, that of real excerpts, and that of latents not searched."""
PLAIN = ("activation", "activation_low", "activation_high", "activation_ceiling", "density", "coverage")
JUDGED = ("recognised", "recognised_ceiling", "transfer")
"""What is known only where an independent network listens."""
Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Kept:
    """Where the search for a unit goes on: latents (n, ...) of the setting chosen last, and how many points it had."""

    latent: Tensor
    lane: Lane
    points: int = 1

    def plain(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        lane = [self.lane.lr, self.lane.weight, self.lane.transform]
        return {"latent": self.latent, "lane": lane, "points": self.points}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> "Kept":
        """Return what a checkpoint holds."""
        return cls(data["latent"], Lane(*data["lane"]), int(data["points"]))


def score_names(judged: bool) -> tuple[str, ...]:
    """Return the names of all figures of a unit."""
    distances = tuple(f"{name}{part}" for name in DISTANCES for part in PARTS)
    return distances + PLAIN + (JUDGED if judged else ())


def refresh(
    ground: SearchGround, keys: Sequence[str], config: ExplanationFidConfig, before: Mapping[str, Kept]
) -> tuple[list[UnitGenerations], dict[str, str]]:
    """Search a little for some units, and say why for those that cannot be searched.

    Args:
        ground: of the network as it is now.
        keys: units as typed.
        config: how far to go.
        before: unit -> where it goes on; units that are not in it start from latents drawn by seed.
    """
    every = lanes_of(ground.settings, ground.plan.family)
    changes: dict[str, Any] = {
        "latents": config.latents,
        "snapshots": [config.steps],
        "halving": False,
        "vocoder_iterations": config.vocoder_iterations,
    }
    found: list[UnitGenerations] = []
    skipped: dict[str, str] = {}
    for key in keys:
        known = before.get(key)
        latent = drawn_latents(ground.prior, config.latents, ground.settings.seed) if known is None else known.latent
        start = WarmStart(latent, lanes_at(every, known, config.lanes))
        try:
            found += search_units(ground, [key], {key: start}, **changes)
        except InputError as error:
            skipped[key] = str(error)
    return found, skipped


def lanes_at(every: Sequence[Lane], known: Kept | None, count: int) -> tuple[Lane, ...]:
    """Return the setting that was chosen last, and others in turn, so that all are tried in time."""
    if known is None:
        return tuple(every[:count])
    others = [lane for lane in every if lane != known.lane]
    turn = (known.points - 1) * (count - 1)
    return (known.lane, *(others[(turn + i) % len(others)] for i in range(min(count - 1, len(others)))))


def kept_of(found: Sequence[UnitGenerations], before: Mapping[str, Kept]) -> dict[str, Kept]:
    """Return where the next point goes on; units that were skipped go on from where they were."""
    points = {key: known.points for key, known in before.items()}
    now = {one.key: Kept(one.latent.clone(), one.lane, points.get(one.key, 0) + 1) for one in found}
    return {**before, **now}


def search_all(ground: SearchGround, keys: Sequence[str]) -> tuple[list[UnitGenerations], dict[str, str]]:
    """Search with all settings, from the beginning, unit after unit; as `refresh`."""
    found: list[UnitGenerations] = []
    skipped: dict[str, str] = {}
    for key in keys:
        try:
            found += search_units(ground, [key])
        except InputError as error:
            skipped[key] = str(error)
    return found, skipped


def figures_of(found: Sequence[UnitGenerations], judged: bool) -> Figures:
    """Return each unit's figures as `<unit>/<figure>`, and as `<figure>` their mean over the units that have it."""
    names = score_names(judged)
    figures = {
        f"{one.key}/{name}": value for one in found for name, value in unit_figures(one).items() if name in names
    }
    for name in names:
        known = [value for one in found if math.isfinite(value := figures[f"{one.key}/{name}"])]
        if known:
            figures[name] = sum(known) / len(known)
    return figures


def unit_figures(found: UnitGenerations) -> Figures:
    """Return the figures of one unit; NaN is what could not be measured."""
    score, ceiling, real = found.choice.score, found.ceiling, found.reference.activation
    low, high = real.double().quantile(torch.tensor([0.05, 0.95], dtype=torch.float64)).tolist()
    kernel_floor = math.nan if found.floors.kernel is None else found.floors.kernel.mean
    # The interval of a Fréchet distance is that of what it exceeds its floor by.
    frechet = (score.layer, score.low + score.floor, score.high + score.floor, score.floor, ceiling.layer)
    kernel = (score.kernel, score.kernel_low, score.kernel_high, kernel_floor, ceiling.kernel)
    distances = dict(zip(DISTANCES, (kernel, frechet), strict=True))
    return {
        **{f"{name}{part}": v for name in DISTANCES for part, v in zip(PARTS, distances[name], strict=True)},
        "activation": score.median,
        "activation_low": low,
        "activation_high": high,
        "activation_ceiling": ceiling.median,
        **_of(score, ("density", "coverage", "recognised", "transfer")),
        "recognised_ceiling": ceiling.recognised,
    }


def _of(score: LaneScore, names: Sequence[str]) -> Figures:
    return {name: float(getattr(score, name)) for name in names}
