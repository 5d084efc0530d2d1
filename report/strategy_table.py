"""Training strategies side by side: how many units of each layer are named, over the epochs, beside chance.

`python -m report.strategy_table RUN RUN ... --output FOLDER` reads what the dissection has left in run folders
(`callbacks.dissection.enabled=true`), prints the end of the training as Markdown, and writes `strategies.md`,
`strategies.csv` (every point) and `strategies.png`. Runs of one experiment, such as folds, are averaged.

Chance is shown as what the same measure gives where nothing was learned: the share of polysemantic units among units
whose top clips are random, and, where a run of `esc10_untrained` or another untrained network is among the runs
(`--baseline NAME`), its share of named units in the same layer.
"""

import argparse
import csv
import io
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import CommandError, InputError
from configs.plain import load_yaml_config
from configs.script_line import one_line_errors
from report.dissection_file import load_units
from report.markdown_table import table as markdown_table
from report.run_folder import RunFolder, replace_file
from report.strategy_figure import picture

FIGURES = ("named_share", "distinct", "auprc", "polysemantic", "polysemantic_chance", "dead")
"""Figures of a layer at a point of the training, as callbacks/dissection.py writes them."""


@dataclass(frozen=True)
class Row:
    """One layer at one point, averaged over the runs of a strategy.

    Attributes:
        strategy: experiment.
        layer: dotted path.
        epoch: from 1, or the part of the first that had passed.
        end: whether it is the checkpoint that was chosen.
        runs: how many were averaged.
        clips: of the probe set, of all runs together.
        mean: figure -> mean over runs, those of `FIGURES`; NaN where no run has it.
        std: the same for the standard deviation; 0 for one run.
    """

    strategy: str
    layer: str
    epoch: float
    end: bool
    runs: int
    clips: int
    mean: dict[str, float]
    std: dict[str, float]


@dataclass(frozen=True)
class StrategyRun:
    """What one run folder says: points as (epoch, end, layer, figures), and the accuracy on test clips, or NaN."""

    strategy: str
    layers: tuple[str, ...]
    points: tuple[tuple[float, bool, str, dict[str, float]], ...]
    clips: int
    accuracy: float


def read_run(path: str | Path) -> StrategyRun:
    """Read the dissection of a run.

    Raises:
        CommandError: No run folder.
        InputError: A run without a dissection, or a damaged file.
    """
    folder = RunFolder.open(path)
    found = load_units(folder.path)
    if found is None:
        raise InputError(f"{path}: no dissection in it; train with callbacks.dissection.enabled=true")
    points = []
    for point in found.points:
        for layer in found.layers:
            figures = {name: _number(point.figures.get(name, {}).get(layer)) for name in FIGURES}
            points.append((point.epoch, point.end, layer, figures))
    summary = folder.read_summary() or {}
    name = Path(load_yaml_config(folder.config).experiment).stem
    accuracy = _number(summary.get("test/accuracy"))
    return StrategyRun(name, tuple(found.layers), tuple(points), len(found.clips), accuracy)


def average(runs: Sequence[StrategyRun]) -> list[Row]:
    """Average the runs of each strategy, point by point; strategies and layers in the order in which they come.

    Raises:
        InputError: Runs of one strategy with different layers.
    """
    rows = []
    for strategy in dict.fromkeys(run.strategy for run in runs):
        same = [run for run in runs if run.strategy == strategy]
        if len({run.layers for run in same}) > 1:
            raise InputError(f"{strategy}: its runs have different layers; compare runs of the same layers")
        places = dict.fromkeys((layer, end, epoch) for run in same for epoch, end, layer, _ in run.points)
        order = {layer: place for place, layer in enumerate(same[0].layers)}
        for layer, end, epoch in sorted(places, key=lambda place: (order[place[0]], place[1], place[2])):
            if end and epoch != max(place[2] for place in places if place[:2] == (layer, True)):
                continue  # the chosen checkpoints of several runs are one point, whatever their epochs
            at = [
                (run.clips, figures)
                for run in same
                for e, final, path, figures in run.points
                if path == layer and final == end and (end or e == epoch)
            ]
            mean, std = _averages([figures for _, figures in at])
            rows.append(Row(strategy, layer, epoch, end, len(at), sum(clips for clips, _ in at), mean, std))
    return rows


