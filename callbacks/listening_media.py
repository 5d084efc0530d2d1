"""What is heard at one point of a training, as files and as entries of Weights & Biases."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor

from callbacks.media import bar_picture, matrix_picture, spectra_picture, spectrogram_strip, write_wav
from interpretability.listening.interpretation import Interpretation, normalise
from interpretability.listening.parts import Part
from report.array_file import file_name

if TYPE_CHECKING:
    from models.component_classifier import ComponentClassifier

BARS = "Relevance of each component from -1 to 1, those of the interpretation in red"

Entries = Callable[[Any], Mapping[str, Any]]
"""Makes the entries of a log from the module wandb; not called where Weights & Biases is off."""


def part_name(part: Part, class_names: Sequence[str]) -> str:
    """Return a file name for a part, safe whatever its class is called."""
    if part.kind == "rest":
        return "rest"
    return f"class_{file_name(class_names[part.number or 0])}" if part.kind == "class" else f"component_{part.number}"


def write_sounds(folder: Path, waveform: Tensor, found: Sequence[Part], said: Interpretation) -> None:
    """Write the clip and its parts as wav files, all by one gain, so that none is clipped and levels compare."""
    sounds = {"input": waveform} | {part_name(part, said.class_names): part.sound for part in found}
    arrays = {name: sound.float().cpu().numpy() for name, sound in sounds.items()}
    peak = max(1.0, *(float(np.abs(samples).max()) for samples in arrays.values()))
    for name, samples in arrays.items():
        write_wav(folder / f"{name}.wav", samples / peak, said.sample_rate)


def log_pictures(trainer: pl.Trainer, entries: Entries) -> None:
    """Log to Weights & Biases what `entries` makes, if that is on, at the step of the training."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            logger.log_metrics(dict(entries(wandb)), step=trainer.global_step)


def clip_pictures(
    model: "ComponentClassifier",
    said: Interpretation,
    waveform: Tensor,
    found: Sequence[Part],
    number: int,
    name: str,
) -> Entries:
    """Sounds, spectrograms and relevances of one clip: clip number `number`, called `name`."""
    label = int(said.logits[0].argmax())
    title = f"{name}: {said.class_names[label]} ({float(said.probabilities[0, label]):.2f})"

    def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
        n_fft, rate = model.front_end.config.n_fft, said.sample_rate
        sounds = [("input", waveform)] + [(_title(part, said.class_names), part.sound) for part in found]
        spectra = [model.front_end.stft(sound[None].to(said.spectrum.device))[0].abs() for _, sound in sounds]
        order = ", ".join(title for title, _ in sounds)
        relevance = normalise(said.relevance[0, label]).cpu().numpy()
        chosen = said.selected(label)[0].cpu().numpy()
        bars = wandb.Table(columns=["component", "relevance"], data=[[k, float(r)] for k, r in enumerate(relevance)])
        strip = spectrogram_strip([spectrum.cpu().numpy() for spectrum in spectra], n_fft)
        group = f"listening/clip_{number}"
        return {
            f"{group}/sounds": [wandb.Audio(s.cpu().numpy(), sample_rate=rate, caption=t) for t, s in sounds],
            f"{group}/spectrograms": wandb.Image(strip, caption=f"{title}. {order}; -80 to 0 dB"),
            f"{group}/relevance": wandb.Image(bar_picture(relevance, chosen), caption=f"{title}. {BARS}"),
            f"{group}/relevance_table": bars,
        }

    return entries


def model_pictures(model: "ComponentClassifier") -> Entries:
    """The matrix A, summed over statistics, and the spectra of the dictionary."""

    def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
        weight = model.bottleneck.weight.detach().sum(dim=1).cpu().numpy()
        spectra = spectra_picture(model.bottleneck.dictionary.detach().cpu().numpy())
        return {
            "listening/matrix_A": wandb.Image(matrix_picture(weight, model.class_names, "A, summed over statistics")),
            "listening/spectra": wandb.Image(spectra, caption="spectrum of each component, -60 to 0 dB of its peak"),
        }

    return entries


def _title(part: Part, class_names: Sequence[str]) -> str:
    if part.kind == "rest":
        return "rest"
    return class_names[part.number or 0] if part.kind == "class" else f"component {part.number}"
