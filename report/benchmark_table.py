"""The table of explanations from the scores of single clips: blocks, rows, differences, costs.

Scores come as one mapping for each cell (method x condition), from `energy/column` to an array over clips.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from report.benchmark_columns import BY_KEY, COLUMNS, CONDITION_TITLES, COST, HEADLINE
from report.bootstrap import Figure, Values, excludes_zero, figures, paired

FORMAT = 1
"""Goes up when explanations.json changes so that older files cannot be read any more."""


@dataclass(frozen=True)
class Cell:
    """Scores of one method under one condition: `energy/column` -> (n,), and `seconds` per clip by what for.

    `kind` is own, baseline or control; `labels` (n,) the numbers of the classes that are explained, where told.
    """

    method: str
    title: str
    kind: str
    condition: str
    scores: Mapping[str, Values]
    seconds: Mapping[str, float] = field(default_factory=dict)
    labels: Values | None = None


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
