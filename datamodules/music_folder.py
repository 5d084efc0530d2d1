"""Any folder of music as excerpts of its recordings, without labels: what a generator of spectrograms learns from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from configs.errors import InputError
from configs.gan_spectrogram_schema import MusicFolderData
from datamodules.audio_files import BadClip
from datamodules.clip_source import SPLITS, Clip, Split
from datamodules.excerpts import ExcerptClips, Numbers, Track
from datamodules.file_source import FileSource
from datamodules.labelled_files import audio_below, data_root, file_name
from datamodules.splits import split_validation

FRAME_RATE = 10.0
"""Places per second at which an excerpt may lie."""
_TEST_SEED, _VAL_SEED = 1000, 0


class MusicFolder(FileSource):
    """Excerpts of all recordings below a folder, whatever folders they lie in; an `ExcerptSource` of one class.

    Recordings, not excerpts, are divided into the splits, by their names alone. Training excerpts are `data.step`
    seconds apart; those of validation and test spread evenly over their recordings, at most `data.evaluation_excerpts`
    of each split.

    Raises:
        CommandError: No data root.
        InputError: A folder that cannot be read, or holds fewer than three recordings.
    """

    unlabelled = True

    def __init__(self, config: MusicFolderData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        paths = music_below(config)
        self.frame_rate, self._seconds = FRAME_RATE, float(config.seconds or 0)
        rest = tuple(Clip(name, 0, name) for name in paths)
        rest, test = split_validation(rest, config.test_share, _TEST_SEED)
        train, val = split_validation(rest, config.validation_share, _VAL_SEED)
        self.recordings: Mapping[Split, tuple[Clip, ...]] = {"train": train, "val": val, "test": test}
        super().__init__("music_folder", ("music",), dict.fromkeys(SPLITS, ()), paths)
        self._lengths = {name: self._length(name) for name in paths}
        step = self._seconds if config.step is None else config.step
        self.splits = {split: self._excerpts(split, step, config.evaluation_excerpts) for split in SPLITS}

    def frame_targets(self, recording: str) -> Numbers:
        """Return zeros (T,): nothing is known of a frame."""
        return np.zeros(1 + int(self._lengths[recording] * FRAME_RATE), dtype=np.int64)

    def _length(self, name: str) -> float:
        try:
            return self.seconds(Clip(name, 0, name))
        except BadClip:
            return 0.0  # the cache says what is wrong, as data.on_bad_file asks

    def _excerpts(self, split: Split, step: float, most: int) -> ExcerptClips:
        tracks = []
        for recording in self.recordings[split]:
            half = self._seconds / 2
            centres = np.arange(half, max(half, self._lengths[recording.name] - half) + 1e-9, step)
            frames = np.unique((centres * FRAME_RATE).round().astype(np.int64))
            tracks.append(Track(recording.name, frames, np.zeros(len(frames), dtype=np.int64)))
        total = sum(len(track.frames) for track in tracks)
        if split != "train" and total > most:
            share = most / total
            tracks = [_thinned(track, max(1, int(len(track.frames) * share))) for track in tracks]
        return ExcerptClips(tracks)


def _thinned(track: Track, count: int) -> Track:
    """Return the track with `count` of its excerpts, evenly spread."""
    places = np.linspace(0, len(track.frames) - 1, 2 * count + 1)[1::2].round().astype(np.int64)
    return Track(track.name, track.frames[places], track.targets[places])


def music_below(config: MusicFolderData) -> dict[str, Path]:
    """Return name -> path of all audio files below `data.root`.

    Raises:
        CommandError: No data root.
        InputError: No such folder, or fewer than three recordings in it.
    """
    root = data_root(config, "a folder of music")
    paths = {file_name(root, path.relative_to(root)): path for path in audio_below(root)}
    if len(paths) < 3:
        raise InputError(
            f"data.root={root} holds {len(paths)} recordings (wav, flac, ogg, mp3, ...); three are needed, one each to "
            "train on, validate and test"
        )
    return paths
