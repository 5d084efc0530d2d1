"""The table of a classification benchmark from its cells: rows, paired differences, sentences."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from report.bootstrap import Figure
from report.classification_notes import limits_note, note
from report.classification_statistics import Answers, clip_interval, paired_test

FORMAT = 1
"""Goes up when classification.json changes so that older files cannot be read any more."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """What a cell has come to.

    Attributes:
        data, model, fold, seed: which cell; `fold` is None where there is one split.
        state: finished, failed or missing.
        reason: why it failed.
        run: its folder, as text.
        command: what trains it again.
        figures: by column.
        answers: on the test clips.
        n_train: clips trained on.
    """

    data: str
    model: str
    fold: int | None
    seed: int
    state: str
    reason: str = ""
    run: str = ""
    command: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    answers: Answers | None = None
    n_train: int = 0


def tabulate(
    cells: Sequence[CellResult], commands: Mapping[tuple[str, str], str], needed: Sequence[CellResult] = ()
) -> dict[str, Any]:
    """Return the whole result as plain data.

    Args:
        cells: of the table.
        commands: what repeats the row of a data set and model.
        needed: cells that others need and the table does not show.
    """
    sets = [_of_data(data, [cell for cell in cells if cell.data == data], commands) for data in _names(cells, "data")]
    return {
        "format": FORMAT,
        "sets": sets,
        "failed": [_told(cell) for cell in (*needed, *cells) if cell.state == "failed"],
    }


def _names(cells: Sequence[CellResult], attribute: str) -> list[Any]:
    return list(dict.fromkeys(getattr(cell, attribute) for cell in cells))


def _told(cell: CellResult) -> dict[str, Any]:
    names = ("data", "model", "fold", "seed", "state", "reason", "run", "command")
    return {name: getattr(cell, name) for name in names} | {"figures": dict(cell.figures)}


def _of_data(data: str, cells: Sequence[CellResult], commands: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    models, folds, seeds = (_names(cells, name) for name in ("model", "fold", "seed"))
    metric = "map" if any("map" in cell.figures for cell in cells) else "accuracy"
    finished = [cell for cell in cells if cell.state == "finished"]
    rows = [
        _row(model, [cell for cell in cells if cell.model == model], commands[data, model], metric) for model in models
    ]
    found = [
        difference(
            [cell for cell in finished if cell.model == models[0]],
            [cell for cell in finished if cell.model == model],
            metric,
        )
        for model in models[1:]
    ]
    result = {
        "data": data,
        "metric": metric,
        "folds": [fold for fold in folds if fold is not None],
        "seeds": seeds,
        "chance": _chance(finished, metric),
        "rows": rows,
        "differences": [row for row in found if row is not None],
        "cells": [_told(cell) for cell in cells],
    }
    return result | {"note": note(result), "limits": limits_note(result)}


def _row(model: str, cells: Sequence[CellResult], command: str, metric: str) -> dict[str, Any]:
    finished = [cell for cell in cells if cell.state == "finished"]
    keys = list(dict.fromkeys(key for cell in finished for key in cell.figures))
    figures = {}
    for key in keys:
        values = [cell.figures[key] for cell in finished if key in cell.figures]
        figures[key] = {"mean": float(np.mean(values)), "std": _std(values), "n": len(values)}
    clips = sum(len(cell.answers.clips) for cell in finished if cell.answers is not None and cell.seed == cells[0].seed)
    answers: defaultdict[Any, list[tuple[Answers, ...]]] = defaultdict(list)
    for cell in finished:
        if cell.answers is not None:
            answers[cell.fold].append((cell.answers,))
    interval = _percent(clip_interval(answers, metric == "map"))
    return {
        "model": model,
        "figures": figures,
        "interval": None if interval is None else interval | {"column": metric},
        "finished": len(finished),
        "planned": len(cells),
        "clips": clips,
        "command": command,
    }


def _std(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _chance(cells: Sequence[CellResult], metric: str) -> float | None:
    """Return what the score is without hearing: the share of the largest class, or the mean share of the classes."""
    answers = next((cell.answers for cell in cells if cell.answers is not None), None)
    if answers is None:
        return None
    if metric == "accuracy":
        return float(100 * np.bincount(answers.target.argmax(axis=1)).max() / len(answers.clips))
    known = np.where(answers.target >= 0, answers.target, np.nan)
    shares = [float(np.nanmean(column)) for column in known.T if np.nansum(column) > 0]
    return 100 * float(np.mean(shares)) if shares else None


def difference(first: Sequence[CellResult], second: Sequence[CellResult], metric: str) -> dict[str, Any] | None:
    """Return the paired difference of two models' scores, `first` minus `second`, in points; None without pairs.

    Differences of several seeds in a fold are one difference, their mean: the clips are the same. With one fold, seeds
    are the pairs.
    """
    theirs = {(cell.fold, cell.seed): cell for cell in second}
    pairs = [(cell, theirs[cell.fold, cell.seed]) for cell in first if (cell.fold, cell.seed) in theirs]
    pairs = [(one, two) for one, two in pairs if metric in one.figures and metric in two.figures]
    if not pairs:
        return None
    unit = "fold" if len({one.fold for one, _ in pairs}) > 1 else "seed"
    grouped: defaultdict[Any, list[float]] = defaultdict(list)
    answers: defaultdict[Any, list[tuple[Answers, ...]]] = defaultdict(list)
    for one, two in pairs:
        grouped[getattr(one, unit)].append(one.figures[metric] - two.figures[metric])
        if one.answers is not None and two.answers is not None:
            answers[one.fold].append((one.answers, two.answers))
    ratios = [len(one.answers.clips) / one.n_train for one, _ in pairs if one.answers is not None and one.n_train]
    test = paired_test(
        np.array([np.mean(values) for values in grouped.values()]), float(np.mean(ratios or [0])) * (unit == "fold")
    )
    return {
        "first": pairs[0][0].model,
        "second": pairs[0][1].model,
        "unit": unit,
        **{name: _finite(value) for name, value in test._asdict().items()},
        "clips": _percent(clip_interval(answers, metric == "map")),
    }


def _percent(figure: Figure | None) -> dict[str, Any] | None:
    """A score of clips with its interval, in per cent."""
    if figure is None:
        return None
    return {name: 100 * getattr(figure, name) for name in ("mean", "low", "high")} | {"n": figure.n}


def _finite(value: float) -> float | int | None:
    return value if math.isfinite(value) else None
