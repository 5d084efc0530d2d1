"""The page "Explanations": one table for each explained classifier, and the best few explanations as sound."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from report.benchmark_classes import class_cells, class_columns
from report.benchmark_columns import BY_KEY, COST, ENERGIES, HEADLINE
from report.benchmark_table import FORMAT, number, present
from report.page import File
from report.run_contents import RunContents

TABLE = "benchmark/explanations.json"
"""Where benchmark.py leaves its result in a run folder."""
KINDS = {"own": 0, "baseline": 1, "control": 2}


def read_result(path: Path) -> dict[str, Any] | None:
    """Return what benchmark.py has found, or None where there is nothing that can be read."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("format") == FORMAT else None


def context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of a run shows, or None before its explanations have been compared."""
    result = read_result(run.folder / TABLE)
    return None if result is None else page_context(result)


def files(run: RunContents) -> Iterator[File]:
    """Yield the sounds of the page."""
    result = read_result(run.folder / TABLE)
    if result is not None:
        yield from sound_files(result, run.folder / "benchmark")


def sound_files(result: Mapping[str, Any], folder: Path) -> Iterator[File]:
    """Yield the sounds that a result names and that are there."""
    for part in result["blocks"]:
        for clip in part.get("playable", {}).get("clips", []):
            for sound in clip["sounds"]:
                if (folder / sound["file"]).is_file():
                    yield sound["file"], (folder / sound["file"]).read_bytes()


def page_context(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template shows of a result."""
    return {
        "sentence": result["sentence"],
        "blocks": [_block(part) for part in result["blocks"]],
        "cost_heads": list(COST.values()),
        "costs": [
            (row["title"], [number(row["seconds"].get(key)) if key in row["seconds"] else "–" for key in COST])
            for row in result["costs"]
        ],
        "meanings": [(column.label, column.sentence) for column in BY_KEY.values()],
    }


def _block(part: Mapping[str, Any]) -> dict[str, Any]:
    conditions = part["conditions"]
    first = next((one for one in conditions if one["name"] == "other_class"), conditions[0])
    return {
        "title": part["title"],
        "note": part["note"],
        "verdict": verdict(first),
        "headline": _table(first, "equal", [f"equal/{name}" for name in HEADLINE], with_marks=True),
        "tables": [
            _table(one, energy, present(one["rows"], energy)) | {"title": f"{one['title']}, {words}"}
            for one in conditions
            for energy, words in ENERGIES.items()
        ],
        "differences": [_difference(one, row) for one in conditions for row in one["differences"]],
        "classes": [_classes(one) for one in conditions if one.get("classes")],
        "published": [_published(row) for row in part.get("as_published", [])],
        "playable": part.get("playable"),
    }


def verdict(condition: Mapping[str, Any]) -> str:
    """Return in a sentence how the best own explanation does against the attribution methods."""
    rows = [row for row in condition["differences"] if row["kind"] == "baseline"]
    if not rows:
        return ""
    parts = []
    for column in HEADLINE:
        own = [row for row in rows if row["column"] == column]
        better, worse = (sum(row["verdict"] == word for row in own) for word in ("better", "worse"))
        if own:
            behind = f" (behind {worse})" if worse else ""
            parts.append(f"{better} of {len(own)} on {BY_KEY[column].label.lower()}{behind}")
    return (
        "The best own explanation is ahead of these many attribution methods beyond chance: " + ", ".join(parts) + "."
    )


def _table(condition: Mapping[str, Any], energy: str, keys: Sequence[str], with_marks: bool = False) -> dict[str, Any]:
    columns = [BY_KEY[key.partition("/")[2]] for key in keys]
    marks = {(row["method"], f"equal/{row['column']}"): row["verdict"] for row in condition["differences"]}
    best = {key: _best(condition["rows"], key) for key in keys}
    order = sorted(condition["rows"], key=lambda row: (KINDS[row["kind"]], -_value(row, keys[0] if keys else "")))
    rows = []
    for row in order:
        cells = []
        for key, column in zip(keys, columns, strict=True):
            figure = row["figures"].get(key)
            known = figure is not None and figure["mean"] is not None
            cells.append(
                {
                    "mean": number(figure["mean"], column.unit) if known and figure else "–",
                    "interval": _interval(figure, column.unit) if known and figure else "",
                    "best": row["method"] == best[key],
                    "mark": marks.get((row["method"], key), "") if with_marks else "",
                }
            )
        first = row["figures"].get(keys[0]) if keys else None
        missing = first["undefined"] if first is not None else 0
        rows.append(
            {
                "title": row["title"],
                "kind": row["kind"],
                "cells": cells,
                "seconds": number(row["seconds"].get("explain")),
                "undefined": missing,
            }
        )
    heads = [(c.label, c.unit, {True: "higher is better", False: "lower is better", None: ""}[c.up]) for c in columns]
    return {"heads": heads, "rows": rows, "n": condition["n"], "condition": condition["title"]}


def _value(row: Mapping[str, Any], key: str) -> float:
    mean = row["figures"].get(key, {}).get("mean")
    return float("-inf") if mean is None or mean != mean else float(mean)


def _best(rows: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """Name of the explanation with the best mean, controls left out."""
    up = BY_KEY[key.partition("/")[2]].up
    known = [row for row in rows if row["kind"] != "control" and _value(row, key) != float("-inf")]
    if up is None or not known:
        return None
    return str(max(known, key=lambda row: _value(row, key) * (1 if up else -1))["method"])


def _interval(figure: Mapping[str, Any], unit: str) -> str:
    return f"{number(figure['low'], unit)} to {number(figure['high'], unit)}"


def _difference(condition: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    column = BY_KEY[row["column"]]
    unit = f" {column.unit}" if column.unit else ""
    return {
        "condition": condition["title"],
        "column": column.label,
        "own": row["own"],
        "other": row["other"],
        "mean": number(row["mean"], column.unit) + unit,
        "interval": _interval(row, column.unit),
        "verdict": row["verdict"],
        "n": row["n"] - row["undefined"],
    }


def _classes(condition: Mapping[str, Any]) -> dict[str, Any]:
    """A table of one condition class by class: heads of scores, and for each class its three cells of each."""
    rows = condition["classes"]
    columns = [BY_KEY[key] for key in class_columns(rows)]
    return {
        "title": condition["title"],
        "own": rows[0]["own"],
        "heads": [(column.label, column.unit) for column in columns],
        "rows": [
            (row["class"], row["n"], [class_cells(row["scores"].get(c.key, {}), c.unit) for c in columns])
            for row in rows
        ],
    }


def _published(row: Mapping[str, Any]) -> dict[str, Any]:
    column = BY_KEY[row["column"]]
    unit = f" {column.unit}" if column.unit else ""
    figures = {name: number(row[name]["mean"], column.unit) + unit for name in ("right", "published")}
    return {"column": column.label, "fault": row["fault"], "title": row["title"], **figures}
