"""Explanations class by class: what the best own explanation keeps of each class, beside random components."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from report.benchmark_columns import BY_KEY
from report.benchmark_table import Cell, best_own, number
from report.bootstrap import figures, paired
from report.markdown_table import plain, table

CLASS_COLUMNS = ("input_fidelity", "mask_in_accuracy", "average_increase")
"""Scores that are told class by class, at equal energy."""
CONTROL = "random_components"
"""End of the name of what stands beside the own explanation: as many components, drawn at random."""
PARTS = ("own", "random", "difference")


def by_class(cells: Sequence[Cell], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each class that some clip is explained for, of the cells of one condition; [] without a control.

    A row has the class, the number n of clips explained for it, and for each score the figures of the best own
    explanation (best over all classes), of random components, and of their paired difference.
    """
    own = best_own(cells, f"equal/{CLASS_COLUMNS[0]}")
    control = next((cell for cell in cells if cell.method.endswith(CONTROL)), None)
    if own is None or control is None or own.labels is None:
        return []
    rows = []
    for number_of_class in np.unique(own.labels).astype(int):
        here = own.labels == number_of_class
        scores: dict[str, Any] = {}
        for column in CLASS_COLUMNS:
            key = f"equal/{column}"
            if key in own.scores and key in control.scores:
                kept, drawn = own.scores[key][here], control.scores[key][here]
                found = figures({"own": kept, "random": drawn}) | {"difference": paired(kept, drawn)}
                scores[column] = {part: figure._asdict() for part, figure in found.items()}
        rows.append({"class": class_names[number_of_class], "n": int(here.sum()), "own": own.title, "scores": scores})
    return rows


def class_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the scores that some class has a value of."""
    return [
        column
        for column in CLASS_COLUMNS
        if any(column in row["scores"] and number(row["scores"][column]["own"]["mean"]) != "–" for row in rows)
    ]


def class_markdown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table of classes, or none where there is nothing to tell."""
    if not rows:
        return []
    columns = [BY_KEY[key] for key in class_columns(rows)]
    heads = ["class", "n"]
    for column in columns:
        heads += [f"{column.label} {column.unit}".rstrip(), "random", "difference"]
    lines = []
    for row in rows:
        line = [row["class"], row["n"]]
        for column in columns:
            cell = class_cells(row["scores"].get(column.key, {}), column.unit)
            line += [cell.own, cell.random, cell.difference + (f" ({cell.interval})" if cell.interval else "")]
        lines.append(line)
    own = plain(rows[0]["own"])
    said = f"By explained class, equal energy: {own}, and as many random components. * interval without 0."
    return [said, "", *table(heads, lines), ""]


class ClassCells(NamedTuple):
    """What a score of one class reads as; `difference` is marked where its `interval` leaves out 0."""

    own: str
    random: str
    difference: str
    interval: str


def class_cells(scores: Mapping[str, Any], unit: str) -> ClassCells:
    """Return what a score of one class reads as: own, random, and the difference with its interval."""
    if not scores or number(scores["own"]["mean"]) == "–":
        return ClassCells("–", "–", "–", "")
    own, drawn, change = (scores[part] for part in PARTS)
    mark = " *" if _beyond_chance(change) else ""
    interval = f"{number(change['low'], unit)} to {number(change['high'], unit)}"
    return ClassCells(
        number(own["mean"], unit), number(drawn["mean"], unit), f"{number(change['mean'], unit)}{mark}", interval
    )


def _beyond_chance(change: Mapping[str, Any]) -> bool:
    low, high = change["low"], change["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def class_csv(result: Mapping[str, Any]) -> str:
    """Return every figure of every class on a line of its own."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["block", "condition", "class", "score", "of", "mean", "low", "high", "n", "undefined"])
    for part in result["blocks"]:
        for condition in part["conditions"]:
            for row in condition.get("classes", []):
                for column, scores in row["scores"].items():
                    for of in PARTS:
                        values = [scores[of][name] for name in ("mean", "low", "high", "n", "undefined")]
                        writer.writerow([part["title"], condition["name"], row["class"], column, of, *values])
    return buffer.getvalue()
