"""Spikes of a layer, as the paper means them: the few peaks of its series that grow with a latent variable.

In the first layer of the published generator four values grow steadily as the variable moves; the layers after it turn
them into a stretch of noise. Here each peak is followed over the settings: its height and its latency, with intervals.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from scipy.signal import find_peaks
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.effects import DoseEffect, dose_effect
from interpretability.layers.time_base import TimeBase


@dataclass(frozen=True, eq=False)
class Spike:
    """One peak of a layer's series."""

    seconds: float
    """Where it is on average."""
    height: DoseEffect
    """Height above the series' median, against the settings."""
    latency: DoseEffect
    """Seconds from the start of the sound, against the settings."""
    heights: Tensor
    """(K, S)."""
    latencies: Tensor
    """(K, S) s."""


def spikes(
    series: Tensor, of: TimeBase, values: Tensor, sample_rate: float, most: int = 4, draws: int = 2000, seed: int = 0
) -> list[Spike]:
    """Follow the most prominent peaks of a layer's series over the settings of a sweep, in the order of time.

    Peaks are those of the mean over starting points at any setting, each between the valleys on its two sides;
    in each series the highest value there is its height, and its place, refined by a parabola, its latency.

    Args:
        series: (K, S, T) of the layer, as `latent_sweep.sweep` returns them.
        of: its clock.
        values: (S,) of the settings.
        sample_rate: of the sound, Hz.
        most: peaks followed.
        draws: of the bootstrap over starting points.
        seed: of the bootstrap.

    Raises:
        InputError: Fewer than three steps. A series without a peak has an empty list.
    """
    if series.ndim != 3 or series.shape[-1] < 3:
        raise InputError(
            f"a series of shape {tuple(series.shape)} has no peaks: (items, settings, 3 steps) is the least"
        )
    above = series.double() - series.double().median(dim=-1, keepdim=True).values
    shape = above.mean(dim=0).amax(dim=0)
    found = []
    for peak, first, last in _peaks(shape, most):
        window = above[..., first:last]
        heights, where = window.max(dim=-1)
        at = where + first
        steps = at + _offset(above, at)
        latencies = (float(of.centre) + float(of.jump) * steps) / sample_rate
        height, latency = (dose_effect(result, values, draws, seed) for result in (heights, latencies))
        seconds = (float(of.centre) + float(of.jump) * peak) / sample_rate
        found.append(Spike(seconds, height, latency, heights, latencies))
    return found


def _peaks(shape: Tensor, most: int) -> list[tuple[int, int, int]]:
    """Return place, first and last step (exclusive) of the most prominent peaks of a curve (T,), in order."""
    padded = torch.cat([shape.min()[None], shape, shape.min()[None]]).numpy()  # a peak may be at an end
    places, facts = find_peaks(padded, prominence=float(shape.max() - shape.min()) * 1e-3 or 1e-30)
    strongest = facts["prominences"].argsort()[::-1][:most]
    peaks = sorted(int(place) - 1 for place in places[strongest])
    edges = [0, *(a + int(shape[a:b].argmin()) for a, b in pairwise(peaks)), len(shape)]
    return [(peak, edges[i], edges[i + 1]) for i, peak in enumerate(peaks)]


def _offset(values: Tensor, at: Tensor) -> Tensor:
    """Return how far the top of the parabola through three points lies from the middle one, within half a step."""
    inner = at.clamp(1, values.shape[-1] - 2)
    left, middle, right = (values.gather(-1, (inner + step)[..., None])[..., 0] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    top = 0.5 * (left - right) / bend.where(bend < 0, torch.full_like(bend, -torch.inf))
    return torch.where(at == inner, top.clamp(-0.5, 0.5), torch.zeros_like(top))
