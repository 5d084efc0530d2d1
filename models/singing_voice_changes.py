"""Random changes of training excerpts for singing-voice detection (Schlueter and Grill 2015, section 3).

Tempo and pitch are changed together on the magnitude spectrogram, as one affine map; then a random band of the mel
spectrogram is made louder or softer.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from configs.jamendo_schema import EXCERPT, SingingVoiceConfig
from datamodules.batch import Batch, clip_generator

STREAM = 7  # of clip_generator; others draw from their own
LOWEST = 150.0
"""Hz; random bands lie between this and the highest mel band."""
WIDTHS = (5.0, 7.0)
"""Semitones; standard deviation of a random band."""


@dataclass(frozen=True)
class Changes:
    """What is done to each of B excerpts: factors of tempo and frequency (B,), and of the random band its place,
    its width (both in semitones above 1 Hz) and its gain in dB (B,)."""

    tempo: Tensor
    frequency: Tensor
    centre: Tensor
    spread: Tensor
    gain_db: Tensor


def draw_changes(batch: Batch, settings: SingingVoiceConfig, highest: float, seed: int, epoch: int) -> Changes:
    """Draw the changes of a batch, a function of (seed, epoch, clip) alone; `highest` is the top of the bands in Hz."""
    rows = []
    for index in batch.index.tolist():
        draw = clip_generator(seed, epoch, index, STREAM)
        rows.append(
            (
                1 + draw.uniform(-settings.stretch, settings.stretch),
                1 + draw.uniform(-settings.pitch_shift, settings.pitch_shift),
                draw.uniform(_semitones(LOWEST), _semitones(highest)),
                draw.uniform(*WIDTHS),
                draw.uniform(-settings.filter_db, settings.filter_db),
            )
        )
    columns = torch.tensor(rows, dtype=torch.float32, device=batch.waveform.device).unbind(dim=1)
    return Changes(*columns)


def stretched(magnitude: Tensor, changes: Changes, count: int = EXCERPT) -> Tensor:
    """Magnitudes (B, F, T) -> (B, F, count): the middle, `tempo` times as long and shifted to `frequency` times.

    Frequencies above half the sample rate are silent. Cubic interpolation; never negative.
    """
    n_bins, n_frames = magnitude.shape[-2:]
    time = (torch.arange(count, device=magnitude.device) - (count - 1) / 2)[None, :] / changes.tempo[:, None]
    bins = torch.arange(n_bins, device=magnitude.device)[None, :] / changes.frequency[:, None]
    across = time * 2 / (n_frames - 1)
    down = bins * 2 / (n_bins - 1) - 1
    shape = (len(magnitude), n_bins, count)
    grid = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], dim=-1)
    moved = F.grid_sample(magnitude[:, None], grid, mode="bicubic", padding_mode="zeros", align_corners=True)
    return moved[:, 0].clamp_min(0)


def band_gains(changes: Changes, bands: Tensor) -> Tensor:
    """Factors (B, M) of the magnitudes of bands that lie at `bands` (M,) Hz: one Gaussian bump or dip in dB."""
    pitch = 12 * bands.clamp_min(1.0).log2()
    away = (pitch[None, :] - changes.centre[:, None]) / changes.spread[:, None]
    return torch.pow(10.0, changes.gain_db[:, None] * torch.exp(-0.5 * away.square()) / 20)


def _semitones(frequency: float) -> float:
    return 12 * math.log2(frequency)
