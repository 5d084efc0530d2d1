"""Dissection of a model while it is trained: what each unit responds to, tested, and how that changes."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from callbacks.dissection_concepts import concepts_of, labels
from callbacks.dissection_end import end_of_training
from callbacks.dissection_files import earlier_point, point_name, point_of, with_history, write_gallery, write_lines
from callbacks.dissection_measure import dissected
from callbacks.dissection_media import unit_tables
from callbacks.dissection_reports import DRIFTS, FIGURES, drift_figures, figures_of, unit_reports
from callbacks.dissection_taps import Taps, taps_of
from callbacks.instrument import Instrument
from callbacks.listening_clips import data_of
from callbacks.listening_media import log_pictures
from callbacks.probe_clips import ProbeClips
from callbacks.schedule import Schedule
from callbacks.shards import Shards
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.dissection import Dissection
from interpretability.dissection.drift import Drift, drift
from interpretability.dissection.unit_report import UnitReport
from models.run_loading import load_run

if TYPE_CHECKING:
    from configs.dissection_schema import DissectionConfig
    from models.classifier import AudioClassifier

FAILED = "concepts_failed"
"""Figure that says whether the concepts of a point came from their source (0) or had to be replaced by labels (1)."""


EARLY = 4
"""Factor from one early point to the next, in batches."""


def is_early(n_batches: int, total: int) -> bool:
    """Whether a point is due after so many batches of the first epoch, of `total`: 1, 4, 16 ..., but not at its end."""
    power = 1
    while power < n_batches:
        power *= EARLY
    return power == n_batches < total


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a point is measured on, the same on all processes: clips, concepts, and what was wrong with these."""

    probes: ProbeClips
    concepts: Concepts
    problem: str = ""

    @property
    def trouble(self) -> str:
        """What the point is marked with: why concepts were replaced, or that some clips have none."""
        return self.problem or self.concepts.problem


