"""Figures of a classification benchmark as text, and all of them as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from report.benchmark_table import number
from report.classification_columns import BY_KEY, COLUMNS


def shown_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that some row has, in their order."""
    return [column.key for column in COLUMNS if any(column.key in row["figures"] for row in rows)]


def figure_text(row: Mapping[str, Any], key: str) -> str:
    """Return mean and standard deviation of a figure as text, or a dash."""
    figure = row["figures"].get(key)
    if figure is None:
        return "–"
    unit = "%" if BY_KEY[key].unit in ("%", "s", "k") else ""
    spread = f" ± {number(figure['std'], unit)}" if figure["std"] else ""
    return f"{number(figure['mean'], unit)}{spread}"


def control_text(row: Mapping[str, Any], key: str) -> str:
    """Return what stands beside a column's figures: the interval of a score, what chance gives, or nothing."""
    column, interval = BY_KEY[key], row.get("interval")
    if interval is not None and interval["column"] == key:
        return f"95 % {interval_text(interval)}"
    if column.control not in row["figures"]:
        return ""
    return f"{column.beside} {number(row['figures'][column.control]['mean'], column.unit)}"


def interval_text(row: Mapping[str, Any], low: str = "low", high: str = "high") -> str:
    """Return an interval in points."""
    return "–" if row.get(low) is None else f"{number(row[low], '%')} to {number(row[high], '%')}"


def p_text(value: float | None) -> str:
    """Return a p value."""
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def csv_text(result: Mapping[str, Any]) -> str:
    """Return every figure of every cell on a line of its own, then those of the rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["data", "model", "fold", "seed", "column", "value", "std", "n", "run", "command"])
    for part in result["sets"]:
        for cell in part["cells"]:
            head = [cell["data"], cell["model"], "" if cell["fold"] is None else cell["fold"], cell["seed"]]
            for key, value in cell["figures"].items():
                writer.writerow([*head, key, value, "", 1, cell["run"], cell["command"]])
        for row in part["rows"]:
            for key, figure in row["figures"].items():
                std = "" if figure["std"] is None else figure["std"]
                line = [
                    part["data"],
                    row["model"],
                    "all",
                    "all",
                    key,
                    figure["mean"],
                    std,
                    figure["n"],
                    "",
                    row["command"],
                ]
                writer.writerow(line)
    return buffer.getvalue()
