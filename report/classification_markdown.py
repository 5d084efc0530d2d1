"""The table of a classification benchmark as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from report.benchmark_table import number
from report.classification_columns import BY_KEY
from report.classification_text import control_text, figure_text, interval_text, p_text, shown_columns
from report.markdown_table import plain, table

HEADS = (
    "difference",
    "points",
    "95 % (t)",
    "95 % (corrected)",
    "p (t)",
    "p (corrected)",
    "p (signs)",
    "95 % over clips",
)


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    lines = ["# Models compared", ""]
    for part in result["sets"]:
        lines += [f"## {plain(part['data'])}", "", *_rows(part["rows"]), plain(part["note"]), ""]
        if part["differences"]:
            lines += [*table(HEADS, map(difference_cells, part["differences"])), "", plain(part["limits"]), ""]
        lines += ["Commands, one for each row:", "", "```bash", *(row["command"] for row in part["rows"]), "```", ""]
    if result["failed"]:
        lines += ["## Failed", ""]
        lines += [f"- {plain(cell_name(cell))}: {plain(cell['reason'])}" for cell in result["failed"]]
    return "\n".join(lines).rstrip() + "\n"


def cell_name(cell: Mapping[str, Any]) -> str:
    """Return what a cell is called."""
    fold = "" if cell["fold"] is None else f", fold {cell['fold']}"
    return f"{cell['data']} {cell['model']}{fold}, seed {cell['seed']}"


def head(key: str) -> str:
    """Return the head of a column: its name, unit and good direction."""
    column = BY_KEY[key]
    way = {True: " ↑", False: " ↓", None: ""}[column.up]
    return f"{column.label}{f' {column.unit}' if column.unit else ''}{way}"


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = shown_columns(rows)
    lines = []
    for row in rows:
        cells = [f"{figure_text(row, key)}{_behind(control_text(row, key))}" for key in keys]
        lines.append([row["model"], row["finished"], row["clips"], *cells])
    return [*table(["model", "trainings", "test clips", *map(head, keys)], lines), ""]


def _behind(text: str) -> str:
    return f" ({text})" if text else ""


def difference_cells(row: Mapping[str, Any]) -> list[str]:
    """Return a paired difference as the texts under `HEADS`."""
    clips = row["clips"]
    return [
        f"{row['first']} − {row['second']}",
        number(row["mean"], "%"),
        interval_text(row),
        interval_text(row, "corrected_low", "corrected_high"),
        p_text(row["p"]),
        p_text(row["corrected_p"]),
        p_text(row["signs_p"]),
        "–" if clips is None else f"{interval_text(clips)} (n = {clips['n']})",
    ]
