"""The Jamendo corpus of singing voice (Ramona, Richard, David 2008): songs with sung and unsung segments."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from configs.errors import InputError
from configs.jamendo_schema import JamendoData
from datamodules.audio_files import BadClip
from datamodules.clip_source import SPLITS, Clip, Split
from datamodules.excerpts import ExcerptClips, Numbers, Track
from datamodules.file_source import FileSource
from datamodules.jamendo_labels import check_length, frame_labels, n_frames, positions, read_lists, read_segments
from datamodules.release_folder import release_folder

CLASS_NAMES = ("no voice", "voice")
PARTS = ("audio", "labels", "filelists/train", "filelists/valid", "filelists/test")
"""What the folder of the corpus holds."""
SIZES: dict[Split, int] = {"train": 61, "val": 16, "test": 16}
"""Songs of the official splits."""


class Jamendo(FileSource):
    """Excerpts around labelled frames, in the official split of songs; an `ExcerptSource`.

    Training excerpts lie within their song; those of validation and test, `data.evaluation_step` frames apart, are
    silent beyond its ends. A name of an excerpt is SONG@FRAME, its group the song.

    Raises:
        CommandError: No data root.
        InputError: A folder, list or label file that cannot be used, named with its line.
    """

    LICENCE = "each song has its own Creative Commons licence, on jamendo.com; labels free for research"
    CITATION = (
        'M. Ramona, G. Richard, B. David, "Vocal Detection in Music with Support Vector Machines", ICASSP 2008, '
        "doi:10.1109/ICASSP.2008.4518002"
    )

    def __init__(self, config: JamendoData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = corpus_folder(config)
        lists = read_lists(root / "filelists")
        paths = {name: root / "audio" / name for split in SPLITS for name, _ in lists[split]}
        _refuse_missing(root, paths)
        self.frame_rate = float(config.frame_rate)
        self.recordings: Mapping[Split, tuple[Clip, ...]] = {
            split: tuple(Clip(name, 0, name) for name, _ in lists[split]) for split in SPLITS
        }
        super().__init__("jamendo", CLASS_NAMES, dict.fromkeys(SPLITS, ()), paths)
        self._labels = {name: self._read_labels(root, name) for name in paths}
        length = (config.seconds or 0) * self.frame_rate
        margin, apart = int(length / 2), config.evaluation_step or max(1, math.ceil(length - 1e-6))
        self.splits = {
            "train": self._excerpts("train", config.train_step, margin),
            "val": self._excerpts("val", apart, 0),
            "test": self._excerpts("test", apart, 0),
        }

    def frame_targets(self, recording: str) -> Numbers:
        """Return 1 for each frame (T,) of a song in which somebody sings, else 0."""
        return self._labels[recording]

    def _read_labels(self, root: Path, name: str) -> Numbers:
        path = label_file(root, name)
        segments = read_segments(path)
        try:
            seconds = self.seconds(Clip(name, 0, name))
        except BadClip:
            return frame_labels((), 0, self.frame_rate)  # the cache says what is wrong, as data.on_bad_file asks
        check_length(path, segments, seconds)
        return frame_labels(segments, n_frames(seconds, self.frame_rate), self.frame_rate)

    def _excerpts(self, split: Split, step: int, margin: int) -> ExcerptClips:
        tracks = []
        for recording in self.recordings[split]:
            labels = self._labels[recording.name]
            frames = positions(labels, step, margin)
            tracks.append(Track(recording.name, frames, labels[frames]))
        return ExcerptClips(tracks)


def label_file(root: Path, name: str) -> Path:
    """Return labels/NAME.lab of a song, whose own name may hold blanks and dots."""
    return root / "labels" / f"{name.rpartition('.')[0] or name}.lab"


def missing_parts(root: Path) -> list[str]:
    """Return which parts of the corpus a folder lacks; single songs are not looked at."""
    return [part for part in PARTS if not (root / part).exists()]


def corpus_folder(config: JamendoData) -> Path:
    """Return the folder of the corpus, fetched first if asked for; errors as `release_folder`."""
    return release_folder(config, "the Jamendo corpus", missing_parts, partial(_fetch, config.url))


def _fetch(url: str, root: Path) -> None:
    from datamodules.jamendo_download import fetch_corpus  # imports this file

    fetch_corpus(url, root)


def check_corpus(root: Path) -> None:
    """Check a copy: all parts, 61 + 16 + 16 songs in the lists, and a recording and labels for each.

    Raises:
        InputError: What differs from the corpus as published.
    """
    if missing := missing_parts(root):
        raise InputError(f"it lacks {', '.join(missing)}")
    lists = read_lists(root / "filelists")
    for split, expected in SIZES.items():
        if len(lists[split]) != expected:
            raise InputError(f"its {split} list names {len(lists[split])} songs where the corpus has {expected}")
    names = [name for split in SPLITS for name, _ in lists[split]]
    _refuse_missing(root, {name: root / "audio" / name for name in names})
    for name in names:
        read_segments(label_file(root, name))


def _refuse_missing(root: Path, paths: Mapping[str, Path]) -> None:
    """Raise InputError where songs or their labels are missing: how many, and the first."""
    for kind, files in (
        ("recordings", list(paths.values())),
        ("label files", [label_file(root, name) for name in paths]),
    ):
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise InputError(
                f"data.root={root} lacks {len(missing)} of {len(files)} {kind} of the songs that filelists/ name, the "
                f"first is {missing[0].relative_to(root)}"
            )
