"""The page of a classification benchmark: the table, paired differences, every training, and the commands."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from report.benchmark_table import number
from report.build import render, write
from report.classification_columns import BY_KEY, SHARES
from report.classification_markdown import HEADS, difference_cells
from report.classification_text import control_text, figure_text, shown_columns

WAYS = {True: "higher is better", False: "lower is better", None: ""}
STATES = {"finished": "", "failed": "failed", "missing": "not trained"}


def build_page(result: Mapping[str, Any], output: Path) -> Path:
    """Render the page into `output`/report and return its path.

    Raises:
        InputError: The report cannot be written.
        CommandError: `output`/report exists and is not a report.
    """
    folder = output / "report"
    page = render("classification.html.j2", page_context(result, folder))
    return write([("index.html", page)], folder)


def page_context(result: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the template shows; links lead from `folder` to the reports of the runs."""
    sets = [_set(part, folder) for part in result["sets"]]
    keys = {key for part in result["sets"] for key in shown_columns(part["rows"])}
    return {
        "sets": sets,
        "failed": result["failed"],
        "difference_heads": HEADS,
        "meanings": [(column.label, column.sentence) for column in BY_KEY.values() if column.key in keys],
        "command": result.get("command", ""),
    }


def _set(part: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    keys = shown_columns(part["rows"])
    best = {key: _best(part["rows"], key) for key in keys}
    return {
        "data": part["data"],
        "note": part["note"],
        "limits": part["limits"],
        "metric": BY_KEY[part["metric"]].label,
        "heads": [(BY_KEY[key].label, BY_KEY[key].unit, WAYS[BY_KEY[key].up]) for key in keys],
        "rows": [
            {
                "model": row["model"],
                "own": place == 0,
                "clips": row["clips"],
                "trainings": row["finished"]
                if row["finished"] == row["planned"]
                else f"{row['finished']} of {row['planned']}",
                "command": row["command"],
                "bar": _bar(row, part["metric"]),
                "score": figure_text(row, part["metric"]),
                "cells": [
                    {
                        "text": figure_text(row, key),
                        "below": control_text(row, key),
                        "best": row["model"] == best[key],
                    }
                    for key in keys
                ],
            }
            for place, row in enumerate(part["rows"])
        ],
        "chance": part["chance"],
        "chance_text": number(part["chance"], "%"),
        "differences": [difference_cells(row) for row in part["differences"]],
        "cells": [_cell(cell, part["metric"], keys, folder) for cell in part["cells"]],
        "cell_heads": [f"{BY_KEY[key].label} {BY_KEY[key].unit}".strip() for key in keys],
    }


def _bar(row: Mapping[str, Any], metric: str) -> float:
    """Length of the bar of a score in per cent."""
    figure = row["figures"].get(metric)
    return 0.0 if figure is None else max(0.0, float(figure["mean"]))


def _best(rows: list[Mapping[str, Any]], key: str) -> str | None:
    """Name of the model with the best mean in a column in which one way is good."""
    up = BY_KEY[key].up
    known = [row for row in rows if key in row["figures"]]
    if up is None or key not in (*SHARES, "frechet", "kernel") or len(known) < 2:
        return None
    return str(max(known, key=lambda row: row["figures"][key]["mean"] * (1 if up else -1))["model"])


def _cell(cell: Mapping[str, Any], metric: str, keys: list[str], folder: Path) -> dict[str, Any]:
    report = Path(cell["run"]) / "report" / "index.html"
    there = bool(cell["run"]) and report.is_file()
    return {
        "model": cell["model"],
        "fold": "–" if cell["fold"] is None else cell["fold"],
        "seed": cell["seed"],
        "state": STATES[cell["state"]],
        "figures": [number(cell["figures"].get(key), "%") for key in keys],
        "link": quote(Path(os.path.relpath(report.resolve(), folder.resolve())).as_posix()) if there else None,
        "command": cell["command"],
    }
