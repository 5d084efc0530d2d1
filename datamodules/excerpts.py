"""Excerpts of long recordings: labelled by frame, cut from a cache in which only whole recordings lie."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from datamodules.clip_source import Clip, ClipSource, Samples, Split
from datamodules.waveform_cache import WaveformCache

MARK = "@"
"""Between the name of a recording and the number of the frame that an excerpt is centred on."""
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Track:
    """A recording of which excerpts are taken: its name, their centres (n,) in frames, and their classes (n,)."""

    name: str
    frames: Numbers
    targets: Numbers


class ExcerptClips(Sequence[Clip]):
    """The excerpts of some recordings as clips, made when they are asked for: there may be a million.

    Attributes:
        targets: (n,) class of each.
    """

    def __init__(self, tracks: Sequence[Track], targets: Numbers | None = None) -> None:
        self.tracks = tuple(tracks)
        self._ends = np.cumsum([len(track.frames) for track in self.tracks]).tolist()
        none: Numbers = np.zeros(0, dtype=np.int64)
        self.targets = np.concatenate([none, *(t.targets for t in self.tracks)]) if targets is None else targets

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Clip, ...]: ...
    def __getitem__(self, index: int | slice) -> Clip | tuple[Clip, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        place = range(len(self))[index]  # from the end where it is negative; IndexError where there is none
        number = bisect_right(self._ends, place)
        track = self.tracks[number]
        frame = int(track.frames[place - (self._ends[number - 1] if number else 0)])
        return Clip(f"{track.name}{MARK}{frame:06d}", int(self.targets[place]), track.name)

    def without(self, recordings: Collection[str]) -> ExcerptClips:
        """Return the excerpts of all other recordings."""
        return ExcerptClips([track for track in self.tracks if track.name not in recordings])

    def relabelled(self, order: NDArray[Any]) -> ExcerptClips:
        """Return the same excerpts, each with the class of the one at its place in `order` (n,)."""
        return ExcerptClips(self.tracks, self.targets[order])


@runtime_checkable
class ExcerptSource(ClipSource, Protocol):
    """A data set whose clips are excerpts of recordings: `seconds`, `read` and `content_key` are asked of these."""

    @property
    def recordings(self) -> Mapping[Split, tuple[Clip, ...]]:
        """The recordings of each split, which are decoded and cached; their targets mean nothing."""
        ...

    @property
    def frame_rate(self) -> float:
        """Labelled frames per second; frame t lies at t / frame_rate seconds."""
        ...

    def frame_targets(self, recording: str) -> Numbers:
        """Return the class (T,) of every frame of a recording."""
        ...


class ExcerptCache:
    """Reads excerpts by their names from a cache of recordings; beyond the ends of these is silence."""

    def __init__(self, cache: WaveformCache, frame_rate: float, n_samples: int) -> None:
        self.cache, self.frame_rate, self.n_samples = cache, frame_rate, n_samples

    def length(self, name: str) -> int:
        """Return the number of samples of an excerpt, the same for all."""
        return self.n_samples

    def read(self, name: str, start: int = 0, count: int | None = None) -> Samples:
        """Return samples [start, start + count) of an excerpt as float32; all of it by default."""
        recording, _, frame = name.rpartition(MARK)
        centre = round(int(frame) * self.cache.sample_rate / self.frame_rate)
        count = self.n_samples - start if count is None else min(count, self.n_samples - start)
        return read_padded(self.cache, recording, centre - self.n_samples // 2 + start, count)


def read_padded(cache: WaveformCache, name: str, start: int, count: int) -> Samples:
    """Return samples [start, start + count) of a recording (count,), zeros where it has none."""
    before = min(count, max(0, -start))
    sound = cache.read(name, max(0, start), count - before) if start < cache.length(name) else np.zeros(0, np.float32)
    if sound.size == count:
        return sound
    padded = np.zeros(count, dtype=np.float32)
    padded[before : before + sound.size] = sound
    return padded


@dataclass(frozen=True)
class WholeRecording:
    """A recording that is read piece by piece.

    Attributes:
        name: of its file.
        n_samples: length at the run's rate.
        targets: (T,) class of each frame.
    """

    name: str
    n_samples: int
    targets: Numbers
    cache: WaveformCache

    def read(self, start: int, count: int) -> Samples:
        """Return samples [start, start + count), zeros before the beginning and after the end."""
        return read_padded(self.cache, self.name, start, count)
