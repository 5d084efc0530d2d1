"""The table of explanations as text: Markdown for people, CSV for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from report.benchmark_classes import class_markdown
from report.benchmark_columns import BY_KEY, COST, ENERGIES, HEADLINE
from report.benchmark_table import number, present
from report.markdown_table import plain, table


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    lines = [f"# {plain(result['title'])}", "", plain(result["sentence"]), ""]
    for part in result["blocks"]:
        lines += [f"## {plain(part['title'])}", "", plain(part["note"]), ""]
        for condition in part["conditions"]:
            for energy, words in ENERGIES.items():
                keys = present(condition["rows"], energy)
                lines += [f"### {plain(condition['title'])}, {words} (n = {condition['n']})", ""]
                lines += _markdown_rows(condition["rows"], keys)
            lines += _markdown_differences(condition["differences"])
            lines += class_markdown(condition.get("classes", []))
        lines += _markdown_published(part.get("as_published", []))
    lines += ["## Cost", "", "Seconds per clip.", "", *_markdown_costs(result["costs"])]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    columns = [BY_KEY[key.partition("/")[2]] for key in keys]
    heads = [f"{c.label}{f' {c.unit}' if c.unit else ''}{ {True: ' ↑', False: ' ↓', None: ''}[c.up] }" for c in columns]
    lines = []
    for row in rows:
        cells = [_cell(row["figures"].get(key), column.unit) for key, column in zip(keys, columns, strict=True)]
        undefined = max((row["figures"][key]["undefined"] for key in keys if key.endswith(HEADLINE)), default=0)
        seconds = number(row["seconds"].get("explain"))
        lines.append([row["title"], *cells, undefined, seconds])
    return [*table(["explanation", *heads, "undefined", "s/clip"], lines), ""]


def _cell(figure: Mapping[str, Any] | None, unit: str) -> str:
    if figure is None:
        return "–"
    mean, low, high = (number(figure[key], unit) for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})" if mean != "–" else "–"


def _markdown_differences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    if not found:
        return []
    lines = []
    for row in found:
        column = BY_KEY[row["column"]]
        mark = "" if row["verdict"] == "open" else " *"
        value = _cell(row, column.unit)
        lines.append([column.label, row["own"], row["other"], value + mark, row["n"] - row["undefined"]])
    said = "Best own explanation minus the other at equal energy, paired over clips; * marks intervals without 0."
    return [said, "", *table(["score", "own", "other", "difference", "n"], lines, n_left=3), ""]


def _markdown_published(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = []
    for row in rows:
        column = BY_KEY[row["column"]]
        right, wrong = (_cell(row[key], column.unit) for key in ("right", "published"))
        lines.append([row["title"], column.label, row["fault"], right, wrong])
    said = ["### As published", "", "What known faults of published scoring code make of the same explanations.", ""]
    return [*said, *table(["explanation", "score", "fault", "right", "as published"], lines, n_left=3), ""]


def _markdown_costs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        [row["title"], *(f"{row['seconds'][key]:.3f}" if key in row["seconds"] else "–" for key in COST)]
        for row in rows
    ]
    return [*table(["explanation", *COST.values()], lines), ""]


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
