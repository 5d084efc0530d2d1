"""What one power spectrum says: its moments, roll-off, flatness, entropy and tilt.

All functions take power spectra P (M, F) at frequencies (F,) in Hz and return (M,), NaN for spectra of zeros.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

TILT_FROM = 50.0
"""Hz below which the spectrum does not count for the tilt."""
FLOOR = 1e-10
"""Power relative to the spectrum's mean below which a bin counts as this much: 100 dB down."""


class Moments(NamedTuple):
    """Centroid (centre of gravity) and spread (standard deviation) in Hz, skewness, kurtosis minus 3."""

    centroid: Tensor
    spread: Tensor
    skewness: Tensor
    kurtosis: Tensor


def shares(power: Tensor) -> Tensor:
    """Power spectra (M, F) with sum 1; NaN where they are all 0."""
    return power / power.sum(dim=1, keepdim=True)


def moments(power: Tensor, frequency: Tensor) -> Moments:
    """Moments of frequency, weighted by power (Praat, "Get centre of gravity..." with power 2, and so on)."""
    weight = shares(power).double()
    frequency = frequency.double()
    centroid = weight @ frequency
    away = frequency - centroid[:, None]
    variance = (weight * away.square()).sum(dim=1)
    third, fourth = ((weight * away**order).sum(dim=1) for order in (3, 4))
    spread = variance.sqrt()
    # A spectrum of one bin has no shape.
    shaped = torch.where(variance > 0, variance, torch.nan)
    found = (centroid, spread, third / shaped**1.5, fourth / shaped.square() - 3)
    return Moments(*(values.to(power) for values in found))


def roll_off(power: Tensor, frequency: Tensor, share: float) -> Tensor:
    """Lowest frequency in Hz up to which `share` of the power lies."""
    cumulative = shares(power).cumsum(dim=1)
    # The last sum can fall short of one by rounding.
    place = (cumulative < share).sum(dim=1).clamp_max(len(frequency) - 1)
    return torch.where(cumulative[:, -1].isnan(), torch.nan, frequency[place])


def flatness(power: Tensor) -> Tensor:
    """Geometric over arithmetic mean, in (0, 1]: 1 for a flat spectrum, about 0.56 for a frame of white noise."""
    relative = power / power.mean(dim=1, keepdim=True)
    return relative.clamp_min(FLOOR).log().mean(dim=1).exp()


def entropy(power: Tensor) -> Tensor:
    """Entropy -sum p log p over the log of the number of bins, in [0, 1]."""
    weight = shares(power)
    surprise: Tensor = torch.special.entr(weight)
    return surprise.sum(dim=1) / math.log(power.shape[1])


def tilt(power: Tensor, frequency: Tensor) -> Tensor:
    """Slope in dB per octave of the regression of level on log2 frequency above 50 Hz; white noise has 0.

    Bins weigh 1 / f, so that every octave counts alike, not the highest for half of all.
    """
    used = frequency >= TILT_FROM
    octave = frequency[used].log2()
    weight = 1 / frequency[used]
    weight = weight / weight.sum()
    octave = octave - weight @ octave
    relative = power / power.mean(dim=1, keepdim=True)
    level = 10 * relative[:, used].clamp_min(FLOOR).log10()
    slope: Tensor = level @ (weight * octave) / (weight @ octave.square())
    return slope
