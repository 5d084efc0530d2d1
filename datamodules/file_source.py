"""What every dataset of audio files shares: how a clip's file is read, sized and recognised in the cache."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from datamodules.audio_files import BadClip, header_seconds, read_audio
from datamodules.clip_source import Clip, Samples, Split

_HEAD = 4096  # bytes of a file that go into its key: header and first samples


class FileSource:
    """A ClipSource over audio files; a dataset extends it and hands in its clips. Its terms and citation are printed.

    Attributes:
        name: short name in lower case.
        class_names: names of the C classes in the order of the targets.
        multi_label: whether targets are tuples with one number per class.
        splits: the clips of "train", "val" and "test".
        LICENCE: terms of the recordings in one line, empty where they are the user's own.
        CITATION: whom to cite, in one line, or empty.
    """

    LICENCE: str = ""
    CITATION: str = ""

    def __init__(
        self,
        name: str,
        class_names: tuple[str, ...],
        splits: Mapping[Split, Sequence[Clip]],
        paths: Mapping[str, Path],
        multi_label: bool = False,
    ) -> None:
        self.name = name
        self.class_names = class_names
        self.multi_label = multi_label
        self.splits: Mapping[Split, Sequence[Clip]] = dict(splits)
        self._paths = dict(paths)
        if self.CITATION and os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"{name}: {self.LICENCE}. Please cite {self.CITATION}", file=sys.stderr)

    def path(self, clip: Clip) -> Path:
        """Return the file of a clip of this dataset."""
        return self._paths[clip.name]

    def seconds(self, clip: Clip) -> float:
        """Return the clip's length in seconds from its header; raises BadClip where that cannot be read."""
        return header_seconds(self.path(clip), clip.name)

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the whole clip, mono (N,) float32, and its rate in Hz; raises BadClip where it cannot be used."""
        return read_audio(self.path(clip), clip.name)

    def content_key(self, clip: Clip) -> str:
        """Return a hash of the file's size, time of change and first bytes; raises BadClip where it is not readable."""
        path = self.path(clip)
        try:
            about = path.stat()
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError as error:
            raise BadClip(clip.name, f"unreadable ({error.strerror or error})") from None
        return hashlib.sha256(f"{about.st_size} {about.st_mtime_ns} ".encode() + head).hexdigest()

    def stems(self, clip: Clip) -> Samples | None:
        """Return None: recordings come without their clean sources."""
        return None
