"""The grid of Mishra et al. (2019) as a ready search: 27 settings, their scores as a table, and the one that is picked.

Settings that differ in their steps only share a search: nine lanes with three snapshots give all 27. The table has the
paper's score beside those that have a floor, an interval and a second opinion.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from callbacks.generation_result import UnitGenerations
from configs.errors import CommandError, InputError
from configs.fields import value_text
from configs.generation_schema import GenerationConfig
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import PUBLISHED_SEEDS, PUBLISHED_STEPS, published_lanes
from interpretability.generation.latent_priors import GaussianLatent, l2_penalty
from interpretability.generation.prior import Prior, weighs
from interpretability.generation.selection import as_published, most_activating

HEAD = ("setting", "activation", "FD paper", "FD layer", "90 % interval", "KD", "density", "coverage")
"""Columns of the table: FD paper is the Frechet distance of activations, FD layer that of features above its floor."""


def paper_settings(
    config: GenerationConfig,
    module: Any,  # noqa: ANN401 - any classifier
    given: Mapping[str, Any] | None = None,
) -> GenerationConfig:
    """Return a search with the paper's settings: step sizes and weights 0.1, 0.01, 0.001, and 100, 500 or 1000 steps.

    50 examples of each, of which the strongest step is kept, and no setting is dropped on the way. Where no unit is
    named, it is the network's `output_unit`, if it has one.

    Args:
        config: of the search, such as that of a run's callback; what the paper sets is replaced.
        module: the classifier.
        given: what the user asks for by name: numbers of examples and steps among it stay.

    Raises:
        CommandError: Step sizes, weights, jitter, halving or kept steps of one's own.
    """
    lanes, asked = published_lanes(), given or {}
    published: dict[str, Any] = {
        "lr": sorted({lane.lr for lane in lanes}, reverse=True),
        "weight": sorted({lane.weight for lane in lanes}, reverse=True),
        "transform": [0.0],
        "halving": False,
        "keep": "best",
    }
    for name, value in published.items():
        if asked.get(name, value) not in (value, []):
            raise CommandError(
                f"generation.{name}={value_text(asked[name])}: grid=paper sets it to {value_text(value)}; leave one of "
                "both out"
            )
    numbers: dict[str, Any] = {"latents": PUBLISHED_SEEDS, "snapshots": list(PUBLISHED_STEPS)}
    numbers |= {name: asked[name] for name in numbers if name in asked}
    units = config.units or [unit for unit in [getattr(module, "output_unit", None)] if unit]
    return replace(config, units=units, **published, **numbers)


def paper_prior(prior: Prior) -> Prior:
    """Return a generator's prior with the paper's penalty |z|^2; others, which have none, as they are."""
    if not isinstance(prior, GaussianLatent):
        return prior
    changed = copy.copy(prior)
    changed.penalty = l2_penalty
    return changed


def grid_lines(found: UnitGenerations, prior: Prior) -> list[str]:
    """Return the table of all settings of a unit, best by the paper's score first, and what is picked by which rule."""
    ordered = sorted(found.scores, key=lambda score: (score.scalar != score.scalar, score.scalar))
    lines = [f"{found.unit.name}, {found.aim}: {len(ordered)} settings, {found.reference.described}"]
    lines += table([HEAD, *map(_row, ordered)])
    if not weighs(prior):
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


def _row(score: LaneScore) -> tuple[str, ...]:
    interval = "-" if score.low != score.low else f"{score.low:.3g} to {score.high:.3g}"
    values = (score.median, score.scalar, score.excess)
    rest = (score.kernel, score.density, score.coverage)
    return (score.name, *map(_number, values), interval, *map(_number, rest))


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.4g}"
