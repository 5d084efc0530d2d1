"""Line charts of metrics.csv: metrics that share a name and a unit share a chart."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.embed import script_file
from report.page import File
from report.run_contents import RunContents

SPLITS = ("train", "val", "test")
FIRST = ("loss", "accuracy", "map")
UNITS = {
    "loss": "nats",
    "accuracy": "share of clips",
    "map": "mean average precision",
    "seconds": "s",
    "lr": "per step",
}
GENERATED = "explanation_fid"
"""Group whose curves of single units are on pages of their own; the means of its distances are drawn here too."""
PARTS = ("low", "high", "floor", "ceiling")
"""Of a distance in that group: ends of its interval, and what it is read by; they share its chart."""
Rows = Sequence[Mapping[str, float]]


def context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of curves shows, or None before the first row of metrics."""
    return {"n_charts": len(charts({"": run.metrics}))} if charts({"": run.metrics}) else None


def files(run: RunContents) -> Iterator[File]:
    """Yield the charts as data."""
    yield script_file("curves", charts({"": run.metrics}))


def charts(runs: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Return charts {title, x, unit, series: [{name, points: [[x, y], ...]}]} of the metrics of one or more runs.

    The keys of `runs` name them where there are several. Lines with fewer than two points are left out.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    x = "epoch" if all(any("epoch" in row for row in rows) for rows in runs.values()) else "step"
    for run, rows in runs.items():
        for metric in sorted({name for row in rows for name in row if not _drawn_elsewhere(name)} - {"step", "epoch"}):
            points = _points(rows, metric, x)
            title, line = split_name(metric)
            if len(points) > 1:
                groups.setdefault(title, []).append({"name": f"{run} {line}".strip(), "points": points})
    order = sorted(groups, key=lambda title: (FIRST.index(title) if title in FIRST else len(FIRST), title))
    return [{"title": _words(title), "x": x, "unit": unit(title), "series": groups[title]} for title in order]


def split_name(metric: str) -> tuple[str, str]:
    """Return the chart and the line of a metric: val/accuracy is line val of chart accuracy."""
    parts = metric.split("/")
    if parts[0] == GENERATED:
        return _distance(metric)
    if parts[0] in SPLITS and len(parts) > 1:
        return ("/".join(parts[1:-1]), parts[-1]) if len(parts) > 2 else (parts[1], parts[0])
    return ("/".join(parts[:-1]), parts[-1]) if len(parts) > 1 else (metric, "")


def unit(title: str) -> str:
    """Return the unit of a chart's vertical axis; empty for plain numbers."""
    return next((text for word, text in UNITS.items() if word in title.lower().split("/")), "")


def _drawn_elsewhere(metric: str) -> bool:
    group, *rest = metric.split("/")
    return group == GENERATED and (len(rest) > 1 or not _distance(metric)[0].endswith("distance"))


def _distance(metric: str) -> tuple[str, str]:
    """Return a distance, and which part of it a metric is."""
    name, _, part = metric.rpartition("_")
    return (name, part) if part in PARTS else (metric, "mean of units")


def _points(rows: Rows, metric: str, x: str) -> list[list[float]]:
    """Last value for each x, which counts epochs from one; rows without an epoch have no place on that axis."""
    values = {row[x] + (x == "epoch"): row[metric] for row in rows if metric in row and x in row}
    return [[place, value] for place, value in sorted(values.items())]


def _words(title: str) -> str:
    text = title.replace("_", " ").replace("/", ": ")
    return "mean average precision" if text == "map" else text
