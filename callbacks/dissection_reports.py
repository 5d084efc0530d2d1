"""From tensors to records: one unit report for each pole of each unit of a dissection."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from callbacks.probe_clips import ProbeClips
from interpretability.dissection.dissection import NO_LABEL, Dissection, LayerDissection
from interpretability.dissection.drift import Drift
from interpretability.dissection.top_clips import TopClips
from interpretability.dissection.unit_report import Excerpt, Polysemanticity, UnitReport

FIGURES = ("named", "named_share", "distinct", "auprc", "polysemantic", "polysemantic_chance", "dead")
"""What is logged of each layer at a point."""
DRIFTS = ("overlap", "overlap_floor", "moved", "renamed", "born", "lost", "died")
"""What is logged of each layer against the point before."""


def figures_of(layer: LayerDissection) -> dict[str, float]:
    """Return the figures of one layer: a unit is named if either pole is, polysemantic if its high pole is."""
    names, statistics, spread = layer.names, layer.statistics, layer.polysemanticity
    dead = statistics.dead
    alive = max(int((~dead).sum()), 1)
    named = len(set(names.unit[names.named].tolist()))
    several = int((spread.polysemantic & ~dead[names.unit] & (names.pole > 0)).sum())
    return {
        "named": float(named),
        "named_share": named / len(dead),
        "distinct": float(len(set(names.concept[names.named].tolist()))),
        "auprc": float(names.auprc[names.named].median()) if named else math.nan,
        "polysemantic": several / alive,
        "polysemantic_chance": spread.chance,
        "dead": float(dead.sum()),
    }


def drift_figures(found: Drift | None) -> dict[str, float]:
    """Return the figures of a drift; NaN where there is no point before."""
    if found is None:
        return dict.fromkeys(DRIFTS, math.nan)
    counts = {name: float(getattr(found, name)) for name in ("renamed", "born", "lost", "died")}
    return {"overlap": found.overlap, "overlap_floor": found.floor, "moved": found.moved, **counts}


def unit_reports(found: Dissection, probes: ProbeClips, signed: bool = True) -> Iterator[UnitReport]:
    """Yield the records of all rows, layer by layer, units in order with the high pole first.

    Args:
        found: of the probe set.
        probes: its clips.
        signed: whether low poles of signed units have records of their own.
    """
    for path, layer in found.layers.items():
        names = layer.names
        order = sorted(range(len(names)), key=lambda row, n=names: (int(n.unit[row]), -int(n.pole[row])))  # type: ignore[misc]
        columns = _columns(layer)
        for row in order:
            if signed or columns["pole"][row] > 0:
                yield _report(path, row, columns, layer, found, probes.names)


def _columns(layer: LayerDissection) -> dict[str, list[Any]]:
    """Arrays (R,) and (U,) as lists: single entries of tensors are slow to read."""
    names, spread, statistics = layer.names, layer.polysemanticity, layer.statistics
    rows = ("unit", "pole", "concept", "candidate", "auprc", "chance", "correlation", "f1", "p", "q", "stability")
    columns = {name: getattr(names, name).tolist() for name in rows}
    columns |= {name: getattr(spread, name).tolist() for name in ("excess", "z", "polysemantic")}
    columns |= {name: getattr(statistics, name).tolist() for name in ("mean", "std", "low", "high", "dead")}
    return columns


def _report(
    path: str,
    row: int,
    columns: Mapping[str, list[Any]],
    layer: LayerDissection,
    found: Dissection,
    clips: tuple[str, ...],
) -> UnitReport:
    def of(name: str) -> float | None:
        value = float(columns[name][row])
        return value if math.isfinite(value) else None

    unit, pole = columns["unit"][row], columns["pole"][row]
    dead, concept, candidate = columns["dead"][unit], columns["concept"][row], columns["candidate"][row]
    ends = (layer.statistics.top, layer.statistics.bottom)
    top, bottom = ends if pole > 0 else ends[::-1]
    label = None if concept == NO_LABEL else found.concepts.names[concept]
    excess, z = of("excess"), of("z")
    spread = None
    if excess is not None and z is not None and not dead:
        spread = Polysemanticity(excess, z, columns["polysemantic"][row], layer.polysemanticity.chance)
    tested = ("auprc", "chance", "correlation", "f1", "p", "q", "stability")
    scores: dict[str, Any] = {name: None if dead else of(name) for name in tested}
    moments: dict[str, Any] = {name: columns[name][unit] for name in ("mean", "std", "low", "high")}
    return UnitReport(
        layer=path,
        unit=unit,
        pole=pole,
        label=label,
        source=found.concepts.source,
        **scores,
        best=None if candidate == NO_LABEL else found.concepts.names[candidate],
        sentence="no label" if label is None else label,
        polysemanticity=spread,
        dead=dead,
        **moments,
        top=() if dead else excerpts(top, unit, clips),
        bottom=() if dead else excerpts(bottom, unit, clips),
    )


def excerpts(ends: TopClips, unit: int, names: tuple[str, ...]) -> tuple[Excerpt, ...]:
    """Return the clips at one end of a unit, the most extreme first."""
    rows: list[Tensor] = [ends.clips[unit], ends.seconds[unit], ends.values[unit]]
    return tuple(
        Excerpt(names[clip], clip, seconds if math.isfinite(seconds) else None, value)
        for clip, seconds, value in zip(*(row.tolist() for row in rows), strict=True)
        if clip >= 0
    )
