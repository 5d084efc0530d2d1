"""What places the figures of a run: its cost, the versions it ran with, and its row in the final table."""

import importlib.metadata
import platform
import resource
import sys
from typing import Any

from report.summary_table import Row


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results."""
    packages = ("soundglass", "torch", "pytorch-lightning", "torchmetrics", "numpy")
    return {"version/python": platform.python_version()} | {
        f"version/{name}": importlib.metadata.version(name) for name in packages
    }


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def beside(twin: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a twin under names that fit into the summary of the run it stands beside."""
    kept = ("test/", "seconds/", "best/", "parameters", "flops_per_clip", "run")
    return {f"twin/{name}": value for name, value in twin.items() if name.startswith(kept)}


def summary_rows(summary: dict[str, Any]) -> list[Row]:
    """Return a row of the final table for the run, and for its twin and the baselines if it has them."""
    rows = [_row(str(summary["model"]), summary)]
    twin = {name.removeprefix("twin/"): value for name, value in summary.items() if name.startswith("twin/")}
    if twin:
        rows.append(_row("black_box (twin)", twin))
    score = "test/map" if "test/map" in summary else "test/accuracy"
    for name, label in BASELINES.items():
        if name in summary:
            rows.append({"model": label, score: summary[name], "n": summary["test/n"]})
    return rows


SCORES = ("test/accuracy", "test/map", "test/error", "test/f1")
"""Entries of the summary that say how good a model is; the last two are of whole recordings, frame by frame."""
BASELINES = {"baseline/logistic_regression": "logistic regression", "baseline/chance": "chance"}
"""Entries of the summary that are scores of something simpler than the model, and their names in the table."""


def _row(name: str, figures: dict[str, Any]) -> Row:
    scores = {key: value for key, value in figures.items() if key in SCORES}
    interpreter = {
        "fidelity": figures.get("test/fidelity_top1", figures.get("test/fidelity_auprc")),
        "of classifier": figures.get("test/classifier_accuracy", figures.get("test/classifier_map")),
    }
    audit = {"rel. error": "test/relative_error", "audible": "test/audible_share"}
    return {
        "model": name,
        **scores,
        **{column: value for column, value in interpreter.items() if value is not None},
        "n": figures["test/n"],
        "parameters": figures["parameters"],
        "MFLOP/clip": figures["flops_per_clip"] / 1e6,
        **({"GFLOP/step": figures["flops_per_step"] / 1e9} if "flops_per_step" in figures else {}),
        "fit s": figures["seconds/fit"],
        "test s": figures["seconds/test"],
        **{column: figures[key] for column, key in audit.items() if key in figures},
    }
