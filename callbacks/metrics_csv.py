"""metrics.csv: one row per logged step, with every metric as a column."""

import csv
import io
import math
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from report.run_folder import replace_file

Row = dict[str, float | int | str]


class MetricsCSV(Logger):
    """Writes all metrics of a step into one row; a resumed run goes on in the same file.

    Rows of steps that are logged again, because the run was interrupted after its last checkpoint, are replaced.
    Lightning's CSVLogger deletes the earlier file, and spreads one step over several rows.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: dict[int, Row] = _read(path)

    @property
    def name(self) -> str:
        """Name of the experiment: that of its folder."""
        return self.path.parent.parent.name

    @property
    def version(self) -> str:
        """Name of the run: that of its folder."""
        return self.path.parent.name

    @property
    def save_dir(self) -> str:
        """Folder of the run."""
        return str(self.path.parent)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Do nothing: config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of `step`."""
        self.rows.setdefault(int(step or 0), {}).update({name: float(value) for name, value in metrics.items()})

    @rank_zero_only
    def forget_from(self, step: int) -> None:
        """Drop the rows of `step` and later ones, which a resumed run will take again."""
        self.rows = {logged: row for logged, row in self.rows.items() if logged < step}

    @rank_zero_only
    def save(self) -> None:
        """Replace the file by all rows so far."""
        if not self.rows:
            return
        names = sorted({name for row in self.rows.values() for name in row} - {"epoch"})
        text = io.StringIO()
        writer = csv.DictWriter(text, ["step", "epoch", *names], lineterminator="\n")
        writer.writeheader()
        for step, row in sorted(self.rows.items()):
            writer.writerow({"step": step} | {name: _text(value) for name, value in row.items()})
        replace_file(self.path, text.getvalue().encode())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what has not been written yet."""
        self.save()


def _text(value: float | int | str) -> float | int | str:
    """Show whole numbers (epochs, counts) without a point."""
    return int(value) if isinstance(value, float) and math.isfinite(value) and value == int(value) else value


def _read(path: Path) -> dict[int, Row]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: value for name, value in row.items() if value not in ("", None)} for row in csv.DictReader(file)]
    return {int(row.pop("step")): {name: float(value) for name, value in row.items()} for row in rows}
