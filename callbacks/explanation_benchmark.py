"""The work of `benchmark.py explanations`: every cell that is not done yet, then the tables and the page."""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from callbacks.benchmark_audio import write_playable
from callbacks.benchmark_cache import Scored, read_cell, write_cell
from callbacks.benchmark_cell import score_cell
from callbacks.benchmark_plan import Plan, Task
from callbacks.benchmark_result import tabulate
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import InputError
from interpretability.isolation import forked_randomness
from interpretability.listening.contamination import clip_seed
from report.benchmark_classes import class_csv
from report.benchmark_report import build_page
from report.benchmark_text import csv_text, markdown
from report.run_folder import replace_file


def benchmark_explanations(settings: ExplanationsBenchmark) -> str:
    """Compute, tabulate and write; return what to tell the user.

    Raises:
        CommandError: No such run, method or folder.
        InputError: A run that cannot be used, or a folder that cannot be written.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    plan = Plan(settings)
    tasks = list(plan.tasks())
    result = tabulate(plan, tasks, compute(plan, tasks))
    output = plan.output
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made: {error.strerror}") from error
    if settings.playable and settings.report:
        write_playable(plan.folds[0], result, settings, plan.clips, output)
    replace_file(output / "explanations.json", (json.dumps(_plain(result), indent=1) + "\n").encode())
    replace_file(output / "explanations.md", markdown(result).encode())
    replace_file(output / "explanations.csv", csv_text(result).encode())
    replace_file(output / "explanations_by_class.csv", class_csv(result).encode())
    lines = [f"table: {output / 'explanations.md'}"]
    if settings.report:
        lines.append(f"report: {build_page(plan.paths, output)}")
    return "\n".join(lines)


def compute(plan: Plan, tasks: Sequence[Task]) -> dict[int, Scored]:
    """Return the scores of every task by its place, computing those that no file holds yet."""
    done = {place: cell for place, task in enumerate(tasks) if (cell := read_cell(task.file)) is not None}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = plan.settings.progress and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        total = sum(task.passes for place, task in enumerate(tasks) if place not in done)
        row = bar.add_task(f"{len(done)} of {len(tasks)} cells kept", total=max(total, 1))
        energy: torch.Tensor | None = None
        for place, task in enumerate(tasks):
            if place not in done:
                bar.update(row, description=f"{task.block.key}, {task.condition}: {task.method.title}")
                done[place] = _score(plan, task, energy, partial(_advance, bar, row, task.passes / task.n_clips))
            if task.is_reference:
                energy = torch.from_numpy(done[place].scores["energy"])
    return done


def _advance(bar: Progress, row: TaskID, passes: float, clips: int) -> None:
    bar.advance(row, passes * clips)


def _score(plan: Plan, task: Task, energy: torch.Tensor | None, advance: Callable[[int], None]) -> Scored:
    one, clips = task.block, plan.clips(task.block, task.condition)
    seed = clip_seed(plan.settings.seed, task.method.name, task.condition)
    with forked_randomness(seed, torch.device(plan.settings.device)):
        reference = None if task.is_reference else energy
        cell = Scored(*score_cell(one.f, task.method, clips, reference, task.effort, advance))
    write_cell(task.file, cell)
    return cell


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """Numbers that are not finite become null."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and value != value:  # NaN
        return None
    return value
