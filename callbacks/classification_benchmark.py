"""The work of `benchmark.py classification`: train what is missing, then the table, the page, and its copies."""

import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from callbacks.classification_driver import Driver
from callbacks.classification_plan import Cell, in_shard, plan_cells
from callbacks.classification_progress import Outlook
from callbacks.classification_runs import Runs
from configs.classification_schema import ClassificationBenchmark, entries
from configs.errors import InputError
from report.classification_columns import cell_figures
from report.classification_markdown import markdown
from report.classification_page import build_page
from report.classification_statistics import read_answers
from report.classification_table import CellResult, tabulate
from report.classification_text import csv_text
from report.command import setting_text
from report.run_folder import replace_file

SCRIPT = "python benchmark.py classification"
NOT_REPEATED = ("models", "jobs", "threads", "shard", "collect", "progress", "report", "wandb", "output")
"""Settings of a call that a command for one row leaves out or gives anew."""


def benchmark_classification(settings: ClassificationBenchmark, words: Sequence[str]) -> tuple[str, int]:
    """Train, tabulate and write; return what to tell the user, and the number of cells that failed.

    Args:
        settings: of the call.
        words: settings of the trainings.

    Raises:
        CommandError: Data, models, folds or settings that there are not.
        InputError: A folder that cannot be written.
    """
    cells = plan_cells(settings, words)
    output = Path(settings.output or f"runs/benchmark/{'+'.join(entries(settings.data))}").expanduser()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made: {error.strerror}") from error
    runs = Runs(output, settings.collect)
    mine = in_shard(cells, *settings.shard_of)
    failures: dict[Cell, str] = {}
    if settings.jobs:
        outlook = Outlook(mine, settings.jobs, settings.progress)
        failures = dict(Driver(settings, mine, runs, outlook).run())
    order = entries(settings.models)
    shown = sorted((cell for cell in cells if cell.shown), key=lambda cell: order.index(cell.model))
    results = [_result(cell, runs, failures) for cell in shown]
    needed = [_result(cell, runs, failures) for cell in cells if not cell.shown]
    for problem in runs.problems:
        print(f"warning: {problem}", file=sys.stderr)
    result = tabulate(results, _commands(settings, shown), needed)
    result["command"] = _repeated(settings, words)
    return _written(result, settings, output), len(failures)


def _result(cell: Cell, runs: Runs, failures: dict[Cell, str]) -> CellResult:
    folder = runs.of(cell)
    explained = [] if cell.needs is None else [f"model.explains={runs.of(cell.needs).path}"]
    line = shlex.join(["python", "train.py", *cell.words, *explained])
    reason = failures.get(cell, "")
    try:
        summary = None if reason else runs.summary(cell)
    except InputError as error:
        summary, reason = None, str(error)
    if summary is None:
        state = "failed" if reason else "missing"
        return CellResult(cell.data, cell.model, cell.fold, cell.seed, state, reason, command=line)
    return CellResult(
        cell.data,
        cell.model,
        cell.fold,
        cell.seed,
        "finished",
        run=str(folder.path),
        command=line,
        figures=cell_figures(folder),
        answers=read_answers(folder.predictions),
        n_train=int(summary.get("n_train", 0)),
    )


def _commands(settings: ClassificationBenchmark, cells: Sequence[Cell]) -> dict[tuple[str, str], str]:
    """Return the command that repeats the row of each data set and model."""
    found = {}
    for cell in cells:
        words = dict.fromkeys([*cell.given, *(cell.needs.given if cell.needs is not None else ())])
        one = dataclasses.replace(settings, data=cell.data, models=cell.model)
        found[cell.data, cell.model] = _repeated(one, list(words))
    return found


def _repeated(settings: ClassificationBenchmark, words: Sequence[str]) -> str:
    """Return the command of a call, without what concerns one machine."""
    usual = {field.name: field.default for field in dataclasses.fields(settings)}
    given = [
        f"{field.name}={setting_text(getattr(settings, field.name))}"
        for field in dataclasses.fields(settings)
        if field.name == "models"
        or (field.name not in NOT_REPEATED and getattr(settings, field.name) not in (usual[field.name], []))
    ]
    return " ".join([SCRIPT, *(shlex.quote(word) for word in [*given, *words])])


def _written(result: dict[str, Any], settings: ClassificationBenchmark, output: Path) -> str:
    text = markdown(result)
    replace_file(output / "classification.json", (json.dumps(result, indent=1) + "\n").encode())
    replace_file(output / "classification.csv", csv_text(result).encode())
    replace_file(output / "classification.md", text.encode())
    told = [text, f"table: {output / 'classification.md'}"]
    if settings.report:
        told.append(f"report: {build_page(result, output)}")
    if settings.wandb != "disabled":
        from callbacks.classification_wandb import log_table

        log_table(result, settings, output)
    return "\n".join(told)
