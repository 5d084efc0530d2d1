"""An epoch from the cache against one that decodes each clip again, on ESC-10, interleaved in one script.

Run it with `python -m pytest -m slow -s tests/datamodules/test_cache_speed.py`; it prints its figures.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from configs.data_schema import AugmentationConfig, Esc50Data
from datamodules.audio_datamodule import AudioDataModule
from datamodules.audio_files import resample
from datamodules.clip_source import Clip, ClipSource, Samples
from datamodules.esc50 import Esc50

RATE, ROUNDS = 22050, 3


@dataclass
class DecodedEachTime:
    """Stands in for the cache: the same clips, read, decoded and resampled whenever they are asked for."""

    source: ClipSource
    clips: dict[str, Clip]
    lengths: Callable[[str], int]

    def length(self, name: str) -> int:
        return self.lengths(name)  # known beforehand: only samples cost anything here

    def read(self, name: str, start: int = 0, count: int | None = None) -> Samples:
        samples, rate = self.source.read(self.clips[name])
        samples = resample(samples, rate, RATE)
        return samples[start : None if count is None else start + count]


def seconds_of_an_epoch(datamodule: AudioDataModule) -> float:
    start = time.perf_counter()
    for batch in datamodule.train_dataloader():
        assert batch.waveform.shape == (32, 5 * RATE)
    return time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    "changes",
    [AugmentationConfig(enabled=False), AugmentationConfig()],
    ids=["reading alone", "with augmentation"],
)
def test_an_epoch_from_the_cache_is_many_times_faster(shared_data: Path, tmp_path: Path, changes: AugmentationConfig):
    config = Esc50Data(root=str(shared_data / "ESC-10"), subset="esc10", cache_dir=str(tmp_path))
    source = Esc50(config, RATE)
    cached, decoding = (AudioDataModule(source, config, RATE, changes, 0, progress=False) for _ in range(2))
    cached.setup()
    cache = cached.dataset("train").cache
    again = DecodedEachTime(source, {c.name: c for c in cached.dataset("train").clips}, cache.length)
    decoding._datasets = {"train": replace(cached.dataset("train"), cache=again)}  # type: ignore[type-var]
    for first, second in zip(cached.train_dataloader(), decoding.train_dataloader(), strict=True):  # and warms up both
        torch.testing.assert_close(first.waveform, second.waveform, atol=1 / 32767, rtol=0)
    times = [(seconds_of_an_epoch(cached), seconds_of_an_epoch(decoding)) for _ in range(ROUNDS)]
    fast, slow = (min(column) for column in zip(*times, strict=True))
    megabytes = cached.describe()["cache_bytes"] / 1e6  # type: ignore[operator]
    print(
        f"\n256 clips: cache {fast:.3f} s, decoding {slow:.2f} s, ratio of minima {slow / fast:.0f} "
        f"(rounds {', '.join(f'{b / a:.0f}' for a, b in times)}); {megabytes:.1f} MB on disk"
    )
    assert slow / fast >= 20