class DissectionCallback(Instrument[Prepared]):
    """Units of some layers and the components of the decision: what drives them, their tested names, their drift.

    Each point writes `dissection/epoch_NNNN.jsonl`, one record a line, renews the gallery, and logs each figure as
    `dissection/<figure>/<layer>`; tables with players go to Weights & Biases. The end measures the checkpoint that was
    chosen, with measured words, tuning curves and ablation. If the source of the concepts fails, the point is named by
    the labels of the data set and marked (`dissection/concepts_failed`, and in the gallery); the training goes on.

    In a distributed run each process reads its share of the probe set; the first writes.
    """

    def __init__(self, config: "DissectionConfig", run_folder: Path | None = None) -> None:
        """Take the settings and the run folder; None takes the Trainer's `default_root_dir`."""
        super().__init__("dissection", config, Schedule(config.every_n_epochs, work_per_point=config.n_clips))
        self.settings, self.folder = config, run_folder
        self.taps: Taps | None = None
        self._concepts: Concepts | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Find the layers, whose names are in the metrics.

        Raises:
            InputError: A layer that does not exist.
        """
        self.folder = self.folder or Path(trainer.default_root_dir)
        if stage != "fit" or self.taps is not None:
            return
        self.taps = taps_of(pl_module, self.settings.layers)  # type: ignore[arg-type]
        self.metric_names = (*(f"{name}/{path}" for name in (*FIGURES, *DRIFTS) for path in self.taps.layers), FAILED)
        self.values = dict.fromkeys(self.metric_names, math.nan) | self.values

    @property
    def run_folder(self) -> Path:
        """Folder of the run, known once `setup` has been called."""
        if self.folder is None:
            raise RuntimeError("DissectionCallback.setup has not been called")
        return self.folder

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Prepared:
        """Choose the clips; what they are compared with follows from them."""
        probes = ProbeClips.choose(data_of(trainer), self.settings.n_clips, trainer.global_rank, trainer.world_size)
        return Prepared(probes, labels(probes, self.settings, self.run_folder))

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - what the step returned
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Measure early in the first epoch, where units change fastest; such a point is not logged as a metric."""
        total = int(trainer.num_training_batches)
        wanted = self.settings.early_steps and self.schedule.every_n_epochs > 0 and trainer.current_epoch == 0
        if wanted and is_early(batch_idx + 1, total):
            self.work_done += self.schedule.work_per_point
            self._in_isolation(trainer, pl_module, 0, lambda: self._early(trainer, pl_module, (batch_idx + 1) / total))

    def _early(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: float) -> None:
        found: list[Prepared] = []
        self.agreed(trainer, lambda: found.append(self.measure(trainer, module, 0)))
        self.agreed(trainer, lambda: self.publish(trainer, module, epoch, found[0]))

    def publish(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: float, found: Prepared
    ) -> Mapping[str, float]:
        """Dissect the model as it is now, compare it with the point before, write both down."""
        shards = Shards(trainer)
        return shards.together(lambda: self._point(trainer, module, epoch, found, shards))

    def _point(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: float, found: Prepared, shards: Shards
    ) -> Mapping[str, float]:
        found = self.with_concepts(found, shards)
        result = self.dissected(module, found, shards)
        return shards.from_first(lambda: self.written(trainer, module, epoch, found, result))

    def with_concepts(self, found: Prepared, shards: Shards) -> Prepared:
        """Replace the labels by the concepts that the settings name, made once, by the first process.

        Raises:
            Exception: Of the source, where `on_error` is `raise`.
        """

        def make() -> tuple[Concepts, str]:
            try:
                return self._concepts or concepts_of(found.probes, self.settings, self.run_folder), ""
            except Exception as error:
                if self.settings.concepts == "labels" or self.settings.on_error == "raise":
                    raise
                problem = " ".join(f"{self.settings.concepts} failed: {error}".split())
                warnings.warn(f"callbacks.dissection: {problem}; units are named by labels", stacklevel=2)
                return found.concepts, problem

        concepts, problem = shards.from_first(make)
        self._concepts = self._concepts if problem else concepts
        return Prepared(found.probes, concepts, problem)

    def dissected(self, module: pl.LightningModule, found: Prepared, shards: Shards) -> Dissection:
        """Dissect a model on the shards of all processes."""
        gather = shards.gather if shards.world > 1 else None
        return dissected(module, self._known_taps(), found.probes, found.concepts, self.settings, gather)  # type: ignore[arg-type]

    def written(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: float, found: Prepared, result: Dissection
    ) -> dict[str, float]:
        """Write down a point and return its figures (first process only)."""
        before_epoch, before = earlier_point(self.run_folder, epoch)
        reports = list(unit_reports(result, found.probes))
        drifts = self.drifts(before, reports, len(found.probes)) if before_epoch else {}
        overlaps = {key: value for each in drifts.values() for key, value in each.overlaps.items()}
        reports = with_history(reports, before, epoch, overlaps)
        write_lines(self.run_folder, point_name(epoch), reports)
        figures = {path: figures_of(layer) for path, layer in result.layers.items()}
        point = point_of(epoch, figures, drifts, found.trouble)
        front_end: Any = module.front_end
        write_gallery(self.run_folder, reports, found.probes, result.concepts.names, self.settings, front_end, point)
        if self.settings.units_shown and epoch >= 1:
            count = self.settings.units_shown
            tables = unit_tables(
                point_name(epoch),
                reports,
                before,
                overlaps,
                found.probes,
                lambda sound: front_end.stft(sound[None].to(module.device))[0].abs(),
                count,
            )
            log_pictures(trainer, tables)
        return self.logged_figures(figures, drifts) | {FAILED: float(bool(found.problem))}

    def drifts(self, before: Sequence[UnitReport], after: Sequence[UnitReport], n_clips: int) -> dict[str, Drift]:
        """Compare each layer with the point before."""
        return {
            path: drift(
                [report for report in before if report.layer == path],
                [report for report in after if report.layer == path],
                n_clips,
            )
            for path in self._known_taps().layers
        }

    def logged_figures(
        self, figures: Mapping[str, Mapping[str, float]], drifts: Mapping[str, Drift]
    ) -> dict[str, float]:
        """Return the figures of all layers under their names in the log."""
        return {
            f"{name}/{path}": value
            for path, found in figures.items()
            for name, value in {**found, **drift_figures(drifts.get(path))}.items()
        }

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Dissect the checkpoint that was chosen, with all that takes longer."""
        prepared: list[Prepared] = []
        shards = Shards(trainer)
        self.agreed(trainer, lambda: prepared.append(self.measure(trainer, module, trainer.current_epoch)))

        def work() -> None:
            model = self.chosen_model(module)
            found = self.with_concepts(prepared[0], shards)
            result = self.dissected(model, found, shards)
            epoch = trainer.current_epoch
            shards.from_first(
                lambda: end_of_training(
                    self.run_folder,
                    model,
                    self._known_taps(),
                    result,
                    found.probes,
                    self.settings,
                    epoch,
                    found.trouble,
                )
            )

        shards.together(work)

    def chosen_model(self, module: pl.LightningModule) -> "AudioClassifier[Any]":
        """Return the model of best.ckpt, or the one just trained where there is no such file."""
        if not (self.run_folder / "checkpoints" / "best.ckpt").is_file():
            return module  # type: ignore[return-value]
        return load_run(self.run_folder, str(module.device)).model

    def _known_taps(self) -> Taps:
        if self.taps is None:
            raise RuntimeError("DissectionCallback.setup has not been called")
        return self.taps
