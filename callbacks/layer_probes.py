"""Layer probes while a model is trained: what each layer carries of the sound, and what of that was learned."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytorch_lightning as pl

from callbacks.instrument import Instrument
from callbacks.layer_probes_measure import LABEL, Baseline
from callbacks.layer_probes_moves import moves_of
from callbacks.layer_probes_run import baseline, end, point
from callbacks.layer_probes_subject import ProbeInput, Subject, clips_input, latents_input, subject_of
from callbacks.layer_probes_wandb import end_entries
from callbacks.listening_clips import data_of
from callbacks.listening_media import log_pictures
from callbacks.probe_clips import ProbeClips
from callbacks.schedule import Schedule
from callbacks.shards import Shards
from models.gan_generators import GeneratorTraining
from models.run_loading import restore

if TYPE_CHECKING:
    from configs.layer_probes_schema import LayerProbesConfig


class LayerProbesCallback(Instrument[ProbeInput | None]):
    """Each layer against the sound, the labels, the untrained network and the input, at points of the training.

    Each point writes `layers/epoch_NNNN.json` with its arrays beside it and logs, for each layer, what it has gained
    over the untrained network: `layer_probes/label/<layer>` (probe for the class or the code),
    `layer_probes/<property>/<layer>` (|r|), and `layer_probes/cka_untrained/<layer>`. The end measures the checkpoint
    that was chosen with all nulls, and writes the sounds that the report plays.

    Classifiers hear a fixed part of the validation clips; generators speak from fixed latents. Targets and the
    untrained network are measured once. In a distributed run the first process measures, the others wait.
    """

    def __init__(self, config: "LayerProbesConfig", run_folder: Path | None = None) -> None:
        """Take the settings and the run folder; None takes the Trainer's `default_root_dir`."""
        super().__init__("layer_probes", config, Schedule(config.every_n_epochs, work_per_point=config.n_clips))
        self.settings, self.folder = config, run_folder
        self.subject: Subject | None = None
        self._base: Baseline | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Find the layers, whose names are in the metrics; say which have no clock.

        Raises:
            InputError: A layer that does not exist, or none with a time axis; a latent to be moved that does not exist.
        """
        self.folder = self.folder or Path(trainer.default_root_dir)
        if stage != "fit" or self.subject is not None:
            return
        self.subject = subject_of(pl_module, self.settings.layers)
        if isinstance(pl_module, GeneratorTraining) and self.settings.causes and self.settings.bases:
            moves_of(pl_module, self.settings.bases, self.settings.moved, self.settings.protocols)
        if trainer.is_global_zero:
            for reason in self.subject.unheard.values():
                print(f"layer_probes: {reason}; it is left out")
        labelled = not isinstance(pl_module, GeneratorTraining) or pl_module.codes is not None
        names = ([LABEL] if labelled else []) + [*self.settings.properties, "cka_untrained"]
        self.metric_names = tuple(f"{name}/{path}" for name in names for path in self.subject.layers)
        self.values = dict.fromkeys(self.metric_names, math.nan) | self.values

    @property
    def run_folder(self) -> Path:
        """Folder of the run, known once `setup` has been called."""
        if self.folder is None:
            raise RuntimeError("LayerProbesCallback.setup has not been called")
        return self.folder

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> ProbeInput | None:
        """Choose the clips or latents, once, on the first process."""
        if self._base is not None or not trainer.is_global_zero:
            return None
        if isinstance(module, GeneratorTraining):
            return latents_input(module, self.settings.n_clips)
        return clips_input(ProbeClips.choose(data_of(trainer), self.settings.n_clips))

    def publish(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: ProbeInput | None
    ) -> Mapping[str, float]:
        """Measure the layers as they are now, on the first process, and write them down."""
        shards = Shards(trainer)

        def work() -> dict[str, float]:
            subject = self._now(module)
            figures = point(self.run_folder, subject, self._known(module, subject, found), self.settings, epoch)
            return {name: figures.get(name, math.nan) for name in self.metric_names}

        return shards.together(lambda: shards.from_first(work))

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Measure the checkpoint that was chosen, with all that takes longer."""
        chosen: list[ProbeInput | None] = []
        self.agreed(trainer, lambda: chosen.append(self.measure(trainer, module, trainer.current_epoch)))
        shards = Shards(trainer)

        def work() -> None:
            model = self.chosen_model(module)
            subject = subject_of(model, self.settings.layers)
            base = self._known(module, subject, chosen[0])
            end(self.run_folder, model, subject, base, self.settings, trainer.current_epoch)
            log_pictures(trainer, end_entries(self.run_folder))

        shards.together(lambda: shards.from_first(work))

    def chosen_model(self, module: pl.LightningModule) -> pl.LightningModule:
        """Return the model of best.ckpt, or the one just trained where there is no such file."""
        if not (self.run_folder / "checkpoints" / "best.ckpt").is_file():
            return module
        return restore(self.run_folder, str(module.device)).model

    def _now(self, module: pl.LightningModule) -> Subject:
        """The layers on the device that the model is on now."""
        if self.subject is None:
            raise RuntimeError("LayerProbesCallback.setup has not been called")
        if self.subject.device != module.device:
            self.subject = subject_of(module, self.settings.layers)
        return self.subject

    def _known(self, module: pl.LightningModule, subject: Subject, found: ProbeInput | None) -> Baseline:
        if self._base is None:
            if found is None:
                raise RuntimeError("the probe set of this process has not been chosen")
            self._base = baseline(module, subject, found, self.settings)
        return self._base
