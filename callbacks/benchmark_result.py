"""The whole result of a benchmark as plain data: cells of all folds pooled, what is said beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from callbacks.benchmark_blocks import fingerprint
from callbacks.benchmark_cache import Scored, cell_file, read_cell, write_cell
from callbacks.benchmark_methods import methods_of, untrained_explanation
from callbacks.benchmark_plan import Plan, Task
from callbacks.published_faults import FAULTS, score_faults
from configs.errors import InputError
from report.benchmark_classes import by_class
from report.benchmark_table import FORMAT, Cell, block, costs
from report.bootstrap import Values, figures

NOT_TOLD = ("progress", "device", "batch_size", "report", "output")
"""Settings on which no figure depends."""


def tabulate(plan: Plan, tasks: Sequence[Task], done: Mapping[int, Scored]) -> dict[str, Any]:
    """Return the result from finished cells, by their places among the tasks; clips of all folds come together.

    Raises:
        InputError: A method that some of the pooled runs do not have.
    """
    first = plan.folds[0]
    cells = {one.key: _cells(plan, tasks, done, one.key) for one in first}
    blocks = []
    for one in first:
        own = [(task, done[place]) for place, task in enumerate(tasks) if task.block.key == one.key]
        part = block(one.title, note(one.run.class_names, own), cells[one.key])
        for condition in part["conditions"]:
            here = [cell for cell in cells[one.key] if cell.condition == condition["name"]]
            condition["classes"] = by_class(here, one.run.class_names)
        blocks.append(part | {"key": one.key, "as_published": faults(plan, one.key)})
    runs = [str(path) for path in plan.paths]
    said = f"{len(runs)} runs, each on its own test clips" if len(runs) > 1 else f"Run {plan.paths[0].name}"
    return {
        "format": FORMAT,
        "title": "Explanations compared",
        "sentence": f"{said}. Means with 95 % bootstrap intervals over clips; scores compare within a classifier only.",
        "runs": runs,
        "settings": {key: value for key, value in vars(plan.settings).items() if key not in NOT_TOLD},
        "blocks": blocks,
        "costs": costs([cell for own in cells.values() for cell in own]),
    }


def _cells(plan: Plan, tasks: Sequence[Task], done: Mapping[int, Scored], key: str) -> list[Cell]:
    same: dict[tuple[str, str], list[int]] = {}
    for place, task in enumerate(tasks):
        if task.block.key == key:
            same.setdefault((task.method.name, task.condition), []).append(place)
    found = []
    for (name, condition), places in same.items():
        if len(places) != len(plan.folds):
            raise InputError(f"{name} is not there for every pooled run; give it for each of them, or for none")
        together = pooled([done[place].scores for place in places])
        scores = {key: values for key, values in together.items() if "/" in key}
        seconds = [done[place].seconds for place in places]
        spent = {what: sum(one[what] for one in seconds) / len(seconds) for what in seconds[0]}
        method = tasks[places[0]].method
        found.append(Cell(name, method.title, method.kind, condition, scores, spent, together["label"]))
    return found


def pooled(parts: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    """Columns of several folds one after the other, as far as all of them have them."""
    shared = [key for key in parts[0] if all(key in part for part in parts)]
    return {key: np.concatenate([part[key] for part in parts]) for key in shared}


def note(class_names: Sequence[str], cells: Sequence[tuple[Task, Scored]]) -> str:
    """Return what a reader of a block has to know: what is explained, and which classes are never predicted."""
    said = {int(label) for _, cell in cells for label in np.unique(cell.scores["label"])}
    never = [name for number, name in enumerate(class_names) if number not in said]
    text = "Explained is the class the classifier decides for, right or wrong."
    return text + (f" Never decided for, and so not explained: {', '.join(never)}." if never else "")


def faults(plan: Plan, key: str) -> list[dict[str, Any]]:
    """Return the rows that show what faults of published scoring make of the first explanation of a block."""
    condition = "other_class" if "other_class" in plan.conditions else plan.conditions[0]
    found: list[dict[str, Values]] = []
    title = ""
    for one in (one for fold in plan.folds for one in fold if one.key == key):
        method, clips = methods_of(one, plan.settings)[0], plan.clips(one, condition)
        title = method.title
        made_with: dict[str, Any] = {"classifier": fingerprint(one.run), "clips": clips.names}
        made_with |= {"settings": dict(method.settings), "snr_db": plan.settings.snr_db, "seed": plan.settings.seed}
        file = cell_file(one.run.path / "benchmark" / "cells", condition, "as_published", made_with)
        cell = read_cell(file)
        if cell is None:
            bare = untrained_explanation(one, plan.settings) if one.own else None
            cell = Scored(score_faults(one.f, method, bare, clips, plan.settings.batch_size), {})
            write_cell(file, cell)
        found.append(cell.scores)
    return fault_rows(title, pooled(found))


def fault_rows(title: str, scores: dict[str, Values]) -> list[dict[str, Any]]:
    """Return a row for each fault: the score as it is, and as published code would give it."""
    summary = figures(scores)
    return [
        {
            "title": title,
            "column": column,
            "fault": words,
            "right": summary[f"{fault}/right"]._asdict(),
            "published": summary[f"{fault}/published"]._asdict(),
        }
        for fault, (column, words) in FAULTS.items()
        if f"{fault}/right" in summary
    ]
