"""Parts of a spectrogram that perturbation methods switch on and off: blocks of bins, or sources over time."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

Cut = Literal["time_frequency", "time", "frequency"]

BEND = 16.0
"""Bend of the frequency axis along which blocks are equally high: log(1 + 16 f / f_max), near mel at 22 kHz."""


class Segments(Protocol):
    """Parts of one clip's spectrogram."""

    @property
    def count(self) -> int:
        """Number of segments n."""

    def masks(self, presence: Tensor) -> Tensor:
        """Masks (G, F, T) of combinations of segments, each present to the degree (G, n)."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Disjoint parts that together make the whole: `numbers` (F, T) says which bin is of which part, from 0."""

    numbers: Tensor

    @property
    def count(self) -> int:
        """Number of blocks."""
        return int(self.numbers.max()) + 1

    def masks(self, presence: Tensor) -> Tensor:
        """Masks (G, F, T) of combinations (G, n)."""
        return presence[:, self.numbers]


@dataclass(frozen=True, eq=False)
class SourceSegments:
    """Sources that add up to the clip, each cut in time, as in audioLIME (Haunschmid et al. 2020).

    Segments are numbered source by source: n = G * (number of time segments).

    Attributes:
        sources: soft masks (G, F, T) of the sources.
        times: (T,) which time segment a frame belongs to, from 0.
    """

    sources: Tensor
    times: Tensor

    @property
    def count(self) -> int:
        """Number of sources times number of time segments."""
        return len(self.sources) * (int(self.times.max()) + 1)

    def masks(self, presence: Tensor) -> Tensor:
        """Masks (G, F, T) of combinations (G, n)."""
        series = presence.reshape(len(presence), len(self.sources), -1)[..., self.times]  # (G, sources, T)
        return torch.einsum("gst,sft->gft", series, self.sources)


def blocks(spectrum: Tensor, n_blocks: int, cut: Cut = "time_frequency") -> Blocks:
    """Cut spectrograms (..., F, T) into about `n_blocks` blocks, equally long, and equally high on a mel-like axis.

    Time-frequency blocks have as many bands as time segments, or the next more uneven division of their number. Where
    there are fewer bins or frames than cuts, there are fewer blocks.
    """
    n_bins, n_frames = spectrum.shape[-2:]
    if cut == "time_frequency":
        n_times = next(n for n in range(math.isqrt(n_blocks), 0, -1) if n_blocks % n == 0)
        n_bands = n_blocks // n_times
    else:
        n_times, n_bands = (n_blocks, 1) if cut == "time" else (1, n_blocks)
    bands = band_numbers(n_bins, n_bands)
    times = time_numbers(n_frames, n_times)
    return Blocks((bands[:, None] * (int(times.max()) + 1) + times).to(spectrum.device))


def band_numbers(n_bins: int, n_bands: int) -> Tensor:
    """Band (F,) of each bin, bands being equally high on log(1 + 16 f / f_max); bands without a bin do not count."""
    height = torch.log1p(BEND * torch.arange(n_bins, dtype=torch.float64) / max(1, n_bins - 1)) / math.log1p(BEND)
    numbers = (height * n_bands).floor().long().clamp_max(n_bands - 1)
    return _consecutive(numbers)


def time_numbers(n_frames: int, n_times: int) -> Tensor:
    """Time segment (T,) of each frame; segments differ by one frame at most."""
    return _consecutive(torch.arange(n_frames) * n_times // n_frames)


def _consecutive(numbers: Tensor) -> Tensor:
    """Rising numbers (n,) without the gaps between them."""
    return torch.cat([numbers.new_zeros(1), (numbers.diff() > 0).long()]).cumsum(dim=0)
