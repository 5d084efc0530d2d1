"""The tables of the last point as CSV files, one line a figure: for spreadsheets and for statistics elsewhere."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from callbacks.layer_probes_files import plain
from report.layer_pages_file import FOLDER
from report.run_folder import replace_file

Row = Mapping[str, Any]
INTERVALS = ("low", "high")


def write_tables(folder: Path, data: Row) -> None:
    """Write `layers/<table>.csv` for each table of a point that has rows.

    Raises:
        InputError: A file cannot be written.
    """
    tables = {
        "carried": _flat(data["carried"], nulls=("shuffled", "surrogate")),
        "probes": _flat(data["probes"]),
        "sections": _flat(data.get("sections", [])),
        "durations_as_published": _flat(data.get("durations", [])),
        "effects": _effects(data.get("moved", [])),
        "effect_curves": _curves(data.get("moved", [])),
        "spikes": _spikes(data.get("moved", [])),
        "patching": _patching(data.get("moved", [])),
        "controlled": _controlled(data.get("moved", [])),
        "derivatives": _derivatives(data.get("derivative") or {}),
        "controlling_latents": _controls(data.get("control", [])),
        "copying": _flat((data.get("copying") or {}).get("rows", [])),
        "doses": _doses(data.get("doses", [])),
    }
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        if listed := list(rows):
            replace_file(folder / FOLDER / f"{name}.csv", _text(listed).encode())


def _text(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if value is None else value for name, value in plain(row).items()})
    return out.getvalue()


def _flat(rows: list[Row], nulls: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Rows in which each [value, low, high] takes three columns; pairs are joined, nulls have a mean."""
    for row in rows:
        out: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, list | tuple) and len(value) == 3:
                first = f"{name}_mean" if name in nulls else name
                out |= dict(zip((first, *(f"{name}_{end}" for end in INTERVALS)), value, strict=True))
            elif isinstance(value, list | tuple):
                out[name] = " ".join(str(part) for part in value)
            elif value is not None:
                out[name] = value
        yield out


def _effects(moved: list[Row]) -> Iterator[dict[str, Any]]:
    triples = ("change", "random", "against_random", "level_slope", "level_rank", "level_total")
    for one in moved:
        for layer in one["layers"]:
            kept = {name: layer[name] for name in ("layer", *triples)}
            yield {"moved": one["name"], "n": one["n"], **next(_flat([kept])), "level_half_effect": layer["half"]}


def _curves(moved: list[Row]) -> Iterator[dict[str, Any]]:
    """Effect curves: the change at each setting, and over time at the last."""
    for one in moved:
        for layer in one["layers"]:
            start = {"moved": one["name"], "layer": layer["layer"]}
            for number, value in enumerate(one["values"]):
                for what in ("growth", "random_growth"):
                    yield start | {"curve": what, "at": value} | _at(layer[what], number)
            for number in range(len(layer["effect"][0])):
                seconds = layer["start"] + number * layer["step"]
                curve = "level over time" if layer["is_level"] else "series over time"
                yield start | {"curve": curve, "at": seconds} | _at(layer["effect"], number)


def _at(band: list[list[float]], number: int) -> dict[str, float]:
    return dict(zip(("value", *INTERVALS), (part[number] for part in band), strict=True))


def _spikes(moved: list[Row]) -> Iterator[dict[str, Any]]:
    for one in moved:
        for layer in one["layers"]:
            for spike in layer["spikes"]:
                figures = {f"{what}_{name}": spike[what][name] for what in ("height", "latency") for name in _DOSE}
                yield {
                    "moved": one["name"],
                    "layer": layer["layer"],
                    "seconds": spike["seconds"],
                    **next(_flat([figures])),
                }


_DOSE = ("slope", "rank", "total")


def _patching(moved: list[Row]) -> Iterator[dict[str, Any]]:
    for one in moved:
        found = one["patched"]
        for row in _flat(found["rows"]) if found else ():
            yield {"moved": one["name"], "property": found["property"], "n": found["n"], **row}


def _controlled(moved: list[Row]) -> Iterator[dict[str, Any]]:
    for one in moved:
        for row in _flat(one["properties"]):
            yield {"moved": one["name"], **row}


def _derivatives(found: Row) -> Iterator[dict[str, Any]]:
    for layer, values in found.get("strength", {}).items():
        for name, value in zip(found["names"], values, strict=True):
            yield {"layer": layer, "latent": name, "rms_derivative": value, "n": found["n"]}


def _controls(rows: list[Row]) -> Iterator[dict[str, Any]]:
    for row in rows:
        start = {name: row[name] for name in ("property", "n", "positive")}
        if "problem" in row:
            yield start | {"problem": row["problem"]}
        for one in row.get("chosen", []):
            yield (
                start
                | {"latent": one["name"], "frequency": one["frequency"], "sign": one["sign"]}
                | {"expected_false": row["expected_false"]}
            )


def _doses(sets: list[Row]) -> Iterator[dict[str, Any]]:
    for one in sets:
        for layer in one["layers"]:
            start = {"set": one["name"], "kind": one["kind"], "unit": one["unit"], "n": one["n"]}
            for number, value in enumerate(one["doses"]):
                yield (
                    start
                    | {"layer": layer["layer"], "dose": value}
                    | {
                        f"{what}_{end}": layer[what]["curve"][part][number]
                        for what in ("level", "change")
                        for part, end in enumerate(("mean", *INTERVALS))
                    }
                    | {
                        "share_of_level": layer["share"][0][number],
                        "untrained_share": layer["untrained_share"][0][number],
                    }
                )
