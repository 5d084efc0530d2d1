"""The clips on which units and layers are measured: a fixed part of the validation split, the same at every point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from callbacks.listening_clips import SPLIT, chosen_clips, held_classes
from configs.errors import InputError
from datamodules.clip_source import Clip
from interpretability.dissection.probe_set import ProbeBatch

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

BATCH = 32
"""Clips evaluated at once."""


@dataclass(eq=False)
class ProbeClips:
    """Clips of a data module as a probe set (`interpretability.dissection.probe_set.ProbeSet`).

    In a distributed run each process reads the clips `rank`, `rank + world`, ...; names, targets and positions are
    those of the whole set on all of them.

    Attributes:
        datamodule: whose clips they are; they are read as they are, without augmentation.
        indices: of the N clips in the validation split.
        rank, world: number of this process, and of all.
        batch_size: clips in one batch.
        sample_rate: of the waveforms, in Hz.
        names: of all N clips.
    """

    datamodule: "AudioDataModule"
    indices: tuple[int, ...]
    rank: int = 0
    world: int = 1
    batch_size: int = BATCH
    sample_rate: int = field(init=False)
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.sample_rate = self.datamodule.sample_rate
        self.names = tuple(clip.name for clip in self.clips)

    @classmethod
    def choose(
        cls, datamodule: "AudioDataModule", count: int, rank: int = 0, world: int = 1, batch_size: int = BATCH
    ) -> "ProbeClips":
        """Choose at most `count` clips: one of each class in turn, so that rare classes are in it too.

        Raises:
            InputError: No validation clip holds a class.
        """
        indices = chosen_clips(datamodule.dataset(SPLIT).clips, datamodule.n_classes, count)
        if not indices:
            raise InputError("the probe set is empty: no validation clip has a label")
        return cls(datamodule, tuple(indices), rank, world, batch_size)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All N clips: name, target and recording."""
        return tuple(self.datamodule.clip(SPLIT, index) for index in self.indices)

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Names of the classes that each clip holds."""
        names = self.datamodule.class_names
        return tuple(tuple(names[c] for c in held_classes(clip)) for clip in self.clips)

    @property
    def targets(self) -> Tensor:
        """Class numbers (N,) int64, or labels (N, C) float32 of a multi-label data set."""
        return torch.tensor([clip.target for clip in self.clips])

    @property
    def observed(self) -> Tensor | None:
        """Which labels are known, (N, C) bool; None if all are."""
        masks = [clip.observed for clip in self.clips]
        if all(mask is None for mask in masks):
            return None
        return torch.tensor([mask or (True,) * self.datamodule.n_classes for mask in masks])

    @property
    def groups(self) -> tuple[str, ...]:
        """Recording that each clip was cut from."""
        return tuple(clip.group for clip in self.clips)

    @property
    def shard(self) -> range:
        """Positions that this process reads."""
        return range(self.rank, len(self), self.world)

    def whole(self) -> "ProbeClips":
        """Return the same clips, all read by this process."""
        return ProbeClips(self.datamodule, self.indices, batch_size=self.batch_size)

    def batches(self) -> Iterator[ProbeBatch]:
        """Yield the clips of this process, always in the same order, padded to the longest of their batch."""
        shard = self.shard
        for start in range(0, len(shard), self.batch_size):
            yield self.batch(shard[start : start + self.batch_size])

    def batch(self, positions: Sequence[int]) -> ProbeBatch:
        """Return the clips at some positions of the whole set."""
        read = self.datamodule.batch(SPLIT, [self.indices[position] for position in positions])
        return ProbeBatch(read.waveform, read.length, torch.tensor(list(positions), dtype=torch.int64))

    def sound(self, position: int) -> Tensor:
        """Return one clip (N,) without padding."""
        batch = self.batch([position])
        return batch.waveform[0, : int(batch.length[0])]
