"""A data set held in memory, for tests of whatever reads data sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from configs.data_schema import AugmentationConfig, DataConfig
from datamodules.audio_datamodule import AudioDataModule
from datamodules.audio_files import BadClip
from datamodules.clip_source import Clip, Samples, Split

RATE = 8000


@dataclass
class ArraySource:
    """Clips given as arrays; those given as text are bad for that reason. Counts what is read."""

    arrays: dict[str, Samples | str]
    splits: Mapping[Split, tuple[Clip, ...]]
    class_names: tuple[str, ...] = ("low", "high")
    multi_label: bool = False
    name: str = "arrays"
    rate: int = RATE
    clean: dict[str, Samples] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def seconds(self, clip: Clip) -> float:
        array = self.arrays[clip.name]
        if isinstance(array, str):
            raise BadClip(clip.name, array)
        return array.size / self.rate

    def read(self, clip: Clip) -> tuple[Samples, int]:
        self.reads.append(clip.name)
        array = self.arrays[clip.name]
        if isinstance(array, str):
            raise BadClip(clip.name, array)
        return array, self.rate

    def content_key(self, clip: Clip) -> str:
        array = self.arrays[clip.name]
        return f"{self.rate} {array if isinstance(array, str) else hash(array.tobytes())}"

    def stems(self, clip: Clip) -> Samples | None:
        return self.clean.get(clip.name)


def noise_source(n_train: int = 12, n_val: int = 4, n_test: int = 5, n_samples: int = 2000) -> ArraySource:
    """White noise of two classes in turn, every clip of its own length and level."""
    generator = np.random.default_rng(0)
    arrays: dict[str, Samples | str] = {}
    splits: dict[Split, tuple[Clip, ...]] = {}
    for split, count in (("train", n_train), ("val", n_val), ("test", n_test)):
        clips = [Clip(f"{split}{i:03d}", i % 2, f"{split}{i}") for i in range(count)]
        for clip in clips:
            length = n_samples + int(generator.integers(-200, 200))
            level = float(generator.uniform(0.01, 3.0))
            arrays[clip.name] = (level * generator.uniform(-1, 1, length)).astype(np.float32)
        splits[split] = tuple(clips)  # type: ignore[index]
    return ArraySource(arrays, splits)


@pytest.fixture
def source() -> ArraySource:
    """A small data set of noise at 8 kHz with clips of about 2000 samples."""
    return noise_source()


@pytest.fixture
def make_datamodule(tmp_path: Path):
    """Build a data module over a source with a cache of its own; keywords change the data configuration."""

    def make(
        source: ArraySource, augmentation: AugmentationConfig | None = None, seed: int = 0, **settings: object
    ) -> AudioDataModule:
        defaults: dict[str, object] = {"seconds": 0.25, "batch_size": 4, "cache_dir": str(tmp_path / "cache")}
        config = DataConfig(name=source.name, **{**defaults, **settings})  # type: ignore[arg-type]
        changes = augmentation or AugmentationConfig()
        return AudioDataModule(source, config, RATE, changes, seed, min_samples=256, progress=False)

    return make
