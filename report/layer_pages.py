"""What the pages of the layers show: what each carries above its nulls, and through the training."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from configs.errors import InputError
from report.embed import pcm, script_file
from report.layer_pages_file import SOUNDS, LayerPoints, load_points
from report.page import File
from report.run_contents import RunContents
from report.sound_file import read_sound

WORDS = {
    "f0": "F0",
    "centroid": "centre of gravity",
    "onset_strength": "onsets",
    "zero_crossings": "zero crossings",
    "label": "class",
    "voiced": "voiced share",
}
PAIRS = {"voiced": "tone", "fricative": "noise", "silence": "silence"}
WIDTH = 512
"""Samples of a window of the spectrograms at 16 kHz, and in proportion at other rates (a power of two)."""


class Cell(NamedTuple):
    """One cell of a matrix; `value` is None where there is nothing to say, and `why` tells."""

    value: float | None
    inside: bool
    why: str
    scale: float = 1.0
    """Magnitude that has the strongest colour."""

    @property
    def shade(self) -> int:
        """Strength of the colour in percent."""
        return 0 if self.value is None else round(min(abs(self.value) / self.scale, 1.0) * 70)


def layers_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the first page shows, or None where no layer was probed."""
    try:
        found = load_points(run.explanations)
    except InputError as error:
        return {"problem": str(error), "found": None}
    if found is None:
        return None
    last = found.last
    return {
        "problem": "",
        "found": last,
        "lead": lead(last),
        "properties": [(name, WORDS.get(name, name)) for name in properties_of(last)],
        "rows": carried_rows(last),
        "probes": probe_rows(last),
        "label": _label(last),
        "input": "latents" if last["kind"] == "generator" else "log-mel",
        "sections": section_tables(last),
        "durations": last.get("durations", []),
        "shown": bool(last.get("shown")),
        "values": value_rows(last),
        "related": related_pages(found),
    }


def training_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of the training shows, or None where there is no similarity to show."""
    found = points_of(run)
    if found is None or not found.last.get("cka"):
        return None
    names = [layer["name"] for layer in found.last["layers"]]
    return {
        "names": names,
        "label": _label(found.last),
        "charts": len(charts(found)),
        "within": [
            [Cell(value, False, f"{one}, {two}") for two, value in zip(names, row, strict=True)]
            for one, row in zip(names, found.last["cka"], strict=True)
        ],
        "drift": drift_rows(found, names),
        "points": [_point_name(point) for point in found.points if point.get("similar")],
        "weights": found.last.get("weights"),
        "related": related_pages(found),
    }


def layers_files(run: RunContents) -> Iterator[File]:
    """Yield what the first page draws and plays."""
    found = points_of(run)
    if found is None:
        return
    last, rate = found.last, int(found.last["sample_rate"])
    size = 1 << round(math.log2(WIDTH * rate / 16000))
    front_end = {"sample_rate": rate, "n_fft": size, "hop_length": size // 4}
    names = ("name", "rate", "nyquist")
    layers = [{name: layer[name] for name in names} for layer in last["layers"]]
    yield script_file("layers", {"front_end": front_end, "layers": layers, "shown": last.get("shown", [])})
    for item in last.get("shown", []):
        for name in [item["file"], *(layer["file"] for layer in item["layers"] if "file" in layer)]:
            sound = read_sound(run.explanations / SOUNDS / name)
            if sound is not None:
                yield script_file(f"layers/{name}", pcm(sound))


def training_files(run: RunContents) -> Iterator[File]:
    """Yield the curves of the training."""
    found = points_of(run)
    if found is not None and charts(found):
        yield script_file("layers_curves", charts(found))


def lead(last: Mapping[str, Any]) -> str:
    """Say in two sentences what the tables compare."""
    n, count = last["n"], len(last["layers"])
    if last["kind"] == "generator":
        return (
            f"How {count} layers of the generator follow the sound that it makes from {n} latents, above what layers "
            "with untrained weights follow of theirs."
        )
    return (
        f"How {count} layers follow {n} validation clips, above what the same layers do with untrained weights: only "
        "the difference was learned."
    )


def properties_of(last: Mapping[str, Any]) -> list[str]:
    """Return the properties that were compared, in their order."""
    return list(dict.fromkeys(row["property"] for row in last["carried"]))


def carried_rows(last: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], list[Cell]]]:
    """Return for each layer a cell of each property; of a fast layer the ripple counts, which is its level."""
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in last["carried"]:
        if (row["layer"], row["property"]) not in rows or row["envelope"] == "ripple":
            rows[row["layer"], row["property"]] = row
    return [
        (layer, [_cell(rows.get((layer["name"], name))) for name in properties_of(last)]) for layer in last["layers"]
    ]


def _cell(row: Mapping[str, Any] | None) -> Cell:
    if row is None or "r" not in row:
        return Cell(None, True, "" if row is None else str(row.get("unheard") or ""))
    more = row.get("gain") or [None, None, None]
    said = (
        f"r {_triple(row['r'])}, untrained {shown_number(row['untrained'])}, above it {_triple(more)}, {row['n']} clips"
    )
    return Cell(more[0], bool(row["inside"]), said)


def probe_rows(last: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return for each layer its probe for the class or code."""
    return {row["layer"]: row for row in last["probes"] if row["target"] == "label"}


