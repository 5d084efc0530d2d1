"""One split as a dataset: clips cut from the cache, with augmentation where the key names an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from configs.data_schema import AugmentationConfig
from configs.errors import InputError
from datamodules.augmentation import LabelledSound, augment
from datamodules.batch import Batch, clip_generator
from datamodules.clip_source import Clip, ClipSource, Samples
from datamodules.excerpts import ExcerptCache
from datamodules.waveform_cache import WaveformCache


@dataclass(frozen=True)
class Sample:
    """One clip on its way into a batch.

    Attributes:
        waveform: (n,) float32 without padding.
        target: class number, or (C,) float32.
        index: position in the split.
        observed: (C,) bool or None.
        stems: (S, n) float32 or None.
    """

    waveform: Samples
    target: int | Samples
    index: int
    observed: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    stems: Samples | None = None


@dataclass(frozen=True)
class ClipDataset(Dataset[Sample]):
    """The clips of one split.

    `dataset[index]` is the clip as it is, cut to the middle `n_samples` if it is longer. `dataset[epoch, index]` is the
    clip for training: cut at a random place and augmented, as a function of (seed, epoch, index) only.

    Attributes:
        source: the data set, asked for stems only.
        clips: the split, by index.
        cache: holds all of them, or the recordings that they are excerpts of.
        n_classes: C.
        n_samples: fixed clip length, reached by cutting or (in `collate`) padding; None keeps each clip whole.
        augmentation: what training does to clips.
        seed: seed of the run.
    """

    source: ClipSource
    clips: Sequence[Clip]
    cache: WaveformCache | ExcerptCache
    n_classes: int
    n_samples: int | None
    augmentation: AugmentationConfig
    seed: int

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        return self.training_sample(*key) if isinstance(key, tuple) else self.sample(key)

    def sample(self, index: int, stems: bool = False) -> Sample:
        """Return a clip as it is, with its clean sources if asked for.

        Raises:
            InputError: stems were asked for and the data set has none.
        """
        clip = self.clips[index]
        start, count = self._middle(clip)
        target = clip.target if isinstance(clip.target, int) else np.asarray(clip.target, dtype=np.float32)
        observed = None if clip.observed is None else np.asarray(clip.observed, dtype=bool)
        waveform = self.cache.read(clip.name, start, count)
        parts = self._stems(clip)[:, start : start + waveform.size] if stems else None
        return Sample(waveform, target, index, observed, parts)

    def training_sample(self, epoch: int, index: int) -> Sample:
        """Return a clip as the given epoch trains on it."""
        generator = clip_generator(self.seed, epoch, index)
        sound = self._random_cut(index, generator)
        multi_label = not isinstance(self.clips[index].target, int)
        if self.augmentation.enabled:
            sound = augment(sound, self._draw_partner, self.augmentation, multi_label, generator)
        target: int | Samples = sound.target
        if not multi_label and not (self.augmentation.enabled and self.augmentation.mixup > 0):
            target = int(sound.target.argmax())  # no clip of the epoch can be mixed: plain class numbers
        return Sample(sound.waveform, target, index, sound.observed)

    def _draw_partner(self, generator: np.random.Generator) -> LabelledSound:
        return self._random_cut(int(generator.integers(len(self.clips))), generator)

    def _random_cut(self, index: int, generator: np.random.Generator) -> LabelledSound:
        clip = self.clips[index]
        spare = 0 if self.n_samples is None else max(0, self.cache.length(clip.name) - self.n_samples)
        start = int(generator.integers(spare + 1)) if spare else 0
        if isinstance(clip.target, int):
            target = np.zeros(self.n_classes, dtype=np.float32)
            target[clip.target] = 1.0
        else:
            target = np.asarray(clip.target, dtype=np.float32)
        observed = None if clip.observed is None else np.asarray(clip.observed, dtype=bool)
        return LabelledSound(self.cache.read(clip.name, start, self.n_samples), target, observed)

    def _middle(self, clip: Clip) -> tuple[int, int | None]:
        if self.n_samples is None:
            return 0, None
        return max(0, self.cache.length(clip.name) - self.n_samples) // 2, self.n_samples

    def _stems(self, clip: Clip) -> Samples:
        stems = self.source.stems(clip)
        if stems is None:
            raise InputError(f"data set {self.source.name} has no clean sources (stems): only sound_scenes knows them")
        return stems


def collate(samples: Sequence[Sample], n_samples: int | None) -> Batch:
    """Stack B samples, padded with zeros at the end to `n_samples`, or to the longest of them for None."""
    lengths = [sample.waveform.size for sample in samples]
    width = n_samples or max(lengths)
    waveform = np.zeros((len(samples), width), dtype=np.float32)
    for row, sample in zip(waveform, samples, strict=True):
        row[: sample.waveform.size] = sample.waveform
    targets = [sample.target for sample in samples]
    return Batch(
        waveform=torch.from_numpy(waveform),
        length=torch.tensor(lengths, dtype=torch.int64),
        target=torch.from_numpy(np.stack([np.asarray(t, np.int64 if isinstance(t, int) else None) for t in targets])),
        index=torch.tensor([sample.index for sample in samples], dtype=torch.int64),
        observed=_stack_observed(samples),
        stems=_stack_stems(samples, width),
    )


def _stack_observed(samples: Sequence[Sample]) -> torch.Tensor | None:
    if all(sample.observed is None for sample in samples):
        return None
    rows = [np.ones(np.size(s.target), dtype=bool) if s.observed is None else s.observed for s in samples]
    return torch.from_numpy(np.stack(rows))


def _stack_stems(samples: Sequence[Sample], width: int) -> torch.Tensor | None:
    stems = [sample.stems for sample in samples if sample.stems is not None]
    if len(stems) < len(samples):
        return None
    stacked = np.zeros((len(stems), stems[0].shape[0], width), dtype=np.float32)
    for place, parts in zip(stacked, stems, strict=True):
        place[:, : parts.shape[1]] = parts
    return torch.from_numpy(stacked)
