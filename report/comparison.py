"""Two or more runs on one page: their scores, their costs, the settings in which they differ, their curves."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from configs.plain import NOT_HASHED
from report.command import setting_text
from report.curves import charts
from report.embed import script_file
from report.headline import headline
from report.page import File
from report.run_contents import RunContents
from report.run_pages import sentence, value_text

ABSENT = "–"
COMPARED = ("loss", "accuracy", "map")
"""Charts that are drawn; those of single instruments stay in each run's own report."""


def compare(runs: Sequence[RunContents], output: Path) -> tuple[dict[str, Any], list[File]]:
    """Return the context of the comparison page and its data; links lead from `output` to each run's own report."""
    names = run_names(runs)
    rows = [_row(name, run, output) for name, run in zip(names, runs, strict=True)]
    metrics = {name: [_validation(row) for row in run.metrics] for name, run in zip(names, runs, strict=True)}
    lines = [chart for chart in charts({name: rows for name, rows in metrics.items() if rows}) if _is_compared(chart)]
    context = {"rows": rows, "names": names, "settings": differing_settings(runs), "has_curves": bool(lines)}
    return context, [script_file("curves", lines)]


def run_names(runs: Sequence[RunContents]) -> list[str]:
    """Return a short name for each run: its experiment, and its run id where that is not enough."""
    experiments = [run.experiment for run in runs]
    names = [run.experiment if experiments.count(run.experiment) == 1 else run.run_id for run in runs]
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def differing_settings(runs: Sequence[RunContents]) -> list[tuple[str, list[str]]]:
    """Return the settings in which runs differ, with their values, "–" where a run has none.

    A setting that only one kind of model or data set has is no difference; that of the kinds themselves is shown.
    """
    keys = sorted({key for run in runs for key in run.config})
    rows = [(key, [setting_text(run.config[key]) if key in run.config else ABSENT for run in runs]) for key in keys]
    ignored = tuple(f"{key}." for key in NOT_HASHED)
    return [
        (key, values) for key, values in rows if len({*values} - {ABSENT}) > 1 and not f"{key}.".startswith(ignored)
    ]


def _row(name: str, run: RunContents, output: Path) -> dict[str, Any]:
    report = run.folder / "report" / "index.html"
    link = quote(Path(os.path.relpath(report.resolve(), output.resolve())).as_posix()) if report.is_file() else None
    keep = ("parameters", "flops_per_clip", "seconds/fit", "best/epoch", "seed")
    figures = {key: value_text(run.summary[key]) if key in run.summary else "–" for key in keep}
    row = {"name": name, "id": run.run_id, "sentence": sentence(run), "link": link, "figures": figures}
    return row | {"headline": headline(run.summary), "folder": str(run.folder)}


def _validation(row: dict[str, float]) -> dict[str, float]:
    """Leave out what would make the charts of several runs hard to read."""
    return {name: value for name, value in row.items() if name in ("epoch", "step") or name.startswith("val/")}


def _is_compared(chart: dict[str, Any]) -> bool:
    return chart["title"] in (*COMPARED, "mean average precision")
