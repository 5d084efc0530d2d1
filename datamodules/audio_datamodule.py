"""The data of a run: opens the cache, applies the bad-file policy and serves repeatable batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from configs.data_schema import AugmentationConfig, DataConfig
from configs.errors import InputError
from datamodules.batch import Batch
from datamodules.cache_writer import build_or_open
from datamodules.clip_dataset import ClipDataset, collate
from datamodules.clip_source import SPLITS, Clip, ClipSource, Split
from datamodules.excerpts import ExcerptCache, ExcerptClips, ExcerptSource, WholeRecording
from datamodules.sampling import EpochSampler, EvaluationSampler
from datamodules.split_checks import apply_bad_file_policy, check_batch_size, check_splits, too_short
from datamodules.splits import permute_labels
from datamodules.waveform_cache import WaveformCache


class AudioDataModule(pl.LightningDataModule):
    """Clips of a data set at the run's sample rate, with or without a Trainer.

    The Trainer must not replace the samplers (`use_distributed_sampler=False`): they know the ranks themselves.

    Attributes:
        class_names: names of the C classes.
        n_classes: C.
        multi_label: whether a clip may carry several classes.
        skipped: name -> reason of the clips left out under `data.on_bad_file=skip`; filled by `setup`.
    """

    def __init__(
        self,
        source: ClipSource,
        config: DataConfig,
        sample_rate: int,
        augmentation: AugmentationConfig,
        seed: int,
        *,
        min_samples: int = 1024,
        progress: bool = True,
    ) -> None:
        """Take a data set; nothing is read before `prepare_data` or `setup`.

        Args:
            source: the data set.
            config: clip length, batch size, workers, cache folder, bad-file policy.
            sample_rate: of the run, in Hz.
            augmentation: what training does to clips.
            seed: seed of the run; order and augmentation follow from it.
            min_samples: shorter clips are bad: one frame of the front end (its n_fft).
            progress: show a progress bar while the cache is written.

        Raises:
            InputError: fewer than two classes, or clips shorter than one frame.
        """
        super().__init__()
        self.source, self.config, self.sample_rate = source, config, sample_rate
        self.augmentation, self.seed, self.min_samples, self.progress = augmentation, seed, min_samples, progress
        self.class_names, self.multi_label = source.class_names, source.multi_label
        self.n_classes = len(self.class_names)
        self.n_samples = None if config.seconds is None else round(config.seconds * sample_rate)
        self.skipped: dict[str, str] = {}
        self._cache: WaveformCache | None = None
        self._datasets: dict[Split, ClipDataset] = {}
        if self.n_classes < 2 and not getattr(source, "unlabelled", False):
            raise InputError(
                f"data set {source.name} has one class only ({', '.join(self.class_names)}); two are needed"
            )
        if self.n_samples is not None and self.n_samples < min_samples:
            raise InputError(
                f"data.seconds={config.seconds} is shorter than one analysis frame of {min_samples} samples"
            )

    def prepare_data(self) -> None:
        """Write the cache if there is none (Lightning calls this on one process only)."""
        self._build_or_open()

    def setup(self, stage: str | None = None) -> None:
        """Open the cache, drop or refuse bad clips, and check that the splits can be trained on.

        Raises:
            InputError: bad clips under `data.on_bad_file=error`; too few clips; a class without training clips.
        """
        if self._datasets:
            return
        cache = self._build_or_open()
        bad = {**cache.bad, **too_short(cache.lengths, self.min_samples)}
        apply_bad_file_policy(bad, len(self._stored()), self.config.on_bad_file)
        kept = {split: usable(self.source.splits[split], bad) for split in SPLITS}
        if self.config.permuted_labels:
            kept |= {split: permute_labels(kept[split], self.seed) for split in ("train", "val")}
        check_splits(self.source.name, kept, self.class_names, self.config.batch_size)
        self.skipped, self._cache = bad, cache
        sounds: WaveformCache | ExcerptCache = cache
        if isinstance(self.source, ExcerptSource) and self.n_samples is not None:
            sounds = ExcerptCache(cache, self.source.frame_rate, self.n_samples)
        self._datasets = {
            split: ClipDataset(self.source, clips, sounds, self.n_classes, self.n_samples, self.augmentation, self.seed)
            for split, clips in kept.items()
        }

    def dataset(self, split: Split) -> ClipDataset:
        """Return a split: `[index]` gives clips as they are, `[epoch, index]` as trained on."""
        self.setup()
        return self._datasets[split]

    def clip(self, split: Split, index: int) -> Clip:
        """Return name, target and recording of a clip by its `Batch.index`."""
        return self.dataset(split).clips[index]

    def batch(self, split: Split, indices: Sequence[int], stems: bool = False) -> Batch:
        """Return chosen clips as they are (no augmentation), with their clean sources if asked for.

        Raises:
            InputError: stems were asked for and the data set has none.
        """
        dataset = self.dataset(split)
        return collate([dataset.sample(int(index), stems) for index in indices], self.n_samples)

    def whole_recordings(self, split: Split) -> Iterator[WholeRecording]:
        """Yield the recordings of a split whose clips are excerpts; nothing of a data set of whole clips."""
        self.setup()
        if not isinstance(self.source, ExcerptSource) or self._cache is None:
            return
        for clip in self.source.recordings[split]:
            if clip.name not in self.skipped:
                n_samples, targets = self._cache.length(clip.name), self.source.frame_targets(clip.name)
                yield WholeRecording(clip.name, n_samples, targets, self._cache)

    def train_dataloader(self) -> DataLoader[Any]:
        """Serve the training split, shuffled and augmented by epoch; the last, smaller batch is left out."""
        dataset, (rank, world) = self.dataset("train"), self._rank_and_world()
        check_batch_size(len(dataset), self.config.batch_size, world)
        sampler = EpochSampler(len(dataset), self.seed, self._epoch, rank, world, self.config.passes)
        return self._loader(dataset, sampler, drop_last=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Serve the validation split in order."""
        return self._evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[Any]:
        """Serve the test split in order.

        Raises:
            InputError: there are no test clips.
        """
        if len(self.dataset("test")) == 0:
            raise InputError(f"data set {self.source.name} has no test clips")
        return self._evaluation_loader("test")

    def describe(self) -> dict[str, int | float | str | None]:
        """Return what a summary needs: clips per split, seconds, classes, clips skipped, the cache and its size."""
        self.setup()
        assert self._cache is not None  # noqa: S101 (setup opened it)
        return {
            **{split: len(self._datasets[split]) for split in SPLITS},
            "seconds": self.config.seconds,
            "classes": self.n_classes,
            "skipped": len(self.skipped),
            "cache": str(self._cache.folder),
            "cache_bytes": self._cache.nbytes,
        }

    def _build_or_open(self) -> WaveformCache:
        root = Path(self.config.cache_dir)
        return build_or_open(self.source, self._stored(), self.sample_rate, root, self.progress)

    def _stored(self) -> list[Clip]:
        """Return what is decoded and cached: the clips, or the recordings that they are excerpts of."""
        stored = self.source.recordings if isinstance(self.source, ExcerptSource) else self.source.splits
        return [clip for split in SPLITS for clip in stored[split]]

    def _evaluation_loader(self, split: Split) -> DataLoader[Any]:
        dataset, (rank, world) = self.dataset(split), self._rank_and_world()
        return self._loader(dataset, EvaluationSampler(len(dataset), rank, world), drop_last=False)

    def _loader(
        self, dataset: ClipDataset, sampler: EpochSampler | EvaluationSampler, drop_last: bool
    ) -> DataLoader[Any]:
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return DataLoader(
            dataset,
            batch_size=self.config.batch_size,
            sampler=sampler,
            num_workers=self.config.num_workers,
            collate_fn=partial(collate, n_samples=self.n_samples),
            drop_last=drop_last,
            pin_memory=on_gpu,
            persistent_workers=self.config.num_workers > 0,
            # Its own generator: a loader draws a seed for its workers from the global stream otherwise, at moments that
            # differ between a resumed and an uninterrupted run.
            generator=torch.Generator().manual_seed(self.seed),
        )

    def _epoch(self) -> int:
        if self.trainer is None:
            return 0
        current: Any = self.trainer.fit_loop.epoch_progress.current  # its annotation hides `processed`
        return int(current.processed)

    def _rank_and_world(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)


def usable(clips: Sequence[Clip], bad: Collection[str]) -> Sequence[Clip]:
    """Return the clips that are not `bad`, by name, and are not excerpts of a recording that is."""
    if isinstance(clips, ExcerptClips):
        return clips.without(bad) if bad else clips
    return tuple(clip for clip in clips if clip.name not in bad)
