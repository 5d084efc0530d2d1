"""What a generator makes of the same latents while it learns, as sound and picture."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch

from callbacks.instrument import Instrument
from callbacks.listening_media import log_pictures
from callbacks.media import spectrogram_strip, write_wav
from callbacks.schedule import Schedule
from configs.gan_schema import PreviewsConfig
from models.wavegan_training import WaveGANTraining
from report.run_folder import replace_file

SEED = 3
"""Seed of the latents that are previewed; those of scores have others."""

Sounds = npt.NDArray[np.float32]


class GeneratorPreviews(Instrument[Sounds]):
    """Writes `media/previews/epoch_NNNN/CLIP.wav` and `spectrograms.png`, and the same to Weights & Biases.

    Latents are those of one fixed draw; the codes of a generator that has them are set to one category after the
    other. Logs the peak of the clips, which a generator that fell silent does not have.
    """

    metric_names = ("peak",)

    def __init__(self, config: PreviewsConfig) -> None:
        super().__init__("previews", config, Schedule(config.every_n_epochs))
        self.n_clips = config.n_clips

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Stand aside where nothing is generated."""
        if not isinstance(pl_module, WaveGANTraining):
            self.schedule, self.values = Schedule(0, at_end=False), {}

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Sounds:
        """Generate the clips (n_clips, N)."""
        assert isinstance(module, WaveGANTraining)  # noqa: S101 (`setup` stands aside otherwise)
        categories = None if module.codes is None else torch.arange(self.n_clips) % module.codes.n_categories
        waveform: Sounds = module.generate(self.n_clips, SEED, categories)[0].float().cpu().numpy()
        return waveform

    def publish(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: Sounds) -> dict[str, float]:
        """Write sounds and picture on the first process."""
        assert isinstance(module, WaveGANTraining)  # noqa: S101
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir) / "media" / "previews" / f"epoch_{epoch:04d}"
            rate, n_fft = module.sample_rate, module.front_end.config.n_fft
            for number, samples in enumerate(found):
                write_wav(folder / f"{number}.wav", samples, rate)
            spectra = module.front_end.stft(torch.from_numpy(found).to(module.device)).abs().cpu().numpy()
            picture = spectrogram_strip(list(spectra), n_fft)
            replace_file(folder / "spectrograms.png", _png(picture))

            def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
                sounds = [wandb.Audio(s, sample_rate=rate, caption=str(i)) for i, s in enumerate(found)]
                shown = wandb.Image(picture, caption=f"epoch {epoch}, latents 0 to {len(found) - 1}; -80 to 0 dB")
                return {"previews/sounds": sounds, "previews/spectrograms": shown}

            log_pictures(trainer, entries)
        return {"peak": float(np.abs(found).max())}


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    import io

    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()
