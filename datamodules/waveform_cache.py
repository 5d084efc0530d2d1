"""Decode and resample every clip once; afterwards read it from one memory-mapped int16 file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.clip_source import Samples

FORMAT_VERSION = 1
SAMPLES_FILE = "samples.int16"
INDEX_FILE = "index.json"
_FULL_SCALE = 32767


def quantise(samples: Samples) -> tuple[np.ndarray[Any, np.dtype[np.int16]], float]:
    """Return int16 samples (N,) and the scale that turns them back: stored * scale equals samples to half a step.

    The scale follows the clip's own peak, so that peaks above 1 do not clip and quiet clips keep their resolution.
    """
    scale = float(np.float32(np.abs(samples).max(initial=0.0) / _FULL_SCALE)) or 1.0
    return np.rint(np.clip(samples.astype(np.float64) / scale, -_FULL_SCALE, _FULL_SCALE)).astype("<i2"), scale


@dataclass(frozen=True)
class CacheIndex:
    """Where each clip lies in the samples file, as plain data.

    Attributes:
        sample_rate: of all clips, in Hz.
        names: the clips, in file order.
        offsets: first sample of each clip.
        lengths: number of samples of each clip, its true length.
        scales: value of one int16 step of each clip.
        bad: name -> what is wrong, for clips that could not be stored.
    """

    sample_rate: int
    names: list[str]
    offsets: list[int]
    lengths: list[int]
    scales: list[float]
    bad: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write the index into a cache folder."""
        with (folder / INDEX_FILE).open("w") as file:
            json.dump({"version": FORMAT_VERSION, **vars(self)}, file)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, folder: Path) -> CacheIndex:
        """Read the index of a cache folder; ValueError, KeyError, TypeError or OSError where it is not whole."""
        data = json.loads((folder / INDEX_FILE).read_text())
        if data.pop("version") != FORMAT_VERSION:
            raise ValueError("another format version")
        return cls(**data)


class WaveformCache:
    """Clips of one data set at one sample rate, read without decoding.

    Attributes:
        folder: where it lies.
        sample_rate: of all clips, in Hz.
        bad: name -> what is wrong, for clips that are not in it.
        nbytes: size of the samples on disk.
    """

    def __init__(self, folder: Path) -> None:
        index = CacheIndex.load(folder)
        self.folder, self.sample_rate, self.bad = folder, index.sample_rate, index.bad
        self.nbytes = 2 * sum(index.lengths)
        if (folder / SAMPLES_FILE).stat().st_size != self.nbytes:
            raise ValueError(f"{folder / SAMPLES_FILE} is not of the size its index tells")
        self._where = {
            name: (offset, length, np.float32(scale))
            for name, offset, length, scale in zip(index.names, index.offsets, index.lengths, index.scales, strict=True)
        }
        self._samples: np.memmap[Any, np.dtype[np.int16]] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._where

    @property
    def lengths(self) -> dict[str, int]:
        """True number of samples of every clip, by name."""
        return {name: length for name, (_, length, _) in self._where.items()}

    def length(self, name: str) -> int:
        """Return a clip's true number of samples."""
        return self._where[name][1]

    def read(self, name: str, start: int = 0, count: int | None = None) -> Samples:
        """Return samples [start, start + count) of a clip as float32, fewer at its end; all of it by default."""
        offset, length, scale = self._where[name]
        stop = length if count is None else min(length, start + count)
        if self._samples is None:  # opened by each process for itself
            self._samples = np.memmap(self.folder / SAMPLES_FILE, dtype="<i2", mode="r")
        return np.multiply(self._samples[offset + start : offset + stop], scale, dtype=np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": None}


def open_cache(folder: Path, names: Sequence[str]) -> WaveformCache | None:
    """Open a finished cache that knows all the clips; None where it is missing, damaged or of another kind."""
    try:
        cache = WaveformCache(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cache if all(name in cache or name in cache.bad for name in names) else None
