"""The page of interpretations: how near they come to real clips and clean sources, beside random masks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from configs.errors import InputError
from report.embed import script_file
from report.generations import related
from report.interpretations_file import load_interpretations
from report.page import File
from report.run_contents import RunContents

AGAINST = {"real": "real clips of the class", "stems": "clean sources of the class"}
KINDS = {
    "real": ("floor", "interpretation", "random_mask"),
    "stems": ("floor", "interpretation", "random_mask", "whole"),
}
MEASURES = {"kernel": "kernel distance", "frechet": "Fréchet distance"}
NAMES = {
    "floor": "floor",
    "interpretation": "interpretation",
    "random_mask": "random mask",
    "whole": "whole clip",
}


def context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page shows, or None where interpretations were not compared."""
    try:
        points = load_interpretations(run.explanations)
    except InputError as error:
        return {"problem": str(error), "tables": [], "related": []}
    if not points:
        return None
    last = points[-1]
    return {
        "problem": "",
        "last": last,
        "lead": lead(last),
        "tables": tables(last),
        "charts": len(charts(points)),
        "related": related(run),
    }


def files(run: RunContents) -> Iterator[File]:
    """Yield the curves."""
    try:
        points = load_interpretations(run.explanations)
    except InputError:
        return
    if charts(points):
        yield script_file("interpretations_curves", charts(points))


def lead(last: Mapping[str, Any]) -> str:
    """Say in two sentences what is compared."""
    return (
        f"How near the interpretations of {last['n_clips']} {last['split']} clips come to real clips of the class that "
        "were not interpreted. A mask that isolates its class well moves away from real mixtures: where the clean "
        "sources are known, distances to these show that it moves towards them."
    )


def tables(last: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table for each network, kind of reference and distance: head, and rows of cells.

    A cell is [value, low, high] or None; a table of Fréchet distances holds the classes of enough recordings.
    """
    found = []
    for network, heard in (("own", "the explained network"), ("judge", f"{last.get('judge')} (independent)")):
        for against, words in AGAINST.items():
            for measure, name in MEASURES.items():
                rows = [(row, (row.get(network) or {}).get(against) or {}) for row in last["rows"]]
                cells = [(row, [(side.get(kind) or {}).get(measure) for kind in KINDS[against]]) for row, side in rows]
                known = [(row, line) for row, line in cells if any(line)]
                if known:
                    found.append(
                        {
                            "to": words,
                            "heard": heard,
                            "measure": name,
                            "heads": [NAMES[kind] for kind in KINDS[against]],
                            "rows": known,
                            "means": [_means([line[i] for _, line in known]) for i in range(len(KINDS[against]))],
                        }
                    )
    return found


def charts(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return charts of the mean over classes at each point; none for a single point."""
    result = []
    for against, words in AGAINST.items():
        series = []
        for kind in KINDS[against]:
            line = [[p["epoch"], _class_mean(p, against, kind)] for p in points if not p["end"]]
            if sum(value is not None for _, value in line) > 1:
                series.append({"name": NAMES[kind], "points": line})
        if series:
            result.append({"title": f"To {words}", "x": "epoch", "unit": "kernel distance", "series": series})
    return result


def _class_mean(point: Mapping[str, Any], against: str, kind: str) -> float | None:
    sides = [((row.get("own") or {}).get(against) or {}).get(kind) or {} for row in point["rows"]]
    return _mean([side.get("kernel") for side in sides])


def _means(cells: Sequence[Sequence[float | None] | None]) -> list[float | None]:
    """Mean of the values, and of the ends of their intervals where all have one."""
    known = [cell for cell in cells if cell and cell[0] is not None]
    columns = zip(*known, strict=True)
    means = [sum(v for v in column if v is not None) / len(known) if None not in column else None for column in columns]
    return means or [None, None, None]


def _mean(cells: Sequence[Sequence[float | None] | None]) -> float | None:
    values = [cell[0] for cell in cells if cell and cell[0] is not None]
    return sum(values) / len(values) if values else None
