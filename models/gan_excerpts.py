"""Log-mel excerpts of a fixed number of frames, as a classifier sees them, and what they sound like."""

from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from configs.gan_spectrogram_schema import SpectrogramGeneratorConfig
from datamodules.batch import Batch
from interpretability.generation.prior import Sound
from interpretability.generation.vocoding import Vocoder, mel_griffin_lim
from models.front_end import FrontEnd

NATURAL: tuple[str, ...] = ("ln_mel",)
"""Features that are natural logarithms of magnitudes; others are powers of ten."""
QUIET = 1e-3
"""Peak, relative to that of its clip, below which an excerpt is silence (-60 dB)."""
DRAWS = 4
"""Places drawn for an excerpt; the first that is not silent is taken."""


class Excerpts(nn.Module):
    """From batches of clips to excerpts (B, 1, M, T) of the front end's features, and from these to sound.

    Cut from the sound, an excerpt has its own peak and edges, as a classifier hears a sound of that length; cut from
    the features of a clip it has neither. Padding is part of one only where the clip is shorter than an excerpt.

    Attributes:
        sound: what one excerpt is.
        n_samples: its length in samples, from the middle of its first frame to that of its last.
        floor: smallest value of a feature.
    """

    def __init__(self, front_end: FrontEnd, settings: SpectrogramGeneratorConfig) -> None:
        super().__init__()
        config = front_end.config
        self.front_end, self.frames, self.cut = front_end, settings.frames, settings.cut
        self.n_samples = (settings.frames - 1) * config.hop_length
        self.natural = config.features in NATURAL
        self.floor = float(self.hear(torch.zeros(1, self.n_samples)).min())
        unit = "ln mel" if self.natural else "10 dB"
        self.sound = Sound((1, config.n_mels, settings.frames), config.sample_rate, "features", unit)

    def hear(self, waveform: Tensor) -> Tensor:
        """Features (B, 1, M, T) of waveforms (B, N), in full precision."""
        with torch.autocast(waveform.device.type, enabled=False):
            return self.front_end.features(self.front_end.stft(self.front_end.normalize(waveform.float())))

    def of(self, batch: Batch, seed: int | None = None) -> Tensor:
        """Cut one excerpt (B, 1, M, T) from each clip of a batch, at places drawn by `seed` (None: the global stream).

        Raises:
            InputError: Clips shorter than an excerpt.
        """
        samples = batch.waveform.shape[-1]
        if samples < self.n_samples:
            raise InputError(
                f"clips of {samples} samples are shorter than excerpts of model.frames={self.frames} "
                f"({self.n_samples} samples): set data.seconds longer or model.frames lower"
            )
        random = None if seed is None else torch.Generator().manual_seed(seed)
        share = torch.rand(len(batch), DRAWS, generator=random)
        room = (batch.length.cpu().clamp_max(samples) - self.n_samples).clamp_min(0)[:, None]
        if self.cut == "features":
            hop = self.front_end.config.hop_length
            starts = (share[:, 0] * (room[:, 0] // hop + 1)).long().to(batch.waveform.device)
            places = starts[:, None] + torch.arange(self.frames, device=starts.device)
            whole = self.hear(batch.waveform)
            return whole.gather(3, places[:, None, None, :].expand(-1, 1, whole.shape[2], -1))
        starts = (share * (room + 1)).long().to(batch.waveform.device)
        places = starts[..., None] + torch.arange(self.n_samples, device=starts.device)
        cuts = batch.waveform[:, None].expand(-1, DRAWS, -1).gather(2, places)
        least = QUIET * batch.waveform.abs().amax(dim=1, keepdim=True)
        first = (cuts.abs().amax(dim=2) > least).int().argmax(dim=1)  # 0 where all are silent
        return self.hear(cuts[torch.arange(len(cuts), device=cuts.device), first])

    def vocoder(self, iterations: int = 100) -> Vocoder:
        """Return the paper's vocoder for these features: pseudo-inverse of the bands, then Griffin and Lim."""
        config, bands = self.front_end.config, self.front_end.filters
        assert bands is not None  # noqa: S101 (settings allow features of a filterbank only)
        power = 1.0 if self.natural or config.mel_of == "magnitude" else 2.0
        linear = torch.exp if self.natural else _ten_to_the
        found = mel_griffin_lim(bands.cpu(), config.n_fft, config.hop_length, linear, power, iterations)
        return Vocoder(f"pseudo-inverse of the bands, {found.name}", found.invert)

    @torch.no_grad()
    def sample(self, datamodule: Any, n: int) -> Tensor:  # noqa: ANN401 - an AudioDataModule, which models do not import
        """Return one excerpt each (n, 1, M, T) of up to n training clips, evenly spread over the split."""
        clips = len(datamodule.dataset("train"))
        chosen = torch.linspace(0, clips - 1, min(n, clips)).round().long().tolist()
        parts = [chosen[start : start + 32] for start in range(0, len(chosen), 32)]
        return torch.cat([self.of(datamodule.batch("train", part), seed=number) for number, part in enumerate(parts)])


def _ten_to_the(features: Tensor) -> Tensor:
    return torch.pow(10.0, features)
