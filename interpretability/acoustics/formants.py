"""Formants by Burg's linear prediction, as Praat computes them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.acoustics.backends import Backend, checked_backend
from interpretability.acoustics.frames import Grid, Track, checked, cut, joined, listed, n_columns
from interpretability.acoustics.praat import praat_formants
from interpretability.acoustics.resampling import downsampled

MARGIN = 50.0
"""Hz next to 0 and to the ceiling in which no formant is looked for."""


@dataclass(frozen=True, eq=False)
class Formants:
    """Frequencies and bandwidths in Hz of F1, F2, ... as tracks; NaN in silence and where there are fewer."""

    frequency: tuple[Track, ...]
    bandwidth: tuple[Track, ...]


def formants(
    waveform: Tensor,
    length: Tensor,
    sample_rate: int,
    ceiling: float = 5500.0,
    n_formants: int = 5,
    step: float = 0.01,
    count: int = 3,
    backend: Backend = "torch",
) -> Formants:
    """F1 to F`count` of clips (B, N) with true samples (B,), looked for from 50 Hz to `ceiling` less 50 Hz.

    The sound is resampled to twice the ceiling where that is below the sample rate, and pre-emphasised from 50 Hz;
    Gaussian windows 50 ms long every `step` s, Burg's method of order 2 n_formants, roots of the polynomial reflected
    into the unit circle (Praat, "To Formant (burg)..."). `ceiling` is at most half the sample rate.

    Raises:
        InputError: if the clips are not (B, N), or the backend is "praat" and its extra is not installed.
    """
    checked_backend("formants", backend)
    clean = checked(waveform, length).double()
    length = length.to(clean.device)
    ceiling = min(ceiling, sample_rate / 2)
    rate, sound, samples = sample_rate, clean, length
    if 2 * ceiling < sample_rate:
        rate = round(2 * ceiling)
        sound, samples = downsampled(clean, length, sample_rate, rate)
    grid = _grid(samples, rate, step)
    if backend == "praat":
        settings = {"max_number_of_formants": float(n_formants), "maximum_formant": ceiling}
        found = praat_formants(clean, length, sample_rate, grid, count, step, **settings)
    else:
        found = _burg_formants(sound, samples, rate, grid, 2 * n_formants, count)
    tracks = [
        tuple(Track(values[..., number], grid.seconds, grid.n_frames) for number in range(count)) for values in found
    ]
    return Formants(*tracks)


def _grid(length: Tensor, sample_rate: int, step: float) -> Grid:
    """Frames of 50 ms, centred in each clip; Praat counts them from the middle of the first sample."""
    dx = 1.0 / sample_rate
    duration = length.double() * dx
    n_frames = (((duration - 0.05) / step).floor() + 1).clamp_min(0).long()
    first = 0.5 * dx + 0.5 * (duration - dx - (n_frames - 1).double() * step)
    count = n_columns(n_frames)
    return listed(first[:, None] + torch.arange(count, device=length.device, dtype=torch.float64) * step, n_frames)


def _burg_formants(
    sound: Tensor, length: Tensor, sample_rate: int, grid: Grid, order: int, count: int
) -> tuple[Tensor, Tensor]:
    """Frequencies and bandwidths (B, T, count) of sounds (B, N) that reach up to half their rate."""
    sound = sound.clone()
    sound[:, 1:] -= math.exp(-2 * math.pi * 50 / sample_rate) * sound[:, :-1].clone()
    sound = checked(sound, length)
    width = math.floor(0.05 * sample_rate)
    half = width // 2
    place = torch.arange(1, width + 1, dtype=torch.float64, device=sound.device)
    edge = math.exp(-12)
    window = (torch.exp(-48 * ((place - 0.5 * (width + 1)) / (width + 1)).square()) - edge) / (1 - edge)
    start = grid.position(sample_rate).floor().long() + 1 - half
    parts = []
    for _, frames in cut(sound, grid.rows, start, 2 * half):
        frames = frames * window[: 2 * half]
        parts.append(_resonances(linear_prediction(frames, order), sample_rate, count))
    values = grid.laid_out(joined(parts, sound, 2 * count))
    return values[..., :count], values[..., count:]


def linear_prediction(frames: Tensor, order: int) -> Tensor:
    """Coefficients a (m, order) of x[t] = sum a[i] x[t - i] by Burg's method; NaN for frames (m, W) of zeros."""
    forward, backward = frames[:, 1:], frames[:, :-1]
    coefficients = frames.new_zeros(len(frames), 0)
    for step in range(order):
        power = (torch.linalg.vecdot(forward, forward) + torch.linalg.vecdot(backward, backward))[:, None]
        # Zero over zero: a silent frame has no coefficients.
        reflection = 2 * torch.linalg.vecdot(forward, backward)[:, None] / power
        coefficients = torch.cat([coefficients - reflection * coefficients.flip(1), reflection], dim=1)
        if step < order - 1:
            forward, backward = (
                torch.addcmul(forward[:, 1:], reflection, backward[:, 1:], value=-1),
                torch.addcmul(backward[:, :-1], reflection, forward[:, :-1], value=-1),
            )
    return coefficients


def _resonances(coefficients: Tensor, sample_rate: int, count: int) -> Tensor:
    """The lowest `count` frequencies in Hz, then their bandwidths (m, 2 count); NaN where there are fewer."""
    silent = ~coefficients.isfinite().all(dim=1, keepdim=True)
    order = coefficients.shape[1]
    companion = torch.diag(coefficients.new_ones(order - 1), -1).repeat(len(coefficients), 1, 1)
    companion[:, 0] = torch.where(silent, 0.0, coefficients)
    # Small unsymmetric matrices: a processor is quicker at them than a GPU.
    roots = torch.linalg.eigvals(companion.cpu()).to(coefficients.device)
    radius = roots.abs().clamp_min(1e-300)
    radius = torch.where(radius > 1, 1 / radius, radius)
    frequency = roots.angle() * sample_rate / (2 * math.pi)
    usable = (frequency >= MARGIN) & (frequency <= sample_rate / 2 - MARGIN) & ~silent
    ordered, place = torch.where(usable, frequency, torch.inf).sort(dim=1)
    if order < count:
        raise ValueError(f"{count} formants need an order of at least {count}")
    exists = ordered[:, :count] < torch.inf
    bandwidth = (-radius.log() * sample_rate / math.pi).gather(1, place)[:, :count]
    return torch.cat([torch.where(exists, values, torch.nan) for values in (ordered[:, :count], bandwidth)], dim=1)
