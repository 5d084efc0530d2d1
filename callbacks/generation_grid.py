"""The grid of Mishra et al. (2019) as a ready search: 27 settings, their scores as a table, and the one that is picked.

Settings that differ in their steps only share a search: nine lanes with three snapshots give all 27. The table has the
paper's score beside those that have a floor, an interval and a second opinion.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callbacks.generation_result import UnitGenerations
from configs.errors import CommandError, InputError
from configs.generation_schema import GenerationConfig
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import PUBLISHED_SEEDS, PUBLISHED_STEPS, published_lanes
from interpretability.generation.latent_priors import GaussianLatent, l2_penalty
from interpretability.generation.prior import Prior
from interpretability.generation.selection import as_published, most_activating

HEAD = ("setting", "activation", "FD paper", "FD layer", "90 % interval", "KD", "density", "coverage")
"""Columns of the table: FD paper is the Frechet distance of activations, FD layer that of features above its floor."""


def paper_settings(config: GenerationConfig, module: Any) -> GenerationConfig:  # noqa: ANN401 - any classifier
    """Return a search with the paper's settings: step sizes and weights 0.1, 0.01, 0.001, and 100, 500 or 1000 steps.

    50 examples of each, of which the strongest step is kept, and no setting is dropped on the way. Where no unit is
    named, it is the network's `output_unit`, if it has one; numbers of examples and steps that are given stay.

    Raises:
        CommandError: Step sizes, weights or jitter of one's own.
    """
    usual = GenerationConfig()
    for name in ("lr", "weight", "transform"):
        if getattr(config, name):
            raise CommandError(f"generation.{name}={getattr(config, name)}: grid=paper sets it; leave one of both out")
    lanes = published_lanes()
    units = config.units or [unit for unit in [getattr(module, "output_unit", None)] if unit]
    return replace(
        config,
        units=units,
        lr=sorted({lane.lr for lane in lanes}, reverse=True),
        weight=sorted({lane.weight for lane in lanes}, reverse=True),
        transform=[0.0],
        latents=PUBLISHED_SEEDS if config.latents == usual.latents else config.latents,
        snapshots=list(PUBLISHED_STEPS) if config.snapshots == usual.snapshots else config.snapshots,
        halving=False,
        keep="best",
    )


def paper_prior(prior: Prior) -> Prior:
    """Return a generator's prior with the paper's penalty |z|^2; others, which have none, as they are."""
    if not isinstance(prior, GaussianLatent):
        return prior
    changed = copy.copy(prior)
    changed.penalty = l2_penalty
    return changed


def grid_lines(found: UnitGenerations) -> list[str]:
    """Return the table of all settings of a unit, best by the paper's score first, and what is picked by which rule."""
    ordered = sorted(found.scores, key=lambda score: (score.scalar != score.scalar, score.scalar))
    lines = [f"{found.unit.name}, {found.aim}: {len(ordered)} settings, {found.reference.described}"]
    lines += table([HEAD, *map(_row, ordered)])
    if _weightless(found.scores):
        lines.append(
            "weights change nothing: this prior finds all sounds equally likely; give a trained one (prior=RUN)"
        )
    lowest = found.aim == "minimise"
    lines.append(f"strongest: {most_activating(found.scores, lowest).name}")
    try:
        lines.append(f"picked as published, by FD paper: {as_published(found.scores).name}")
    except InputError as error:
        lines.append(f"nothing is picked as published: {error}")
    lines.append(f"picked: {found.choice.score.name} ({found.choice.reason})")
    return lines


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns: the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _weightless(scores: Sequence[LaneScore]) -> bool:
    """Whether settings that differ in the prior's weight alone have one and the same score each time."""
    groups: dict[tuple[str, int], set[float]] = {}
    for score in scores:
        groups.setdefault((score.lane.partition(", weight")[0], score.step), set()).add(score.scalar)
    return len(groups) < len(scores) and all(len(values) == 1 for values in groups.values())


def _row(score: LaneScore) -> tuple[str, ...]:
    interval = "-" if score.low != score.low else f"{score.low:.3g} to {score.high:.3g}"
    values = (score.median, score.scalar, score.excess)
    rest = (score.kernel, score.density, score.coverage)
    return (score.name, *map(_number, values), interval, *map(_number, rest))


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.4g}"
