"""The table of explanations from the scores of single clips: blocks, rows, differences, costs; as Markdown and CSV.

Scores come as one mapping for each cell (method x condition), from `energy/column` to an array over clips.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from report.benchmark_columns import BY_KEY, COLUMNS, CONDITION_TITLES, COST, ENERGIES, HEADLINE
from report.bootstrap import Figure, Values, excludes_zero, figures, paired

FORMAT = 1
"""Goes up when explanations.json changes so that older files cannot be read any more."""


@dataclass(frozen=True)
class Cell:
    """Scores of one method under one condition: `energy/column` -> (n,), and `seconds` per clip by what for.

    `kind` is own, baseline or control.
    """

    method: str
    title: str
    kind: str
    condition: str
    scores: Mapping[str, Values]
    seconds: Mapping[str, float] = field(default_factory=dict)


def block(title: str, note: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return a block of the table as plain data: for each condition its rows, and the differences between them."""
    conditions = list(dict.fromkeys(cell.condition for cell in cells))
    parts = [_condition(name, [cell for cell in cells if cell.condition == name]) for name in conditions]
    return {"title": title, "note": note, "conditions": parts}


def _condition(name: str, cells: Sequence[Cell]) -> dict[str, Any]:
    rows = []
    for cell in cells:
        found = _figures(cell.scores)
        rows.append(
            {
                "method": cell.method,
                "title": cell.title,
                "kind": cell.kind,
                "figures": {key: figure._asdict() for key, figure in found.items()},
                "seconds": dict(cell.seconds),
            }
        )
    n = max((len(values) for cell in cells for values in cell.scores.values()), default=0)
    return {
        "name": name,
        "title": CONDITION_TITLES.get(name, name),
        "n": n,
        "rows": rows,
        "differences": differences(cells),
    }


def _figures(scores: Mapping[str, Values]) -> dict[str, Figure]:
    """Figures of all columns; those over fewer clips, such as stability, are resampled among themselves."""
    found: dict[str, Figure] = {}
    for length in {len(values) for values in scores.values()}:
        found |= figures({key: values for key, values in scores.items() if len(values) == length})
    return found


def best_own(cells: Sequence[Cell], key: str) -> Cell | None:
    """Return the own explanation whose mean of a score is best, or None where there is none with a value."""
    up = BY_KEY[key.rpartition("/")[2]].up
    own = [(float(np.nanmean(cell.scores[key])), cell) for cell in cells if cell.kind == "own" and _has(cell, key)]
    if not own:
        return None
    return max(own, key=lambda pair: pair[0] if up else -pair[0])[1]


def _has(cell: Cell, key: str) -> bool:
    return key in cell.scores and bool(np.isfinite(cell.scores[key]).any())


