"""A data set held in memory, for tests of whatever reads data sets, and folders of recordings with their tables."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.data_schema import AudioFolderData, AugmentationConfig, DataConfig
from configs.errors import InputError
from datamodules.audio_datamodule import AudioDataModule
from datamodules.audio_files import BadClip
from datamodules.audio_folder import AudioFolder
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


@pytest.fixture
def sound():
    """Write 80 samples of one level at 8 kHz, with the folders above them."""

    def write(path: Path, level: float = 0.1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(80, level), 8000)
        return path

    return write


@pytest.fixture
def table(sound):
    """Write table.csv under a root, with the sounds it names, and return the settings that read them."""

    def write_table(root: Path, columns: str, rows: Iterable[tuple[str, ...]], write: bool = True) -> AudioFolderData:
        rows = list(rows)
        root.mkdir(parents=True, exist_ok=True)
        with (root / "table.csv").open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([columns.split(","), *rows])
        for path, *_ in rows if write else ():
            sound(root / path)
        return AudioFolderData(root=str(root), table="table.csv")

    return write_table


@pytest.fixture
def names():
    """Names of clips, as a set."""

    def of(clips: tuple[Clip, ...]) -> set[str]:
        return {clip.name for clip in clips}

    return of


@pytest.fixture
def load():
    """Read an audio folder for a model at 22,050 Hz."""

    def read(config: AudioFolderData) -> AudioFolder:
        return AudioFolder(config, 22050)

    return read


@pytest.fixture
def refused(load):
    """Check that an audio folder is refused in one line that holds the message."""

    def check(config: AudioFolderData, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            load(config)
        assert "\n" not in str(caught.value)

    return check
