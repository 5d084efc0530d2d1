"""Power spectra and levels of 25 ms frames every 10 ms, the clock of the descriptors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.acoustics.frames import Grid, Track, aligned_grid, checked, cut, joined
from interpretability.power_spectrum import power_spectrum

WINDOW = 0.025
"""Seconds of a frame."""
HOP = 0.01
"""Seconds between frames."""
SILENT = 1e-12
"""Power of a frame without its mean, relative to full scale or to the mean's, that counts as nothing: rounding."""


@dataclass(frozen=True, eq=False)
class ShortTime:
    """All M frames of B clips: Hann power spectra (M, F) at `frequency` (F,) in Hz, without the bin at 0 Hz.

    `mean_square` (M,) is the power of the frames without their means, 0 where nothing but rounding is left; `crossings`
    (M,) counts changes of sign in the frame. Spectra of silent frames are 0.
    """

    grid: Grid
    power: Tensor
    frequency: Tensor
    mean_square: Tensor
    crossings: Tensor
    hop: float

    def decibels(self) -> Tensor:
        """Level (M,) of the frames in dB re full scale (a square wave of amplitude 1); NaN in silence."""
        return torch.where(self.mean_square > 0, 10 * self.mean_square.log10(), torch.nan)

    def track(self, values: Tensor) -> Track:
        """The track of values (M,), NaN in silent frames."""
        return self.grid.track(torch.where(self.mean_square > 0, values, torch.nan))


def short_time(
    waveform: Tensor, length: Tensor, sample_rate: float, window: float = WINDOW, hop: float = HOP
) -> ShortTime:
    """Cut clips (B, N) with true samples (B,) into frames from the first sample on; only whole frames count.

    Raises:
        InputError: if the clips are not (B, N), or the window has fewer than 4 samples at this rate.
    """
    clean = checked(waveform, length).float()
    width, step = round(window * sample_rate), max(1, round(hop * sample_rate))
    if width < 4:
        raise InputError(f"acoustics: a window of {1000 * window:g} ms has too few samples at {sample_rate:g} Hz")
    grid = aligned_grid(length.to(clean.device), sample_rate, width, step)
    size = 1 << (width - 1).bit_length()
    shape = torch.hann_window(width, device=clean.device)
    powers, squares, crossings = [], [], []
    for _, frames in cut(clean, grid.rows, grid.columns * step, width):
        mean = frames.mean(dim=1, keepdim=True)
        frames = frames - mean
        square = frames.square().mean(dim=1)
        square = torch.where(square > SILENT * (mean[:, 0].square() + 1e-4), square, 0.0)
        power = power_spectrum(torch.fft.rfft(frames * shape, n=size))[:, 1:]
        squares.append(square)
        powers.append(torch.where(square[:, None] > 0, power, 0.0))
        sign = frames >= 0
        crossings.append((sign[:, 1:] != sign[:, :-1]).sum(dim=1).to(frames))
    frequency = torch.arange(1, size // 2 + 1, device=clean.device) * (sample_rate / size)
    return ShortTime(
        grid,
        joined(powers, clean, size // 2),
        frequency,
        joined(squares, clean),
        joined(crossings, clean) / ((width - 1) / sample_rate),
        step / sample_rate,
    )
