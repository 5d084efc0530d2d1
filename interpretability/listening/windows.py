"""Recordings longer than a model's clips: windows on the STFT's own frames, and the crossfade that joins them."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

OVERLAP = 0.25
"""Share of a window that it has in common with the next one, at least."""


def window_starts(n_samples: int, width: int, hop: int, overlap: float = OVERLAP) -> list[int]:
    """First frames of evenly spaced windows of `width` samples that cover a recording of `n_samples`.

    The last window may reach beyond the end by less than one hop; a recording not longer than a window has one.
    """
    if n_samples <= width:
        return [0]
    last = math.ceil((n_samples - width) / hop)
    count = 1 + math.ceil((n_samples - width) / (width * (1 - overlap)))
    return [round(last * place / (count - 1)) for place in range(count)]


def crossfade(starts: Sequence[int], width: int, n_frames: int) -> Tensor:
    """Weights (V, width) of windows of `width` frames that add up to one at each of the recording's frames.

    Each window rises and falls linearly where it shares frames with its neighbours; frames past the end weigh nothing.
    """
    shared = max([start + width - following for start, following in pairwise(starts)], default=1)
    place = torch.arange(width)
    ramp = torch.minimum(place + 1, width - place).clamp(max=max(shared, 1)).double()
    frames = torch.tensor(list(starts))[:, None] + place
    weights = torch.where(frames < n_frames, ramp, 0.0)
    total = torch.zeros(max(n_frames, int(frames.max()) + 1), dtype=weights.dtype)
    total.index_add_(0, frames.flatten(), weights.flatten())
    return (weights / total[frames].clamp_min(1e-12)).float()


def overlap_add(series: Tensor, starts: Sequence[int], weights: Tensor, n_frames: int) -> Tensor:
    """Series (V, K, width) of windows joined into one (K, n_frames) by their crossfade weights (V, width)."""
    width = series.shape[-1]
    joined = series.new_zeros(series.shape[1], max(starts) + max(width, n_frames))
    for part, start, weight in zip(series, starts, weights.to(series), strict=True):
        joined[:, start : start + width] += part * weight
    return joined[:, :n_frames]
