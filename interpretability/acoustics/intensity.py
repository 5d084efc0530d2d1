"""Intensity in dB as Praat measures it."""

import math

import torch
from torch import Tensor

from interpretability.acoustics.backends import Backend, checked_backend
from interpretability.acoustics.frames import Track, centred_grid, checked, cut, joined
from interpretability.acoustics.praat import praat_intensity

REFERENCE = 4e-10
"""Square of the sound pressure of 0 dB in Pa^2, where an amplitude of 1 is 1 Pa."""


def intensity(
    waveform: Tensor,
    length: Tensor,
    sample_rate: float,
    minimum_pitch: float = 100.0,
    step: float | None = None,
    backend: Backend = "torch",
) -> Track:
    """Intensity in dB re 2e-5 of clips (B, N) with true samples (B,); NaN in digital silence and in too short clips.

    Kaiser-like window of 6.4 / minimum_pitch s (64 ms at 100 Hz), every `step` s (0.8 / minimum_pitch by default), the
    window's mean subtracted: 10 log10(sum w x^2 / sum w / 4e-10) (Praat, "To Intensity...").

    Raises:
        InputError: if the clips are not (B, N), or the backend is "praat" and its extra is not installed.
    """
    checked_backend("intensity", backend)
    clean = checked(waveform, length).double()
    length = length.to(clean.device)
    step = step or 0.8 / minimum_pitch
    grid = centred_grid(length, sample_rate, 6.4 / minimum_pitch, step)
    if backend == "praat":
        return praat_intensity(clean, length, sample_rate, minimum_pitch, step, grid)
    half_seconds = 3.2 / minimum_pitch
    half = math.floor(half_seconds * sample_rate)
    place = torch.arange(-half, half + 1, dtype=torch.float64, device=clean.device) / sample_rate / half_seconds
    window = torch.special.i0((2 * math.pi**2 + 0.5) * (1 - place.square()).clamp_min(0).sqrt())
    start = (grid.position(sample_rate) + 0.5).floor().long() - half
    weight_before = torch.nn.functional.pad(window.cumsum(0), (1, 0))
    parts = []
    for part, frames in cut(clean, grid.rows, start, 2 * half + 1):
        before = (-start[part]).clamp_min(0)
        after = (start[part] + 2 * half + 1 - length[grid.rows[part]]).clamp_min(0)
        mean = frames.sum(dim=1) / (2 * half + 1 - before - after)
        missing = weight_before[before] + weight_before[-1] - weight_before[2 * half + 1 - after]
        power = (frames - mean[:, None]).square() @ window - missing * mean.square()
        square = frames.square().mean(dim=1)
        level = power / (window.sum() - missing)
        # What is left of a constant after its mean is rounding, 16 digits below it.
        parts.append(torch.where(level > 1e-24 * square, 10 * (level / REFERENCE).log10(), torch.nan))
    return grid.track(joined(parts, clean))
