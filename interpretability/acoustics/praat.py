"""Praat's own measures on our frames: the backend "praat", clip by clip on the processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from interpretability.acoustics.backends import parselmouth
from interpretability.acoustics.frames import Grid, Track

if TYPE_CHECKING:
    from parselmouth import Sound


def measured(
    clean: Tensor, length: Tensor, sample_rate: float, grid: Grid, columns: int, measure: Callable[[Sound], Tensor]
) -> Tensor:
    """Values (B, T, columns) of a measure of each clip's Praat sound that gives (frames, columns); NaN past the end.

    Clips without a frame, too short for the window, are not handed to Praat, which refuses them.
    """
    praat_sound = parselmouth().Sound
    table = torch.full((*grid.seconds.shape, columns), torch.nan, dtype=torch.float64)
    for row, clip in enumerate(clean.double().cpu()):
        if grid.n_frames[row] > 0:
            values = measure(praat_sound(clip[: int(length[row])].numpy(), sampling_frequency=sample_rate))
            count = min(len(values), table.shape[1])
            table[row, :count] = values[:count]
    return table.to(clean.device)


def praat_intensity(
    clean: Tensor, length: Tensor, sample_rate: float, minimum_pitch: float, step: float, grid: Grid
) -> Track:
    """Intensity in dB ("To Intensity..."); Praat's -300 dB for digital silence is NaN."""

    def measure(sound: Sound) -> Tensor:
        values = torch.from_numpy(sound.to_intensity(minimum_pitch, step, subtract_mean=True).values[0].copy())
        return torch.where(values > -299, values, torch.nan)[:, None]

    values = measured(clean, length, sample_rate, grid, 1, measure)[..., 0]
    return Track(values, grid.seconds, grid.n_frames)


def praat_pitch(
    clean: Tensor, length: Tensor, sample_rate: float, grid: Grid, **settings: float
) -> tuple[Tensor, Tensor]:
    """F0 in Hz, NaN where unvoiced, and its autocorrelation (B, T) ("To Pitch (ac)...")."""

    def measure(sound: Sound) -> Tensor:
        chosen = sound.to_pitch_ac(**settings).selected_array
        pair = torch.stack([torch.from_numpy(chosen[name].copy()) for name in ("frequency", "strength")], dim=1)
        return torch.where(pair[:, :1] > 0, pair, torch.nan)

    values = measured(clean, length, sample_rate, grid, 2, measure)
    return values[..., 0], values[..., 1]


def praat_formants(
    clean: Tensor, length: Tensor, sample_rate: float, grid: Grid, count: int, step: float, **settings: float
) -> tuple[Tensor, Tensor]:
    """Frequencies and bandwidths in Hz (B, T, count) of the formants ("To Formant (burg)...")."""

    def measure(sound: Sound) -> Tensor:
        found = sound.to_formant_burg(time_step=step, **settings)
        rows = [
            [get(number, time) for get in (found.get_value_at_time, found.get_bandwidth_at_time) for number in numbers]
            for time in found.ts()
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2 * count)

    numbers = range(1, count + 1)
    values = measured(clean, length, sample_rate, grid, 2 * count, measure)
    return values[..., :count], values[..., count:]