def value_rows(last: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any] | None]]]:
    """Return for each property the probes of all layers."""
    targets = list(dict.fromkeys(row["target"] for row in last["probes"] if row["target"] != "label"))
    found = {(row["layer"], row["target"]): row for row in last["probes"]}
    layers = [layer["name"] for layer in last["layers"]]
    return [(WORDS.get(target, target), [found.get((path, target)) for path in layers]) for target in targets]


def section_tables(
    last: Mapping[str, Any],
) -> list[tuple[str, list[str], list[tuple[str, list[Mapping[str, Any] | None]]]]]:
    """Return how well layers tell sections apart, within and across clips: title, pairs, and the layers' rows."""
    tables = []
    for scope, title in (("within", "Within a clip"), ("across", "Across clips")):
        rows = [row for row in last.get("sections", []) if "pair" in row and row.get("scope", "within") == scope]
        pairs = list(dict.fromkeys(tuple(row["pair"]) for row in rows))
        found = {(row["layer"], tuple(row["pair"])): row for row in rows}  # the ripple comes after the mean: it counts
        heads = [f"{PAIRS[one]} or {PAIRS[two]}" for one, two in pairs]
        body = [(layer["name"], [found.get((layer["name"], pair)) for pair in pairs]) for layer in last["layers"]]
        if pairs:
            tables.append((title, heads, body))
    return tables


def charts(found: LayerPoints) -> list[dict[str, Any]]:
    """Return charts of the probe and of the distance from the start; the input's score is a line of its own."""
    points = [point for point in found.points if not point["end"]]
    if len(points) < 2:
        return []
    names = [layer["name"] for layer in points[-1]["layers"]]
    probe = [
        {"name": name, "points": [[p["epoch"], probe_rows(p).get(name, {}).get("score")] for p in points]}
        for name in names
    ]
    base = next(iter(probe_rows(points[-1]).values()), None)
    result = []
    if base is not None:
        what = "latents" if points[-1]["kind"] == "generator" else "log-mel input"
        line = {"name": f"{what}, no network", "points": [[p["epoch"], base["input"]] for p in points]}
        title = f"Probe for the {_label(points[-1])}"
        result.append({"title": title, "x": "epoch", "unit": "share right", "series": [line, *probe]})
    away = [
        {"name": name, "points": [[p["epoch"], _at(p, "untrained", i)] for p in points]} for i, name in enumerate(names)
    ]
    if any(value is not None for line in away for _, value in line["points"]):
        result.append({"title": "Likeness to the untrained layer", "x": "epoch", "unit": "CKA", "series": away})
    return result


def drift_rows(found: LayerPoints, names: Sequence[str]) -> list[tuple[str, list[Cell]]]:
    """Return for each layer its likeness to the point before at each point, then to the input and the untrained one."""
    points = [point for point in found.points if point.get("similar")]
    rows = []
    for number, name in enumerate(names):
        cells = [Cell(_at(p, "previous", number), False, f"{name} and the point before") for p in points]
        cells += [Cell(_at(points[-1], what, number), False, f"{name} and {what}") for what in ("untrained", "input")]
        rows.append((name, cells))
    return rows


def _at(point: Mapping[str, Any], what: str, number: int) -> float | None:
    values = point.get("similar", {}).get(what) or []
    return values[number] if number < len(values) else None


def _point_name(point: Mapping[str, Any]) -> str:
    return "end" if point["end"] else f"epoch {point['epoch']}"


def _label(last: Mapping[str, Any]) -> str:
    return "code" if last["kind"] == "generator" else "class"


def points_of(run: RunContents) -> LayerPoints | None:
    """Return the points of a run, or None where there are none that can be read."""
    try:
        return load_points(run.explanations)
    except InputError:
        return None


def related_pages(found: LayerPoints) -> list[tuple[str, str]]:
    """Return the pages of the layers that there are, file and title; none where there is one alone."""
    pages = [("layers.html", "What layers carry")]
    pages += [("layers_training.html", "Through the training")] if found.last.get("cka") else []
    pages += [("layers_moved.html", "What latents move")] if found.last.get("moved") else []
    pages += [("layers_causes.html", "Where it is made")] if found.last.get("derivative") else []
    pages += [("layers_doses.html", "What graded sounds move")] if found.last.get("doses") else []
    return pages if len(pages) > 1 else []


def shown_number(value: float | None) -> str:
    """Return a number as a title has it."""
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _triple(values: Sequence[float | None]) -> str:
    value, low, high = (shown_number(part) for part in values)
    return f"{value} [{low}, {high}]"
