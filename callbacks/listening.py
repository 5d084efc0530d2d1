"""Listening to a model while it is trained: the parts of a few fixed clips, and at the end those of the best."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytorch_lightning as pl
import torch

from callbacks.component_instrument import ComponentInstrument
from callbacks.listening_clips import SPLIT, chosen_clips, data_of, held_classes, sound_of
from callbacks.listening_media import clip_pictures, log_pictures, model_pictures, write_sounds
from callbacks.listening_survey import survey_clips, typical_sounds
from callbacks.report_data import explained_classes, explained_clip, explained_model
from callbacks.schedule import Schedule
from datamodules.clip_source import Clip
from interpretability.listening.decision_audit import audible_share, component_energy
from interpretability.listening.interpretation import Interpretation
from interpretability.listening.parts import Part, parts, shown_classes
from models.explanation import require_components
from models.recording import explain_recording
from report.explained import ExplainedClasses, save_classes, save_clip, save_model

if TYPE_CHECKING:
    from configs.callback_schema import ListeningConfig
    from models.component_classifier import ComponentClassifier

END = "end"
"""Name of the last point, in place of the epoch's number."""


@dataclass(frozen=True, eq=False)
class HeardClip:
    """One clip, its interpretation and its parts."""

    clip: Clip
    waveform: torch.Tensor
    said: Interpretation
    parts: tuple[Part, ...]
    classes: tuple[int, ...]


class ListeningCallback(ComponentInstrument[list[HeardClip]]):
    """Class interpretation, strongest components and remainder of a few validation clips, as sound and pictures.

    Each point writes wav files into `media/listening/epoch_NNNN`, renews the data the report is made of, and goes to
    Weights & Biases where that is on. The end is heard with the checkpoint that was chosen; then the validation split
    is surveyed for the relevance of each class and the typical sound of each component. A model without components (the
    black-box twin) is left alone.
    """

    metric_names = ("components", "audible_share")

    def __init__(self, config: "ListeningConfig", run_folder: Path | None = None) -> None:
        """Take the settings and the run folder; None takes the Trainer's `default_root_dir`."""
        schedule = Schedule(config.every_n_epochs, work_per_point=config.n_clips)
        super().__init__("listening", config, schedule, run_folder)
        self.settings = config

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> list[HeardClip]:
        """Explain the fixed clips by the model as it is now."""
        return self.hear(trainer, require_components(module))  # type: ignore[arg-type]

    def hear(self, trainer: pl.Trainer, model: "ComponentClassifier") -> list[HeardClip]:
        """Explain the fixed clips by a model in eval mode."""
        datamodule = data_of(trainer)
        clips, settings, heard = datamodule.dataset(SPLIT).clips, self.settings, []
        for index in chosen_clips(clips, datamodule.n_classes, settings.n_clips):
            waveform = sound_of(datamodule, index)
            said = explain_recording(model, waveform, settings.threshold, settings.masks)
            classes = shown_classes(said)
            strongest = said.strongest(classes[0], settings.strongest)[0].tolist() if settings.strongest else []
            found = tuple(parts(said, classes, strongest))
            heard.append(HeardClip(clips[index], waveform, said, found, tuple(classes)))
        return heard

    def publish(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: list[HeardClip]
    ) -> dict[str, float]:
        """Write sounds, pictures and report data; return means over the clips."""
        model = require_components(module)  # type: ignore[arg-type]
        if trainer.is_global_zero:
            self.write(trainer, model, f"epoch_{epoch:04d}", found)
        shares = [decided_share(heard) for heard in found]
        counts = [float(heard.said.selected(heard.classes[0]).sum()) for heard in found]
        return {"components": float(np.mean(counts)), "audible_share": float(np.mean(shares))}

    def write(self, trainer: pl.Trainer, model: "ComponentClassifier", point: str, found: list[HeardClip]) -> None:
        """Write what was heard at one point of the training (first process only)."""
        folder = self.run_folder
        save_model(folder, explained_model(model, folder.parent.name, folder.name))
        for heard in found:
            target = held_classes(heard.clip)
            data = explained_clip(heard.said, heard.waveform, heard.clip.name, SPLIT, target)
            save_clip(folder, data)
            write_sounds(folder / "media" / "listening" / point / data.key, heard.waveform, heard.parts, heard.said)
        if point == END:
            log_pictures(trainer, model_pictures(model))
        for number, heard in enumerate(found):
            log_pictures(
                trainer, clip_pictures(model, heard.said, heard.waveform, heard.parts, number, heard.clip.name)
            )

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Hear the chosen checkpoint and survey the validation split for the report."""
        model = self.chosen_model(module)
        heard: list[HeardClip] = []
        classes: list[ExplainedClasses] = []
        self.agreed(trainer, lambda: heard.extend(self.hear(trainer, model)))
        self.agreed(trainer, lambda: classes.append(self.survey(trainer, model)))
        self.agreed(trainer, lambda: self.keep(trainer, model, heard, classes[0]))

    def survey(self, trainer: pl.Trainer, model: "ComponentClassifier") -> ExplainedClasses:
        """Hear many validation clips for the global view."""
        datamodule, seconds = data_of(trainer), self.settings.excerpt_seconds
        survey = survey_clips(model, datamodule, self.settings.survey_clips, seconds)
        return explained_classes(survey, typical_sounds(model, datamodule, survey, seconds), SPLIT)

    def keep(
        self, trainer: pl.Trainer, model: "ComponentClassifier", heard: list[HeardClip], classes: ExplainedClasses
    ) -> None:
        """Write what was heard at the end, from which `report.build` makes its pages (first process only)."""
        if trainer.is_global_zero:
            self.write(trainer, model, END, heard)
            save_classes(self.run_folder, classes)


def decided_share(heard: HeardClip) -> float:
    """Return the share of the decision that components above -40 dB of the clip carry (1 is all of it)."""
    said = heard.said
    energy = component_energy(said.spectrum, said.dictionary, said.activations)
    return float(audible_share(said.relevance[:, heard.classes[0]], energy)[0])