def differences(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the paired differences at equal energy between the best own explanation and all others, clip by clip.

    In the scores of the headline more is better, so that a positive difference speaks for the own explanation.
    """
    found = []
    for column in HEADLINE:
        key = f"equal/{column}"
        own = best_own(cells, key)
        if own is None:
            continue
        for cell in cells:
            if cell.kind == "own" or not _has(cell, key):
                continue
            figure = paired(own.scores[key], cell.scores[key])
            better = excludes_zero(figure) and figure.mean > 0
            worse = excludes_zero(figure) and figure.mean < 0
            found.append(
                {"column": column, "own": own.title, "other": cell.title, "method": cell.method, "kind": cell.kind}
                | figure._asdict()
                | {"verdict": "better" if better else "worse" if worse else "open"}
            )
    return found


def costs(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the seconds per clip of each method, mean over conditions, by what they were spent on."""
    rows = []
    for method in dict.fromkeys(cell.method for cell in cells):
        own = [cell for cell in cells if cell.method == method]
        spent = {
            key: float(np.mean([cell.seconds[key] for cell in own if key in cell.seconds]))
            for key in COST
            if any(key in cell.seconds for cell in own)
        }
        rows.append({"method": method, "title": own[0].title, "seconds": spent})
    return rows


def present(rows: Sequence[Mapping[str, Any]], energy: str) -> list[str]:
    """Keys `energy/column` that some row has, in the order of the columns; those measured once come with `equal`."""
    known = {key for row in rows for key, figure in row["figures"].items() if figure["n"] > figure["undefined"]}
    keys = [f"{energy if column.at_energy else 'once'}/{column.key}" for column in COLUMNS]
    return [key for key in keys if key in known]


def number(value: float | None, unit: str = "") -> str:
    """Return a figure with as many digits as can be read."""
    if value is None or not math.isfinite(value):
        return "–"
    digits = 1 if unit in ("%", "dB", "nats") else 2
    return f"{value:.{digits}f}".replace("-", "−")


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    lines = [f"# {result['title']}", "", result["sentence"], ""]
    for part in result["blocks"]:
        lines += [f"## {part['title']}", "", part["note"], ""]
        for condition in part["conditions"]:
            for energy, words in ENERGIES.items():
                keys = present(condition["rows"], energy)
                lines += [f"### {condition['title']}, {words} (n = {condition['n']})", ""]
                lines += _markdown_rows(condition["rows"], keys)
            lines += _markdown_differences(condition["differences"])
        lines += _markdown_published(part.get("as_published", []))
    lines += ["## Cost", "", "Seconds per clip.", "", *_markdown_costs(result["costs"])]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    columns = [BY_KEY[key.partition("/")[2]] for key in keys]
    heads = [f"{c.label}{f' {c.unit}' if c.unit else ''}{ {True: ' ↑', False: ' ↓', None: ''}[c.up] }" for c in columns]
    lines = [
        "| explanation | " + " | ".join(heads) + " | undefined | s/clip |",
        "| --- |" + " ---: |" * (len(keys) + 2),
    ]
    for row in rows:
        cells = [_cell(row["figures"].get(key), column.unit) for key, column in zip(keys, columns, strict=True)]
        undefined = max((row["figures"][key]["undefined"] for key in keys if key.endswith(HEADLINE)), default=0)
        seconds = number(row["seconds"].get("explain"))
        lines.append(f"| {row['title']} | " + " | ".join(cells) + f" | {undefined} | {seconds} |")
    return [*lines, ""]


def _cell(figure: Mapping[str, Any] | None, unit: str) -> str:
    if figure is None:
        return "–"
    mean, low, high = (number(figure[key], unit) for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})" if mean != "–" else "–"


def _markdown_differences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    if not found:
        return []
    lines = [
        "Best own explanation minus the other at equal energy, paired over clips; * marks intervals without 0.",
        "",
    ]
    lines += ["| score | own | other | difference | n |", "| --- | --- | --- | ---: | ---: |"]
    for row in found:
        column = BY_KEY[row["column"]]
        mark = "" if row["verdict"] == "open" else " *"
        value = _cell(row, column.unit)
        lines.append(
            f"| {column.label} | {row['own']} | {row['other']} | {value}{mark} | {row['n'] - row['undefined']} |"
        )
    return [*lines, ""]


def _markdown_published(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = ["### As published", "", "What known faults of published scoring code make of the same explanations.", ""]
    lines += ["| explanation | score | fault | right | as published |", "| --- | --- | --- | ---: | ---: |"]
    for row in rows:
        column = BY_KEY[row["column"]]
        right, wrong = (_cell(row[key], column.unit) for key in ("right", "published"))
        lines.append(f"| {row['title']} | {column.label} | {row['fault']} | {right} | {wrong} |")
    return [*lines, ""]


def _markdown_costs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    heads = list(COST.values())
    lines = ["| explanation | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for row in rows:
        cells = [f"{row['seconds'][key]:.3f}" if key in row["seconds"] else "–" for key in COST]
        lines.append(f"| {row['title']} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def csv_text(result: Mapping[str, Any]) -> str:
    """Return every figure on a line of its own."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["block", "condition", "method", "kind", "energy", "score", "mean", "low", "high", "n", "undefined", "seconds"]
    )
    for part in result["blocks"]:
        for condition in part["conditions"]:
            for row in condition["rows"]:
                for key, figure in row["figures"].items():
                    energy, _, score = key.partition("/")
                    values = [figure[name] for name in ("mean", "low", "high", "n", "undefined")]
                    head = [part["title"], condition["name"], row["method"], row["kind"], energy, score]
                    writer.writerow([*head, *values, row["seconds"].get("explain", "")])
    return buffer.getvalue()
