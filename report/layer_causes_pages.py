"""What the pages of causes show: what latents move in a generator and where, and how a classifier answers doses."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.embed import script_file
from report.layer_pages import Cell, points_of, related_pages, shown_number
from report.page import File
from report.run_contents import RunContents

Row = Mapping[str, Any]
SLOW = 250.0
"""Steps per second below which a layer's peaks are shown as spikes."""
DRAWN = ("name", "values", "path", "guard", "layers")
OF_LAYER = ("layer", "against_random", "growth", "random_growth", "effect", "ridges", "start", "step", "is_level")


def moved_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of a generator's latents shows, or None where nothing was moved."""
    found = points_of(run)
    if found is None or not found.last.get("moved"):
        return None
    moved = found.last["moved"]
    layers = [layer["layer"] for layer in moved[0]["layers"]]
    values = [layer["against_random"][0] for one in moved for layer in one["layers"]]
    scale = max([1.0, *(abs(value) for value in values if value is not None)])
    rows = []
    for number, layer in enumerate(layers):
        cells = []
        for one in moved:
            value, low, high = one["layers"][number]["against_random"]
            inside = low is None or high is None or low <= 0 <= high
            said = f"{layer}, {one['name']}: {shown_number(value)} [{shown_number(low)}, {shown_number(high)}]"
            cells.append(Cell(value, inside, said, scale))
        rows.append((layer, cells))
    figures = [one for one in moved if "properties" in one]
    context = {"moved": moved, "rows": rows, "n": moved[0]["n"], "figures": figures, "related": related_pages(found)}
    return context | {"numbers": {layer: number for number, layer in enumerate(layers)}}


def causes_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of a generator's causes shows, or None where they were not measured."""
    found = points_of(run)
    if found is None or not found.last.get("derivative"):
        return None
    last = found.last
    moved = [one for one in last.get("moved", []) if "properties" in one]
    patched = [{"name": one["name"], **one["patched"]} for one in moved if one["patched"]]
    slow = {layer["name"] for layer in last["layers"] if layer["rate"] < SLOW}
    spikes = [
        (one["name"], layer["layer"], spike | {"ms": _thousands(spike["latency"]["slope"])})
        for one in moved
        for layer in one["layers"]
        if layer["layer"] in slow
        for spike in layer["spikes"]
    ]
    return {
        "derivative": last["derivative"],
        "strongest": strongest(last["derivative"]),
        "patched": patched,
        "patched_rows": patched_rows(patched),
        "spikes": spikes,
        "control": last.get("control") or [],
        "copying": last.get("copying"),
        "related": related_pages(found),
    }


def doses_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of doses shows, or None where a classifier was played none."""
    found = points_of(run)
    if found is None or not found.last.get("doses"):
        return None
    edits = [one for one in found.last["doses"] if one["kind"] == "edit"]
    return {
        "edits": edits,
        "n": edits[0]["n"] if edits else 0,
        "copying": found.last.get("copying"),
        "related": related_pages(found),
    }


def patched_rows(patched: Sequence[Row]) -> list[tuple[str, int, list[Row | None]]]:
    """Return layer, channels and the figures of each move, without the rows of all channels."""
    found = {(one["name"], row["layer"], row["channels"]): row for one in patched for row in one["rows"]}
    sizes: dict[str, set[int]] = {}
    for _, layer, channels in found:
        sizes.setdefault(layer, set()).add(channels)
    return [
        (layer, channels, [found.get((one["name"], layer, channels)) for one in patched])
        for layer, counts in sizes.items()
        for channels in sorted(counts)[:-1]
    ]


def strongest(derivative: Mapping[str, Any], count: int = 5) -> list[tuple[str, list[tuple[str, float | None]]]]:
    """Return for each layer the latents that it answers most, and how many times the median one."""
    rows = []
    for layer, values in derivative["strength"].items():
        known = sorted(
            ((value or 0.0, name) for value, name in zip(values, derivative["names"], strict=True)), reverse=True
        )
        middle = statistics.median(value for value, _ in known)
        rows.append((layer, [(name, value / middle if middle else None) for value, name in known[:count]]))
    return rows


def moved_files(run: RunContents) -> Iterator[File]:
    """Yield the curves and ridgelines."""
    found = points_of(run)
    if found is not None and found.last.get("moved"):
        moved = [
            {name: one.get(name) for name in DRAWN}
            | {"layers": [{name: layer.get(name) for name in OF_LAYER} for layer in one["layers"]]}
            for one in found.last["moved"]
        ]
        yield script_file("layers_moved", moved)


def causes_files(run: RunContents) -> Iterator[File]:
    """Yield the maps of layers and time."""
    found = points_of(run)
    if found is not None and found.last.get("derivative"):
        maps = found.last["derivative"]["maps"]
        ends = [row["start"] + (len(row["mean"]) - 0.5) * row["step"] for one in maps for row in one["layers"]]
        yield script_file("layers_causes", {"maps": maps, "seconds": min(ends, default=1.0)})


def doses_files(run: RunContents) -> Iterator[File]:
    """Yield the curves of doses."""
    found = points_of(run)
    if found is not None and found.last.get("doses"):
        kept = ("name", "unit", "log", "doses")
        of_layer = ("layer", "share", "untrained_share", "against_sham")
        sets = [
            {name: one[name] for name in kept}
            | {"layers": [{name: layer[name] for name in of_layer} for layer in one["layers"]]}
            for one in found.last["doses"]
        ]
        yield script_file("layers_doses", sets)


def _thousands(triple: list[float | None]) -> list[float | None]:
    return [None if value is None else 1000 * value for value in triple]
