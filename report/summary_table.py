"""The table that ends a training: one row for each model or baseline, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
"""Column name -> value; a row may leave columns out."""


def summary_table(rows: Sequence[Row]) -> Table:
    """Return a table with the columns of all rows in the order they first appear."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(Text(name), justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_text(row.get(name))) for name in columns))  # Text: names are no markup
    return table


def print_summary(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print the table, as wide as it needs to be when the output is not a terminal."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=200)
    console.print(summary_table(rows))


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
