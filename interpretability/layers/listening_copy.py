"""A layer made audible: on the sound's clock, without offset, at the sound's level, without overload.

A layer below 1 kHz has its band where nobody hears. It is carried on noise instead: what the ear then follows is its
envelope, as it is for a hand that taps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.layers.resampling import band_limited, linear
from interpretability.layers.time_base import TimeBase

SLOW = 500.0
"""Nyquist limit (Hz) below which a layer is carried on noise."""
LEVEL = 0.1
"""Root mean square of a copy where no sound is given to match."""
CEILING = 0.99
"""Highest magnitude of a copy."""
KNEE = 0.8
"""Magnitude from which on it is bent towards the ceiling."""


@dataclass(frozen=True, eq=False)
class ListeningCopy:
    """Copies (B, N) float32 within -1 to 1, at the sound's rate."""

    waveform: Tensor
    on_noise: bool
    """Whether the series is the envelope of noise, being too slow to be heard itself."""
    nyquist: float
    """Hz above which the layer says nothing."""


def listening_copy(
    series: Tensor, of: TimeBase, sample_rate: float, length: int, like: Tensor | None = None, seed: int = 0
) -> ListeningCopy:
    """Return what layers sound like.

    Args:
        series: (B, T) of a layer.
        of: the layer's clock.
        sample_rate: of the sound, Hz.
        length: samples N wanted.
        like: sounds (B, N) whose level (root mean square) the copies take; 0.1 if None.
        seed: of the noise.

    A constant series is silence. A series of fewer than two steps raises InputError.
    """
    nyquist = of.nyquist(sample_rate)
    slow = nyquist < SLOW
    sound = (linear if slow else band_limited)(series.double(), of, length)
    if slow:
        low, high = sound.amin(dim=1, keepdim=True), sound.amax(dim=1, keepdim=True)
        noise = torch.randn(length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        moving = high - low > 1e-9 * high.abs().clamp_min(1e-30)
        sound = torch.where(moving, sound - low, torch.zeros_like(sound)) * noise.to(sound.device)
    else:
        offset = sound.mean(dim=1, keepdim=True)
        still = (sound - offset).abs().amax(dim=1, keepdim=True) <= 1e-9 * offset.abs()
        sound = torch.where(still, torch.zeros_like(sound), sound - offset)
    wanted = like.double().square().mean(dim=1, keepdim=True).sqrt() if like is not None else LEVEL
    level = sound.square().mean(dim=1, keepdim=True).sqrt()
    matched = sound * (wanted / level.where(level > 0, torch.ones_like(level)))
    return ListeningCopy(limited(matched).float(), slow, nyquist)


def limited(sound: Tensor) -> Tensor:
    """Return a sound whose peaks are bent below the ceiling; what stays below the knee is untouched."""
    room = CEILING - KNEE
    bent = KNEE + room * torch.tanh((sound.abs() - KNEE) / room)
    return torch.where(sound.abs() <= KNEE, sound, bent * sound.sign())
