"""What the units of a finished run ask for, without training: the work of `explain.py what=generations`."""

import csv
import dataclasses
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from callbacks.benchmark_clips import data_of
from callbacks.explanation_fid_heard import write_heard
from callbacks.generation_agreement import agreement_lines
from callbacks.generation_files import record_of, write_generations
from callbacks.generation_grid import grid_lines, paper_prior, paper_settings
from callbacks.generation_ground import SearchGround, checked_units, search_basis, settings_of, with_prior
from callbacks.generation_reference import check_references
from callbacks.generation_result import UnitGenerations
from callbacks.generation_search import Watch, search_units
from configs.errors import CommandError, InputError
from configs.explain_schema import ExplainConfig
from configs.generation_schema import GenerationConfig
from models.run_loading import load_run
from report.build import build
from report.generations_file import END, FOLDER
from report.run_folder import replace_file

LANES = f"{FOLDER}/lanes.csv"
"""Table of all settings of all units."""
FEATURES = f"{FOLDER}/features.pt"
"""Features and latents of the chosen settings, as plain tensors."""
INTERPRETED = 200
"""Validation clips, half of them compared by the model's own interpretations with the others, where it has any."""


def explain_generations(settings: ExplainConfig) -> list[str]:
    """Search for what units of the best checkpoint of a run ask for; return what is to be said of it.

    Scores go to `generations/end.jsonl` and `generations/lanes.csv`, features and latents to `generations/features.pt`,
    sounds to `media/generations`, pages into the report of the run, or of `output`.

    Raises:
        CommandError: No such run, settings that cannot be used, or generations that are there already.
        InputError: A run, prior or unit that cannot be used, or too few real excerpts.
    """
    run = load_run(settings.run, settings.device)
    folder = run.path if run.path.is_dir() else run.path.parents[1]
    output = folder if settings.output is None else Path(settings.output).expanduser()
    if (output / FOLDER / f"{END}.jsonl").is_file() and not settings.overwrite:
        raise CommandError(f"{output / FOLDER / END}.jsonl exists; give overwrite=true, or another folder as output")
    config = search_settings(run.config.callbacks, settings)
    paper = settings.grid == "paper"
    config = paper_settings(config, run.model, given_settings(settings)) if paper else config
    # What takes long comes last: names, then excerpts and what they are enough for, then the prior.
    units = checked_units(run.model, config)
    basis = search_basis(run.model, data_of(run), config)
    check_references(basis, units)
    ground = with_prior(basis)
    ground = dataclasses.replace(ground, prior=paper_prior(ground.prior)) if paper else ground
    found, lines = [], [f"prior: {ground.prior_note}", f"judge: {ground.judge or ground.judge_note}"]
    lines += [f"excerpts: {ground.excerpts.left_out}"] if ground.excerpts.left_out else []
    with progress(len(units)) as watch:
        for key in units:
            try:
                found += search_units(ground, [key], watch=watch)
            except InputError as error:
                if len(units) == 1:
                    raise
                lines.append(f"skipped {error}")
    if not found:
        first = next(line for line in lines if line.startswith("skipped "))
        raise InputError(f"none of {len(units)} units has generations; {first.removeprefix('skipped ')}")
    epoch = int(run.kept.get("epoch", 0)) + 1
    write_generations(output, END, found, ground, epoch)
    write_table(output / LANES, found, ground, epoch)
    write_features(output / FEATURES, found)
    write_heard(output, ground, INTERPRETED, epoch, end=True)
    lines += [line_of(unit) for unit in found]
    lines += [line for unit in found for line in grid_lines(unit, ground.prior)] if paper else []
    lines += agreement_lines(found)
    lines.append(f"settings of all units: {output / LANES}")
    if settings.report:
        target = None if output == folder else output / "report"
        lines.append(f"report: {build(folder, target, explanations=None if output == folder else output)}")
    return lines


def search_settings(callbacks: Any, settings: ExplainConfig) -> GenerationConfig:  # noqa: ANN401 - built at run time
    """Return the settings of the search in the run's callback, with what the command line changes.

    Raises:
        CommandError: Settings that cannot be used.
    """
    changed = dataclasses.replace(settings_of(callbacks), **given_settings(settings))
    for problem in changed.problems():
        raise CommandError(problem)
    return changed