def last_points(rows: Iterable[Row]) -> list[Row]:
    """Of each strategy and layer the chosen checkpoint, or the last epoch where it was not measured."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        before = last.get((row.strategy, row.layer))
        if before is None or (row.end, row.epoch) >= (before.end, before.epoch):
            last[row.strategy, row.layer] = row
    return list(last.values())


def markdown(rows: Sequence[Row], runs: Sequence[StrategyRun], baseline: str | None) -> str:
    """Return the table of the end of the training.

    Raises:
        CommandError: No run of the baseline.
    """
    final = last_points(rows)
    floor = {row.layer: row.mean["named_share"] for row in final if row.strategy == baseline}
    if baseline is not None and not floor:
        raise CommandError(f"--baseline {baseline}: no run of it; runs: {', '.join({r.strategy: 0 for r in rows})}")
    head = ["strategy", "accuracy %", "layer", "n", "named %", *(["above untrained"] if floor else [])]
    head += ["distinct", "median AUPRC", "polysemantic %", "by chance %", "dead"]
    lines = []
    for row in final:
        scores = [run.accuracy for run in runs if run.strategy == row.strategy]
        share = row.mean["named_share"]
        cells = [row.strategy, _text(_mean(scores), 100), row.layer, f"{row.runs} x {row.clips // row.runs} clips"]
        cells.append(_text(share, 100) + (f" ± {_text(row.std['named_share'], 100)}" if row.runs > 1 else ""))
        if floor:
            cells.append(f"{100 * (share - floor.get(row.layer, math.nan)):+.1f}" if row.layer in floor else "")
        cells += [_text(row.mean["distinct"]), _text(row.mean["auprc"], digits=2), _text(row.mean["polysemantic"], 100)]
        cells += [_text(row.mean["polysemantic_chance"], 100), _text(row.mean["dead"])]
        lines.append(cells)
    return "\n".join(markdown_table(head, lines, n_left=len(head))) + "\n"


def table(rows: Sequence[Row]) -> str:
    """Return every point as CSV; a figure that no run has is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spread = [f"{name}_std" for name in FIGURES]
    writer.writerow(["strategy", "layer", "epoch", "end", "runs", "clips", *FIGURES, *spread])
    for row in rows:
        values = [each[name] for each in (row.mean, row.std) for name in FIGURES]
        numbers = ["" if math.isnan(value) else f"{value:.6g}" for value in values]
        writer.writerow([row.strategy, row.layer, row.epoch, int(row.end), row.runs, row.clips, *numbers])
    return text.getvalue()


def _averages(found: Sequence[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    mean, std = {}, {}
    for name in FIGURES:
        known = [figures[name] for figures in found if not math.isnan(figures[name])]
        mean[name] = _mean(known)
        std[name] = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return mean, std


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _number(value: Any) -> float:  # noqa: ANN401 - a number or nothing
    return math.nan if value is None else float(value)


def _text(value: float, times: float = 1, digits: int = 1) -> str:
    return "" if math.isnan(value) else f"{times * value:.{digits}f}"


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m report.strategy_table", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", nargs="+", help="run folders, several of one experiment are averaged")
    parser.add_argument("--baseline", help="experiment of the untrained network, such as esc10_untrained")
    parser.add_argument(
        "--output", help="folder for strategies.md, .csv and .png; without it the table is printed only"
    )
    options = parser.parse_args(arguments)
    runs = [read_run(path) for path in options.run]
    rows = average(runs)
    text = markdown(rows, runs, options.baseline)
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / "strategies.md", text.encode())
        replace_file(folder / "strategies.csv", table(rows).encode())
        replace_file(folder / "strategies.png", picture(rows))
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
