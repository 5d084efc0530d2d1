"""What a generator makes of the same latents while it learns, as sound and picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch

from callbacks.instrument import Instrument
from callbacks.listening_clips import data_of
from callbacks.listening_media import log_pictures
from callbacks.media import GAP, Picture, spectrogram_strip, write_wav
from callbacks.schedule import Schedule
from configs.gan_schema import PreviewsConfig
from models.gan_generators import GeneratorTraining
from report.run_folder import replace_file

SEED = 3
"""Seed of the latents that are previewed; those of scores have others."""

REAL, BATCH = 64, 16
"""Training clips whose excerpts set the scale of generated features, at most, and how many are read at once."""

Sounds = npt.NDArray[np.float32]


class Preview(NamedTuple):
    """Generated clips (n, N) as sound, how that was made, and features (n, M, T) where these were generated."""

    sounds: Sounds
    vocoding: str
    features: Sounds | None


class GeneratorPreviews(Instrument[Preview]):
    """Writes `media/previews/epoch_NNNN/CLIP.wav` and `spectrograms.png`, and the same to Weights & Biases.

    Latents are those of one fixed draw; the codes of a generator that has them are set to one category after the
    other. Generated features are drawn as they are, and heard through a vocoder that `vocoding.txt` names. Logs the
    peak of the clips, which a generator that fell silent does not have.

    Attributes:
        scale: darkest and brightest value of generated features, measured at the first point on real excerpts and the
            same at all points, also of a resumed run; None before it, and for waveforms.
    """

    metric_names = ("peak",)

    def __init__(self, config: PreviewsConfig) -> None:
        super().__init__("previews", config, Schedule(config.every_n_epochs))
        self.n_clips = config.n_clips
        self.scale: tuple[float, float] | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Stand aside where nothing is generated."""
        if not isinstance(pl_module, GeneratorTraining):
            self.schedule, self.values = Schedule(0, at_end=False), {}

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Preview:
        """Generate the clips and make them heard."""
        assert isinstance(module, GeneratorTraining)  # noqa: S101 (`setup` stands aside otherwise)
        categories = None if module.codes is None else torch.arange(self.n_clips) % module.codes.n_categories
        clips, vocoder = module.generate(self.n_clips, SEED, categories)[0].float(), module.vocoder()
        sounds: Sounds = vocoder.invert(clips).cpu().numpy()
        if module.sound.kind != "features":
            return Preview(sounds, vocoder.name, None)
        self.scale = self.scale or real_scale(trainer, module)
        return Preview(sounds, vocoder.name, clips[:, 0].cpu().numpy())

    def picture(self, module: GeneratorTraining, found: Preview) -> tuple[Picture, str]:
        """Return the clips side by side on one scale, and what the scale is."""
        if found.features is not None and self.scale is not None:
            strip = feature_strip(list(found.features), *self.scale)
            return strip, f"{self.scale[0]:.1f} to {self.scale[1]:.1f} in units of {module.sound.unit}"
        n_fft = module.front_end.config.n_fft
        spectra = module.front_end.stft(torch.from_numpy(found.sounds).to(module.device)).abs().cpu().numpy()
        return spectrogram_strip(list(spectra), n_fft), "-80 to 0 dB"

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every instrument, and the scale of generated features."""
        return {**super().state_dict(), "scale": None if self.scale is None else list(self.scale)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over values, seconds, work and scale; a checkpoint of an earlier version has none."""
        super().load_state_dict(state_dict)
        scale = state_dict.get("scale")
        self.scale = None if scale is None else (float(scale[0]), float(scale[1]))

    def publish(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: Preview) -> dict[str, float]:
        """Write sounds and picture on the first process."""
        assert isinstance(module, GeneratorTraining)  # noqa: S101
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir) / "media" / "previews" / f"epoch_{epoch:04d}"
            rate = module.sample_rate
            # A vocoder's level is its own: what is louder than full scale is brought down to it.
            heard = found.sounds / np.maximum(1, np.abs(found.sounds).max(axis=1, keepdims=True))
            for number, samples in enumerate(heard):
                write_wav(folder / f"{number}.wav", samples, rate)
            if found.features is not None:
                replace_file(folder / "vocoding.txt", f"{found.vocoding}\n".encode())
            picture, scale = self.picture(module, found)
            replace_file(folder / "spectrograms.png", _png(picture))

            def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
                captions = [str(i) if found.features is None else f"{i}: {found.vocoding}" for i in range(len(heard))]
                sounds = [
                    wandb.Audio(s, sample_rate=rate, caption=caption)
                    for s, caption in zip(heard, captions, strict=True)
                ]
                shown = wandb.Image(picture, caption=f"epoch {epoch}, latents 0 to {len(heard) - 1}; {scale}")
                return {"previews/sounds": sounds, "previews/spectrograms": shown}

            log_pictures(trainer, entries)
        return {"peak": float(np.abs(found.sounds).max())}


def real_scale(trainer: pl.Trainer, module: GeneratorTraining) -> tuple[float, float]:
    """Return the 1 % and 99.9 % quantiles of features of real excerpts, of training clips spread over the split."""
    datamodule = data_of(trainer)
    clips = len(datamodule.dataset("train"))
    chosen = torch.linspace(0, clips - 1, min(REAL, clips)).round().long().tolist()
    parts = [datamodule.batch("train", chosen[start : start + BATCH]) for start in range(0, len(chosen), BATCH)]
    found = [module.real(batch.to(module.device), seed=number).cpu() for number, batch in enumerate(parts)]
    values = np.concatenate([part.float().numpy().ravel() for part in found])
    low, high = np.quantile(values, (0.01, 0.999)).tolist()
    return low, max(high, low + 1e-3)


def feature_strip(features: Sequence[Sounds], low: float, high: float) -> Picture:
    """Features (M, T) side by side as one picture (2 M, width, 3), low bands below, from `low` to `high`."""
    import matplotlib

    shades = matplotlib.colormaps["magma"]
    parts: list[Picture] = []
    for feature in features:
        level = np.clip((feature[::-1] - low) / (high - low), 0, 1).repeat(2, axis=0).repeat(2, axis=1)
        parts += [shades(level, bytes=True)[..., :3], np.full((len(level), GAP, 3), 255, dtype=np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def _png(picture: Picture) -> bytes:
    import io

    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()
