"""What the pages of the units show before their data are read: the layers of the network, and how names were tested."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from configs.errors import InputError
from report.dissection_data import unit_files
from report.dissection_file import UnitsFile, load_units
from report.page import File
from report.run_contents import RunContents

COMPONENTS = "bottleneck"
"""Layer whose units are the components of the decision."""
SOURCES = {"labels": "the labels of the data set", "descriptors": "measured acoustic descriptors"}


class LayerRow(NamedTuple):
    """One row of the table of layers; what was not measured is None."""

    name: str
    units: int
    named: float | None
    distinct: float | None
    score: float | None
    polysemantic: float | None
    chance: float | None
    dead: float | None
    overlap: float | None
    floor: float | None


def units_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the gallery shows, or None where no unit was measured."""
    try:
        found = load_units(run.explanations)
    except InputError as error:
        return {"problems": [str(error)], "rows": [], "found": None, "lead": ""}
    if found is None:
        return None
    return {"problems": [*found.problems, *found.notes], "rows": layer_rows(found), "found": found, "lead": lead(found)}


def unit_context(run: RunContents) -> dict[str, Any] | None:
    """Return an empty context where there are units to show, else None."""
    try:
        return None if load_units(run.explanations) is None else {}
    except InputError:
        return None


def component_units(run: RunContents) -> str | None:
    """Return the layer whose units are the components of the run, or None where they have no pages."""
    try:
        found = load_units(run.explanations)
    except InputError:
        return None
    return COMPONENTS if found is not None and COMPONENTS in found.layers else None


def units_files(run: RunContents) -> Iterator[File]:
    """Yield the data of both pages."""
    try:
        found = load_units(run.explanations)
    except InputError:
        return
    if found is not None:
        yield from unit_files(found, run.explanations)


def lead(found: UnitsFile) -> str:
    """Say in two sentences what the list holds and what a name means."""
    units = {(unit["layer"], unit["unit"]) for unit in found.units}
    named = {(unit["layer"], unit["unit"]) for unit in found.units if unit["label"] is not None}
    worded = {(unit["layer"], unit["unit"]) for unit in found.units if unit["words"]}
    source = SOURCES.get(found.source, found.source)
    words = f", {len(worded):,} are described by measured words" if worded else ""
    return (
        f"What drives each of {len(units):,} units, heard in the {len(found.clips):,} clips of the probe set. "
        f"{len(named):,} have a name among {len(found.concepts):,} concepts from {source} that held up on clips it was "
        f"not chosen by{words}."
    )


def layer_rows(found: UnitsFile) -> list[LayerRow]:
    """Return the layers with the figures of the last point."""
    figures: Mapping[str, Mapping[str, float | None]] = found.points[-1].figures if found.points else {}
    drift: Mapping[str, Mapping[str, float | None]] = next(
        (point.figures for point in reversed(found.points) if _known(point.figures.get("overlap", {}))), {}
    )
    rows = []
    for layer in found.layers:
        value = {name: _finite(by_layer.get(layer)) for name, by_layer in figures.items()}
        moved = {name: _finite(by_layer.get(layer)) for name, by_layer in drift.items()}
        rows.append(
            LayerRow(
                layer,
                len({unit["unit"] for unit in found.units if unit["layer"] == layer}),
                value.get("named"),
                value.get("distinct"),
                value.get("auprc"),
                value.get("polysemantic"),
                value.get("polysemantic_chance"),
                value.get("dead"),
                moved.get("overlap"),
                moved.get("overlap_floor"),
            )
        )
    return rows


def _known(by_layer: Mapping[str, float | None]) -> bool:
    return any(_finite(value) is not None for value in by_layer.values())


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
