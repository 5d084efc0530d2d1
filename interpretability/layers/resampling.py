"""A layer's series on another clock, such as the sound's: band-limited, with exact offsets.

Linear interpolation, as published, mirrors what lies below a layer's Nyquist limit above it: a tone of 1.5 kHz in a
layer of 4 kHz leaves an image at 2.5 kHz only 9 dB weaker. The windowed sinc here leaves none above -95 dB, and knows
that sample 0 of the layer lies at `centre`, not at 0.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from configs.errors import InputError
from interpretability.layers.time_base import TimeBase

ZEROS = 48
"""Zero crossings of the sinc on each side: flat up to 0.94 of the Nyquist limit."""
BETA = 10.06
"""Of the Kaiser window: images and aliases 100 dB down."""

CHUNK = 2**22
"""Values gathered at a time."""


def band_limited(series: Tensor, of: TimeBase, length: int, to: TimeBase | None = None) -> Tensor:
    """Return a layer's series at the samples of another clock.

    Beyond its ends a series is taken to stay what it is there. Towards a slower clock, what that clock cannot hold is
    removed first.

    Args:
        series: (B, T) of a layer.
        of: the layer's clock.
        length: samples wanted.
        to: the clock wanted; the sound's own if None.

    Returns:
        (B, length), of the precision of `series`. It holds nothing above `of.nyquist(rate)`.

    Raises:
        InputError: A series of fewer than two steps.
    """
    if series.ndim != 2 or series.shape[1] < 2:
        raise InputError(
            f"a series of shape {tuple(series.shape)} cannot be resampled: it has to be (clips, 2 steps or more)"
        )
    seen = of.seen_from(to or TimeBase())
    up, down = seen.jump.numerator, seen.jump.denominator  # `up` samples wanted for `down` of the layer
    cutoff = min(1.0, up / down)
    reach = math.ceil(ZEROS / cutoff)
    if down > reach:
        return _one_by_one(series, seen.step(torch.arange(length)), cutoff, reach)
    starts = torch.tensor([float((phase - seen.centre) / seen.jump) for phase in range(up)], dtype=torch.float64)
    taps = torch.arange(math.floor(starts.min()) - reach, math.floor(starts.max()) + reach + 2)
    kernel = _sinc(starts[:, None] - taps, cutoff).to(series)
    index = (torch.arange(-(-length // up))[:, None] * down + taps).clamp(0, series.shape[1] - 1).to(series.device)
    chunk = max(1, CHUNK // (len(taps) * len(series)))
    return torch.cat([series[:, rows] @ kernel.T for rows in torch.split(index, chunk)], dim=1).flatten(1)[:, :length]


def _one_by_one(series: Tensor, at: Tensor, cutoff: float, reach: int) -> Tensor:
    """Return a series (B, T) at steps `at` (n,), each with its own kernel: for rates without a short common period."""
    parts = []
    for some in torch.split(at, max(1, CHUNK // (2 * reach * len(series)))):
        taps = some.floor().long()[:, None] + torch.arange(-reach, reach + 2)
        kernel = _sinc(some[:, None] - taps, cutoff).to(series)
        index = taps.clamp(0, series.shape[1] - 1).to(series.device)
        parts.append((series[:, index] * kernel).sum(dim=-1))
    return torch.cat(parts, dim=1)


def linear(series: Tensor, of: TimeBase, length: int, to: TimeBase | None = None) -> Tensor:
    """Return a series (B, T) at the samples of another clock, by straight lines: for envelopes and slow contours only.

    Offsets are exact; beyond its ends the series stays what it is there.
    """
    return linear_at(series, of, (to or TimeBase()).positions(length))


def linear_at(series: Tensor, of: TimeBase, samples: Tensor) -> Tensor:
    """Return a series (B, T) at places (P,) or (B, P) in samples of the sound, by straight lines."""
    at = of.step(samples).clamp(0, series.shape[1] - 1).to(series.device).expand(len(series), -1)
    low = at.floor().long().clamp(max=max(series.shape[1] - 2, 0))
    share = (at - low).to(series.dtype)
    high = (low + 1).clamp(max=series.shape[1] - 1)
    return series.gather(1, low) * (1 - share) + series.gather(1, high) * share


def as_published(series: Tensor, length: int) -> Tensor:
    """Return a series (B, T) as the paper plays it: values above 1 set to 1, stretched end to end by straight lines.

    Nothing else: no offset, no filter, no level (Begus & Zhou 2022, footnote 2). For comparison with its figures.
    """
    clipped = series.clamp(max=1)[:, None]
    return F.interpolate(clipped, size=length, mode="linear", align_corners=True)[:, 0]


def steps_within(of: TimeBase, lengths: Tensor, steps: int) -> Tensor:
    """Return which steps (B, steps) bool of a layer are centred inside each clip's true length (B,), not in padding."""
    at = of.positions(steps).to(lengths.device)
    return (at >= 0) & (at <= (lengths[:, None] - 1).double())


def _sinc(at: Tensor, cutoff: float) -> Tensor:
    """Kaiser-windowed sinc at distances in steps of the layer; rows add up to 1, so that a constant stays one."""
    distance = at * cutoff / ZEROS
    window = torch.special.i0(BETA * (1 - distance.square()).clamp_min(0).sqrt()) * (distance.abs() <= 1)
    kernel: Tensor = torch.sinc(at * cutoff) * window
    return kernel / kernel.sum(dim=1, keepdim=True)
