"""What a data set is to the rest of the program: lists of clips per split, and a way to read each one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One labelled clip of a data set.

    Attributes:
        name: stable and unique within the data set over all splits, such as the path in the table.
        target: class number, or one number in [0, 1] per class for multi-label data.
        group: the recording it was cut from; clips of one group never stand on both sides of a split.
        observed: which labels are known (multi-label only); None when all are.
    """

    name: str
    target: int | tuple[float, ...]
    group: str
    observed: tuple[bool, ...] | None = None


@runtime_checkable
class ClipSource(Protocol):
    """A data set. The target of a registered dataset component is a callable `(config, sample_rate) -> ClipSource`.

    A source must be picklable (DataLoader workers), and `read` safe to call from several threads at once. Building one
    reads tables, not audio; what is wrong with a table or a root folder raises InputError there.
    """

    @property
    def name(self) -> str:
        """Short name in lower case; the cache folder starts with it."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the C classes, in the order of the targets."""
        ...

    @property
    def multi_label(self) -> bool:
        """Whether a clip may carry several classes (targets are tuples then)."""
        ...

    @property
    def splits(self) -> Mapping[Split, Sequence[Clip]]:
        """The clips of "train", "val" and "test", all three present."""
        ...

    def seconds(self, clip: Clip) -> float:
        """Return the clip's length in seconds without decoding it (from the header; used to foresee the cache size).

        Raises:
            BadClip (datamodules.audio_files): the header cannot be read.
        """
        ...

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the whole clip, mono (N,) float32, and its own sample rate in Hz.

        Raises:
            BadClip (datamodules.audio_files): the clip cannot be used; says why.
        """
        ...

    def content_key(self, clip: Clip) -> str:
        """Return a key that changes when the audio does: file size, time and head, or the generator's settings."""
        ...

    def stems(self, clip: Clip) -> Samples | None:
        """Return the clean sources (S, N) that add up to the clip, at the run's sample rate, S equal for all clips.

        None where the data set has no such ground truth.
        """
        ...
