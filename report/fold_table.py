"""Folds of one experiment and its twin in one table: `python -m report.fold_table runs/esc10_by_design/*`.

Each run folder gives the figures of its test split and, through `twin/run`, those of its twin. The difference between
the two is taken clip by clip over all test clips together, with a bootstrap interval.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import CommandError, InputError
from configs.script_line import one_line_errors
from report.run_folder import RunFolder
from report.summary_table import Row, print_summary

DRAWS = 10_000
"""Bootstrap resamples of the pooled test clips."""

COLUMNS = {
    "test/accuracy": "accuracy %",
    "test/fidelity_top1": "fidelity %",
    "test/fidelity_top3": "top-3 %",
    "test/fidelity_top5": "top-5 %",
    "test/shuffled_fidelity_top1": "shuffled H %",
    "test/classifier_accuracy": "classifier's accuracy %",
    "test/relative_error": "rel. error %",
    "test/nmf_relative_error": "NMF's own %",
    "test/audible_share": "audible %",
    "test/nmf_activations_accuracy": "accuracy with NMF's H %",
}
"""Entries of summary.json, all shares from 0 to 1, that the table shows as mean and standard deviation over runs."""


def correct(predictions: Path) -> dict[str, bool]:
    """Return, for each clip of a `test_predictions.csv`, whether the likeliest class is the labelled one."""
    answers = {}
    with predictions.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            p = [float(value) for name, value in row.items() if name.startswith("p(")]
            target = [float(value) for name, value in row.items() if name.startswith("target(")]
            answers[row["clip"]] = int(np.argmax(p)) == int(np.argmax(target))
    return answers


def paired_interval(first: NDArray[Any], second: NDArray[Any], seed: int = 0) -> tuple[float, float, float]:
    """Return the mean of `first` - `second` (n,) over the same clips and its 95 % percentile bootstrap interval."""
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    draws = np.random.default_rng(seed).integers(0, len(difference), (DRAWS, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)


def rows(label: str, summaries: Sequence[dict[str, Any]]) -> Row:
    """Return one row: mean and standard deviation of each figure over runs."""
    row: dict[str, Any] = {"model": label, "runs": len(summaries), "clips": sum(s["test/n"] for s in summaries)}
    for key, column in COLUMNS.items():
        values = [100 * s[key] for s in summaries if key in s]
        if values:
            row[column] = f"{np.mean(values):.1f} ± {np.std(values, ddof=min(1, len(values) - 1)):.1f}"
    row["parameters"] = summaries[0]["parameters"]
    row["fit s"] = round(float(np.mean([s["seconds/fit"] for s in summaries])), 1)
    return row


def load(path: str | Path) -> tuple[RunFolder, dict[str, Any]]:
    """Return a finished run and its summary.

    Raises:
        CommandError: `path` is no run folder.
        InputError: The run has no summary, so it has not ended well, or a damaged one.
    """
    folder = RunFolder.open(path)
    summary = folder.read_summary()
    if summary is None:
        raise InputError(f"{path}: not finished (no summary.json); go on with: python train.py resume={path}")
    return folder, summary


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Print the table of the run folders named; 0 done, 1 a run cannot be used, 2 nothing to do."""
    runs = [load(path) for path in arguments if not str(path).endswith("-black_box")]
    if not runs:
        raise CommandError("name run folders that are no twins: python -m report.fold_table runs/esc10_by_design/*")
    twins = [load(summary["twin/run"]) for _, summary in runs if "twin/run" in summary]
    table = [rows(runs[0][1]["model"], [s for _, s in runs])]
    if len(twins) == len(runs):
        table.append(rows("black_box (twin)", [s for _, s in twins]))
    print_summary(table)
    if len(twins) == len(runs):
        print(compared([f for f, _ in runs], [f for f, _ in twins]))
    return 0


def compared(runs: Sequence[RunFolder], twins: Sequence[RunFolder]) -> str:
    """Return the paired difference between runs and twins over all their test clips as a sentence."""
    pairs = [(correct(run.predictions), correct(twin.predictions)) for run, twin in zip(runs, twins, strict=True)]
    if any(ours.keys() != theirs.keys() for ours, theirs in pairs):
        raise InputError("a run and its twin were tested on different clips")
    ours, theirs = (np.array([pair[side][name] for pair in pairs for name in pair[0]]) for side in (0, 1))
    mean, low, high = (100 * value for value in paired_interval(ours, theirs))
    return (
        f"run minus twin over {len(ours)} test clips: {mean:+.1f} points of accuracy, "
        f"95 % interval {low:+.1f} to {high:+.1f} (paired bootstrap over clips, {DRAWS:,} draws)"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