def given_settings(settings: ExplainConfig) -> dict[str, Any]:
    """Return what the command line says of the search, by its name in `GenerationConfig`."""
    top = settings.given()
    if "prior" in top:
        top["prior"] = top["prior"] or "none"
    short: dict[str, Any] = {name: top[name] for name in ("units", "prior", "independent") if name in top}
    short |= {name: top[name] for name in ("aim", "n_clips") if top.get(name) is not None}
    return settings.given("generation") | short


def line_of(found: UnitGenerations) -> str:
    """Say in one line what the chosen setting of a unit is worth."""
    score, ceiling = found.choice.score, found.ceiling
    if found.by == "frechet" and found.floors.frechet is not None:
        floor = found.floors.frechet
        told = (
            f"Fréchet {score.layer:.3g} (90 % {score.low + score.floor:.3g} to {score.high + score.floor:.3g}; real "
            f"{floor.low:.3g} to {floor.high:.3g}; not searched {ceiling.layer:.3g}{endless(found)})"
        )
    else:
        told = f"kernel distance {score.kernel:.3f} (90 % {score.kernel_low:.3f} to {score.kernel_high:.3f}"
        floors = found.floors.kernel
        told += "" if floors is None else f"; real {floors.low:.3f} to {floors.high:.3f}"
        told += f"; not searched {ceiling.kernel:.3f})"
    heard = "" if score.recognised != score.recognised else f", judge recognises {score.recognised:.0%}"
    count = f"n = {score.n} sounds against {found.reference.described}"
    return f"{found.unit.name}, {found.aim}: {told}{heard}; {score.name}; {count}"


def endless(found: UnitGenerations) -> str:
    """Say what the Fréchet distance would be for endless sounds, where it is known."""
    if found.endless is None:
        return ""
    return f"; endless sounds {found.endless.distance:.3g}, R2 {found.endless.r_squared:.2f}"


def write_table(path: Path, found: Sequence[UnitGenerations], ground: SearchGround, epoch: int) -> None:
    """Write all settings of all units as CSV, a setting on each line; what could not be measured is empty.

    Raises:
        InputError: The file cannot be written.
    """
    rows: list[dict[str, Any]] = []
    for unit in found:
        record = record_of(unit, ground, epoch)
        facts = {name: record[name] for name in ("key", "layer", "unit", "name", "aim")}
        facts |= {"prior": record["prior"]["name"], "reference_n": record["reference"]["n"]}
        facts |= {"reference_recordings": record["reference"]["recordings"]}
        lanes = [{**lane, "chosen": i == record["chosen"]} for i, lane in enumerate(record["lanes"])]
        lanes[record["chosen"]]["frechet_infinity"] = (record["endless"] or [None])[0]
        rows += [facts | lane for lane in [*lanes, {**record["ceiling"], "chosen": False}]]
    columns = list(dict.fromkeys([*rows[0], "frechet_infinity"]))
    table: list[list[Any]] = [columns, *([row.get(name) for name in columns] for row in rows)]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([["" if v is None else v for v in line] for line in table])
    replace_file(path, buffer.getvalue().encode())


def write_features(path: Path, found: Sequence[UnitGenerations]) -> None:
    """Write features and latents of the chosen settings, by unit and aim.

    Raises:
        InputError: The file cannot be written.
    """
    kept = {
        f"{unit.key} {unit.aim}": {
            "features": unit.features,
            "latent": unit.latent,
            "activation": unit.activation,
            "lane": unit.choice.score.name,
        }
        for unit in found
    }
    buffer = io.BytesIO()
    torch.save(kept, buffer)
    replace_file(path, buffer.getvalue())


@contextmanager
def progress(n_units: int) -> Iterator[Watch]:
    """Show a bar over the units in a terminal; elsewhere say nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("search", total=n_units)
        seen: dict[str, int] = {}

        def watch(name: str, done: int, foreseen: int) -> None:
            seen.setdefault(name, len(seen))
            place = seen[name] + min(done / max(foreseen, 1), 1.0)
            bar.update(task, completed=place, description=f"{name} ({seen[name] + 1}/{n_units})")

        yield watch
