"""Frames of clips with true lengths, and the tracks that are measured on them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError

CHUNK = 1 << 17
"""Samples of frames that are worked on at once: what fits in a processor's cache is quickest."""


@dataclass(frozen=True, eq=False)
class Track:
    """A property over time: `values` (B, T), NaN where undefined, at `seconds` (B, T); `n_frames` (B,) lie in the clip.

    All values past a clip's frames are NaN. A clip shorter than one window has no frame; T is at least 2.
    """

    values: Tensor
    seconds: Tensor
    n_frames: Tensor

    @property
    def step(self) -> float:
        """Seconds between two frames."""
        return float(self.seconds[0, 1] - self.seconds[0, 0])

    def at(self, seconds: Tensor) -> Tensor:
        """Values (B, K) of the frames nearest to moments (B, K) in s; NaN further than a step from all frames."""
        place = (seconds.to(self.seconds) - self.seconds[:, :1]) / self.step
        last = (self.n_frames - 1)[:, None]
        frame = place.round().clamp_min(0).minimum(last.clamp_min(0).to(place))
        near = ((place - frame).abs() <= 1.0) & (last >= 0)
        return torch.where(near, self.values.gather(1, frame.nan_to_num().long()), torch.nan)


@dataclass(frozen=True, eq=False)
class Grid:
    """Centres of frames: `seconds` (B, T) and `n_frames` (B,); `rows` and `columns` (M,) list all frames."""

    seconds: Tensor
    n_frames: Tensor
    rows: Tensor
    columns: Tensor

    def laid_out(self, values: Tensor) -> Tensor:
        """Values (M,) or (M, K) of the listed frames as (B, T) or (B, T, K), NaN elsewhere."""
        table = values.new_full((*self.seconds.shape, *values.shape[1:]), torch.nan)
        table[self.rows, self.columns] = values
        return table

    def track(self, values: Tensor) -> Track:
        """The track of values (M,) of the listed frames."""
        return Track(self.laid_out(values), self.seconds, self.n_frames)

    def position(self, sample_rate: float) -> Tensor:
        """Where the listed frames' centres (M,) lie, in samples from the first sample's middle."""
        # Praat counts samples from one; its sum is repeated here so that ties round as its own do.
        dx = 1.0 / sample_rate
        return (self.seconds[self.rows, self.columns] - 0.5 * dx) / dx + 1.0 - 1.0


def checked(waveform: Tensor, length: Tensor) -> Tensor:
    """Clips (B, N) with everything past their true lengths (B,) set to 0.

    Raises:
        InputError: if the shapes do not fit, a length is outside 0..N or a sample within it is not finite.
    """
    if waveform.ndim != 2 or length.shape != waveform.shape[:1] or not waveform.is_floating_point():
        raise InputError(
            f"acoustics need float clips (B, N) and lengths (B,), not {waveform.dtype} {tuple(waveform.shape)} "
            f"and {tuple(length.shape)}"
        )
    if ((length < 0) | (length > waveform.shape[1])).any():
        raise InputError(f"acoustics: lengths must lie in 0..{waveform.shape[1]} samples, got {length.tolist()}")
    inside = torch.arange(waveform.shape[1], device=waveform.device) < length.to(waveform.device)[:, None]
    clean = torch.where(inside, waveform.detach(), 0.0)
    if not clean.isfinite().all():
        bad = (~clean.isfinite()).any(dim=1).nonzero().flatten().tolist()
        raise InputError(f"acoustics: clips {bad} of the batch hold samples that are not finite")
    return clean


def n_columns(n_frames: Tensor) -> int:
    """Frames of the longest clip; two at least, so that the step between frames is known."""
    return max(2, int(n_frames.max())) if len(n_frames) else 2


def listed(seconds: Tensor, n_frames: Tensor) -> Grid:
    """The grid of centres (B, T) of which each clip has n_frames (B,)."""
    rows, columns = (torch.arange(seconds.shape[1], device=seconds.device) < n_frames[:, None]).nonzero(as_tuple=True)
    return Grid(seconds, n_frames, rows, columns)


def centred_grid(length: Tensor, sample_rate: float, window: float, step: float) -> Grid:
    """As many frames as fit, centred in each clip as Praat does: floor((duration - window) / step) + 1 of them."""
    duration = length.double() * (1.0 / sample_rate)
    n_frames = (((duration - window) / step).floor() + 1).clamp_min(0).long()
    first = 0.5 * duration - 0.5 * (n_frames.double() * step) + 0.5 * step
    count = n_columns(n_frames)
    return listed(first[:, None] + torch.arange(count, device=length.device, dtype=torch.float64) * step, n_frames)


def aligned_grid(length: Tensor, sample_rate: float, width: int, hop: int) -> Grid:
    """Frames of `width` samples every `hop`, from each clip's first sample on, that lie in the clip."""
    n_frames = torch.where(length >= width, (length - width).div(hop, rounding_mode="floor") + 1, 0)
    count = n_columns(n_frames)
    centres = (torch.arange(count, device=length.device).double() * hop + width / 2) / sample_rate
    return listed(centres.expand(len(length), -1), n_frames)


def cut(waveform: Tensor, rows: Tensor, start: Tensor, width: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield frames (m, width) of clips (B, N), a part of the M at a time: those of clips `rows` from sample `start`.

    Samples before and after a clip are 0. Each part comes with the slice of the M frames that it is.
    """
    before = max(0, -int(start.min())) if len(start) else 0
    after = max(0, int(start.max()) + width - waveform.shape[1]) if len(start) else 0
    windows = torch.nn.functional.pad(waveform, (before, after)).unfold(1, width, 1) if len(start) else waveform
    size = max(1, (CHUNK if waveform.device.type == "cpu" else 512 * CHUNK) // width)
    for first in range(0, len(rows), size):
        part = slice(first, first + size)
        yield part, windows[rows[part], start[part] + before]


def joined(parts: list[Tensor], like: Tensor, *shape: int) -> Tensor:
    """Parts of a result joined over the frames; an empty one (0, *shape) where there are no frames."""
    return torch.cat(parts) if parts else like.new_zeros(0, *shape)
