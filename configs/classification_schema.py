"""Settings of `benchmark.py classification`. The sentence under a field is what `--help` prints."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS: dict[str, tuple[str, dict[str, Any]]] = {
    "faithfulness": ("faithfulness", {"every_n_epochs": 0, "n_clips": 40}),
    "named_units": ("dissection", {"every_n_epochs": 0, "descriptors": False, "tuning": False, "ablated_units": 0}),
    "frechet": (
        "explanation_fid",
        {
            "every_n_epochs": 0,
            "end_interpreted": 0,
            "generation.latents": 8,
            "generation.snapshots": [15, 30],
            "generation.shown": 1,
        },
    ),
}
"""Columns that an instrument measures: its name under `callbacks`, and the settings it has in a cell."""
ALWAYS = ("accuracy", "fidelity", "seconds", "parameters")
"""Columns that every training has; accuracy stands for mean average precision where clips hold several classes."""


def entries(text: str) -> list[str]:
    """Return the entries of a list that is written with commas, with or without brackets."""
    return [part.strip() for part in text.strip().strip("[]").split(",") if part.strip()]


@dataclass
class ClassificationBenchmark:
    """Which models are trained on what, by how many processes, and which columns their table has."""

    data: str = "???"
    """Data sets, separated by commas, each by the name its experiments start with, such as esc10."""
    models: str = "by_design,black_box"
    """Models, separated by commas, each by the end of its experiment's name; the first is compared with the others."""
    folds: str = "all"
    """Official folds, such as 1,3, or all; data without folds have one split."""
    seeds: str = "0"
    """Seeds of the trainings, separated by commas."""
    columns: str = "accuracy,faithfulness,named_units"
    """Columns to measure: accuracy, faithfulness, named_units, frechet; those of a finished training can be added."""
    jobs: int = 1
    """Trainings at a time on this machine; 0 trains nothing and makes the table from what is there."""
    threads: int | None = None
    """CPU threads of each training; none shares out the cores."""
    shard: str = "1/1"
    """Part of the plan that is trained here, i/n; the table has all that is found."""
    output: str | None = None
    """Folder of the trainings and of the table; none takes runs/benchmark/DATA."""
    collect: str | None = None
    """Folders, or patterns in quotes, separated by commas, in which finished trainings are looked for as well."""
    plugins: list[str] = field(default_factory=list)
    """Python modules of your own that register data sets, backbones or models."""
    wandb: Literal["offline", "online", "disabled"] = "offline"
    """Weights & Biases for the table; logger.wandb= is that of the trainings."""
    report: bool = True
    """Whether the page of the report is made."""
    progress: bool = True
    """Whether a line is printed for each training that ends, with the time left."""

    @property
    def shard_of(self) -> tuple[int, int]:
        """Number of this shard, from 0, and how many there are."""
        part, total = self.shard.split("/")
        return int(part) - 1, int(total)

    @property
    def instruments(self) -> dict[str, dict[str, Any]]:
        """Settings of the instruments that the columns need, by name under `callbacks`."""
        wanted = [COLUMNS[name] for name in entries(self.columns) if name in COLUMNS]
        return {name: {"enabled": True, **settings} for name, settings in wanted}

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        for name in ("data", "models", "folds", "seeds"):
            listed = entries(getattr(self, name))
            if not listed:
                yield f"{name} must name at least one"
            yield from (f"{name}: {entry} is named more than once" for entry in twice(listed))
        if self.folds != "all":
            yield from _not_whole("folds", entries(self.folds), least=1)
        yield from _not_whole("seeds", entries(self.seeds), least=0)
        for name in entries(self.columns):
            if name not in COLUMNS and name not in ALWAYS:
                yield f"columns: {name} is none of {', '.join(dict.fromkeys([*ALWAYS[:1], *COLUMNS]))}"
        if self.jobs < 0:
            yield f"jobs={self.jobs} must be at least 0"
        if self.threads is not None and self.threads < 1:
            yield f"threads={self.threads} must be at least 1"
        match = re.fullmatch(r"(\d+)/(\d+)", self.shard)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            yield f"shard={self.shard} must be written i/n, from 1/n to n/n"


def twice(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once."""
    return sorted({name for name in names if names.count(name) > 1})


def _not_whole(name: str, values: Sequence[str], least: int) -> Iterator[str]:
    for value in values:
        if not value.isdigit() or int(value) < least:
            yield f"{name}={value} must be a whole number of at least {least}"
