"""The table of a classification benchmark at Weights & Biases: a run of its own, offline by default."""

import dataclasses
from pathlib import Path
from typing import Any

from callbacks.wandb_run import close_wandb, start_wandb
from configs.classification_schema import ClassificationBenchmark
from configs.training_schema import LoggerConfig
from report.classification_markdown import HEADS, difference_cells
from report.classification_text import shown_columns
from report.run_folder import RunFolder


def log_table(result: dict[str, Any], settings: ClassificationBenchmark, output: Path) -> None:
    """Log a table of means and one of differences for each data set, and each mean as a figure of the run.

    Raises:
        CommandError: wandb is switched on and cannot be imported.
    """
    failed = True
    try:
        logger = start_wandb(LoggerConfig(wandb=settings.wandb), RunFolder(output), dataclasses.asdict(settings))
        if logger is None:
            return
        import wandb

        run = logger.experiment
        for part in result["sets"]:
            keys = shown_columns(part["rows"])
            heads: list[str | int] = [
                "model",
                *(f"{key}{ending}" for key in keys for ending in ("", "_std")),
                "trainings",
                "command",
            ]
            rows = [[row["model"], *_figures(row, keys), row["finished"], row["command"]] for row in part["rows"]]
            run.log({f"{part['data']}/models": wandb.Table(columns=heads, data=rows)})
            if part["differences"]:
                table = wandb.Table(columns=[*HEADS], data=[difference_cells(row) for row in part["differences"]])
                run.log({f"{part['data']}/differences": table})
            for row in part["rows"]:
                for key in keys:
                    if key in row["figures"]:
                        run.summary[f"{part['data']}/{row['model']}/{key}"] = row["figures"][key]["mean"]
        failed = False
    finally:
        close_wandb(failed)


def _figures(row: dict[str, Any], keys: list[str]) -> list[float | None]:
    found = [row["figures"].get(key, {"mean": None, "std": None}) for key in keys]
    return [value for figure in found for value in (figure["mean"], figure["std"])]
