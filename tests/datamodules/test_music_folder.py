"""A folder of music: recordings stay in one split, excerpts are where they are said to be, bad folders are named."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.compose import compose
from configs.errors import CommandError, InputError
from configs.gan_spectrogram_schema import MusicFolderData
from configs.schema import AugmentationConfig
from datamodules.audio_datamodule import AudioDataModule
from datamodules.clip_source import SPLITS
from datamodules.excerpts import ExcerptSource
from datamodules.music_folder import MusicFolder

RATE = 2000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of 6 to 17 s whose level is that of their number, and grows by a tenth each second."""
    root = tmp_path_factory.mktemp("music")
    for number in range(12):
        folder = root / ("" if number == 0 else f"artist {number % 3}" if number % 2 else f"artist {number % 3}/album")
        folder.mkdir(exist_ok=True, parents=True)
        time = np.arange((6 + number) * RATE) / RATE
        samples = (0.02 * (number + 1)) * (1 + 0.1 * np.floor(time)) * np.where(np.arange(len(time)) % 2, 1, -1)
        suffix = ("wav", "flac")[number % 2]
        soundfile.write(folder / f"{number:02d} - song.{suffix}", samples, RATE)
    (root / "cover.jpg").write_bytes(b"no audio")
    return root


def data(root, **settings):
    return MusicFolderData(root=str(root), **{"seconds": 2.0} | settings)


def test_recordings_are_divided_and_none_is_lost(root):
    source = MusicFolder(data(root, test_share=0.25, validation_share=0.25), RATE)
    assert isinstance(source, ExcerptSource)
    groups = {split: {clip.group for clip in source.splits[split]} for split in SPLITS}
    assert sum(map(len, groups.values())) == len(set().union(*groups.values())) == 12
    assert min(map(len, groups.values())) >= 2
    again = MusicFolder(data(root, test_share=0.25, validation_share=0.25), RATE)
    assert {split: {clip.group for clip in again.splits[split]} for split in SPLITS} == groups


def test_excerpts_lie_side_by_side_within_their_recording(root):
    source = MusicFolder(data(root), RATE)
    for track in source.splits["train"].tracks:
        seconds = 6 + int(Path(track.name).name[:2])
        assert (track.frames / 10).tolist() == [1 + 2 * n for n in range(seconds // 2)]
    closer = MusicFolder(data(root, step=0.5), RATE)
    assert len(closer.splits["train"]) > 3 * len(source.splits["train"])


def test_the_data_module_reads_the_right_second_of_the_right_song(root, tmp_path):
    config = data(root, cache_dir=str(tmp_path), batch_size=4)
    off = AugmentationConfig(enabled=False)
    module = AudioDataModule(MusicFolder(config, RATE), config, RATE, off, 0, min_samples=64, progress=False)
    module.setup()
    assert module.class_names == ("music",)
    for split in SPLITS:
        for index in range(len(module.dataset(split))):
            clip, batch = module.clip(split, index), module.batch(split, [index])
            song, frame = clip.name.rsplit("@", 1)
            number, start = int(Path(song).name[:2]), int(frame) / 10 - 1
            level = 0.02 * (number + 1) * (1 + 0.1 * start)
            assert batch.waveform.shape == (1, 2 * RATE)
            assert batch.waveform[0, 1:100].abs().mean().item() == pytest.approx(level, rel=0.01)
    first = [batch.index.tolist() for batch in module.train_dataloader()]
    assert len({index for part in first for index in part}) == sum(map(len, first))


def test_evaluation_takes_a_few_excerpts_of_every_recording(root):
    source = MusicFolder(data(root, test_share=0.3, evaluation_excerpts=6), RATE)
    tracks = source.splits["test"].tracks
    assert len(source.splits["test"]) <= 6 or all(len(track.frames) == 1 for track in tracks)
    assert all(len(track.frames) >= 1 for track in tracks)
    middle = [abs(track.frames.mean() / 10 - (6 + int(Path(track.name).name[:2])) / 2) for track in tracks]
    assert max(middle) <= 2


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(CommandError, match=r"data\.root is not set"):
        MusicFolder(MusicFolderData(), RATE)
    with pytest.raises(InputError, match="does not exist"):
        MusicFolder(data(tmp_path / "nowhere"), RATE)
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.wav", np.ones(100), RATE)
    with pytest.raises(InputError, match=r"holds 2 recordings.*three are needed"):
        MusicFolder(data(tmp_path), RATE)
    (tmp_path / "x.m4a").write_bytes(b"?")
    with pytest.raises(InputError, match=r"x\.m4a is in a format that cannot be read"):
        MusicFolder(data(tmp_path), RATE)


def test_a_classifier_is_refused(root):
    with pytest.raises(CommandError, match=r"data\.name=music_folder has no classes.*model\.name=by_design"):
        compose(["data.name=music_folder", f"data.root={root}"])
    with pytest.raises(CommandError, match=r"model\.name=ciwgan"):
        compose(["experiment=words_ciwgan", "data.name=music_folder", f"data.root={root}"])
