"""The shape of tuning curves: where they peak, how wide, and whether the peak stands alone.

A peak of a curve means little by itself: the largest of some random numbers is a peak too. A unit is called selective
where its peak stands out from the rest of its curve more than the peaks of curves that are as smooth and as variable,
but otherwise random: the phase-randomised surrogates of Theiler et al. (1992).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from scipy.stats import false_discovery_control
from torch import Tensor

DRAWS = 500
BLOCK = 50  # surrogates of every curve that are in memory at once
LEVEL = 0.05  # share of false discoveries among the units called selective
ALONE = 0.5  # selectivity below which no unit is called selective
RISE = 0.1  # share of the peak's height by which a flank may rise again and still belong to the peak
FLAT = 1e-6  # range of a curve, relative to its values, below which it is constant
SEED = 20_240_616


@dataclass(frozen=True, eq=False)
class TuningShape:
    """What the curves (U, S) of U units look like.

    Attributes:
        preferred: (U,) value of x at the peak, interpolated by a parabola; NaN for constant curves.
        width: (U,) full width at half height over the curve's median, in octaves where x is on a ratio scale, else in
            x; measured to the end of the curve where it does not fall so far.
        selectivity: (U,) in [0, 1]: 1 minus the highest answer away from the peak over that at the peak, both above the
            median of the curve. 0: there is another peak as high. Constant curves have 0.
        p: (U,) share of surrogates whose peak stands out as much.
        selective: (U,) bool, at a false discovery rate of 5 % over the units, and selectivity at least 0.5.
    """

    preferred: Tensor
    width: Tensor
    selectivity: Tensor
    p: Tensor
    selective: Tensor


def describe(response: Tensor, x: Tensor, log_x: bool, draws: int = DRAWS) -> TuningShape:
    """Describe the highest peak of each curve.

    Args:
        response: (U, S).
        x: (S,) ascending.
        log_x: whether x is on a ratio scale.
        draws: surrogates of each curve.
    """
    curves, place = response.double(), (x.double().log2() if log_x else x.double())
    spread = curves.amax(dim=1) - curves.amin(dim=1)
    flat = spread <= FLAT * curves.abs().amax(dim=1).clamp_min(1e-12)
    selectivity = isolation(curves).masked_fill(flat, 0.0)
    exceed = torch.zeros(len(curves), dtype=torch.float64)
    generator = torch.Generator().manual_seed(SEED)
    for start in range(0, draws, BLOCK):
        random = isolation(surrogates(curves, min(BLOCK, draws - start), generator))
        exceed += (random >= selectivity - 1e-9).sum(dim=0)
    p = ((exceed + 1) / (draws + 1)).masked_fill(flat, 1.0)
    q = torch.from_numpy(false_discovery_control(p.numpy())) if len(p) else p
    peak, width = _peak(curves, place)
    preferred = (2**peak if log_x else peak).masked_fill(flat, math.nan)
    selective = (q <= LEVEL) & (selectivity >= ALONE) & ~flat
    return TuningShape(
        preferred.float(), width.masked_fill(flat, math.nan).float(), selectivity.float(), p.float(), selective
    )


def isolation(curves: Tensor) -> Tensor:
    """How far the highest peak of each curve (..., S) stands above everything beside it (...,); see `TuningShape`."""
    height = curves - curves.median(dim=-1, keepdim=True).values
    top, at = height.max(dim=-1, keepdim=True)
    steps = torch.arange(1, height.shape[-1])
    beside = torch.zeros_like(top)
    for column in (at + steps, at - steps):
        outside = (column < 0) | (column >= height.shape[-1])
        flank = height.gather(-1, column.clamp(0, height.shape[-1] - 1))
        lowest = torch.cat([top, flank.cummin(dim=-1).values[..., :-1]], dim=-1)
        beyond = (flank > lowest + RISE * top).cummax(dim=-1).values & ~outside
        beside = torch.maximum(beside, flank.masked_fill(~beyond, 0.0).amax(dim=-1, keepdim=True))
    plateau = top <= FLAT * (curves.amax(dim=-1, keepdim=True) - curves.amin(dim=-1, keepdim=True))
    return (1 - beside / top.clamp_min(1e-300)).clamp(0, 1).masked_fill(plateau, 0.0).squeeze(-1)


def surrogates(curves: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Random curves (draws, U, S) with the mean and the power spectrum of each of the given ones (U, S)."""
    spectrum = torch.fft.rfft(curves)
    phase = 2 * math.pi * torch.rand((draws, *spectrum.shape), generator=generator, dtype=curves.dtype)
    phase[..., 0] = spectrum[:, 0].angle()
    wave: Tensor = torch.fft.irfft(torch.polar(spectrum.abs().expand(phase.shape), phase), curves.shape[1])
    return wave


def _peak(curves: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Place of each peak, and its width at half height, both in units of `place`."""
    halves = (curves.amax(dim=1) + curves.median(dim=1).values) / 2
    x, at = place.tolist(), curves.argmax(dim=1).tolist()
    peaks, widths = [], []
    for curve, half, index in zip(curves.tolist(), halves.tolist(), at, strict=True):
        peaks.append(_parabola(curve, x, index))
        left = _crossing(curve[index::-1], x[index::-1], half)
        widths.append(_crossing(curve[index:], x[index:], half) - left)
    return torch.tensor(peaks, dtype=curves.dtype), torch.tensor(widths, dtype=curves.dtype)


def _parabola(curve: list[float], x: list[float], index: int) -> float:
    """Vertex through the highest point and its neighbours; the point itself at the ends."""
    if not 0 < index < len(curve) - 1:
        return x[index]
    before, after = x[index - 1] - x[index], x[index + 1] - x[index]
    left, right = curve[index] - curve[index - 1], curve[index] - curve[index + 1]
    below = after * left - before * right
    shift = (after**2 * left - before**2 * right) / (2 * below) if below > 0 else 0.0
    return x[index] + min(max(shift, before), after)


def _crossing(curve: list[float], x: list[float], half: float) -> float:
    """Where a curve that begins at its peak falls to `half`, linearly interpolated; its end where it does not."""
    for place, (high, low) in enumerate(pairwise(curve)):
        if low <= half:
            share = (high - half) / max(high - low, 1e-300)
            return x[place] + share * (x[place + 1] - x[place])
    return x[-1]
