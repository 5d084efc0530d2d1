"""Spoken digits: the Free Spoken Digit Dataset and the digits of Speech Commands (SC09), as they are published."""

from pathlib import Path

import numpy as np

from configs.errors import CommandError, InputError
from configs.gan_schema import DigitsData
from datamodules.clip_source import Clip, Samples
from datamodules.digits_files import (
    DIGITS,
    Layout,
    fetch,
    read_fsdd,
    read_speech_commands,
    speech_commands_folder,
)
from datamodules.digits_splits import by_list, by_speaker, official
from datamodules.file_source import FileSource

TERMS: dict[Layout, tuple[str, str]] = {
    "fsdd": ("CC BY-SA 4.0", 'Z. Jackson et al., "Free Spoken Digit Dataset", doi:10.5281/zenodo.1342401'),
    "sc09": (
        "CC BY 4.0",
        'P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209',
    ),
}
"""Licence and citation of each set."""
_SPLIT_SEED = 5


class Digits(FileSource):
    """Recordings of single digits; a clip that is longer than `data.seconds` keeps its beginning.

    Of fsdd whole speakers are held out for validation and test, or, with `data.split=official`, the recordings 0 to 4
    of each digit and speaker are the test, and a share of the others the validation. Speech Commands' published lists
    hold speakers out by themselves. `Clip.group` is what is held out: the speaker, or with the official split of fsdd
    the recording.

    Raises:
        CommandError: no data root.
        InputError: a folder that cannot be used, a file that is named otherwise, speakers that do not exist, a digit
            without training clips.
    """

    def __init__(self, config: DigitsData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        self._seconds, self._padded = config.seconds, config.padded
        root = _root(config)
        layout = _layout(root) if config.layout == "auto" else config.layout
        self.LICENCE, self.CITATION = TERMS[layout]
        if layout == "sc09":
            files = read_speech_commands(root, DIGITS)
            splits = by_list(files)
        else:
            files = read_fsdd(root, len(DIGITS))
            if config.split == "official":
                splits = official(files, config.validation_share, _SPLIT_SEED)
            else:
                splits = by_speaker(files, config.val_speakers, config.test_speakers)
        for number, digit in enumerate(DIGITS):
            if not any(clip.target == number for clip in splits["train"]):
                raise InputError(f"data.root={root}: the digit {digit} has no training clips")
        super().__init__("digits", DIGITS, splits, {file.name: file.path for file in files})
        self._speakers = {file.name: file.speaker for file in files}

    def speaker(self, clip: Clip) -> str:
        """Return who speaks: a name (fsdd) or an anonymous code (sc09)."""
        return self._speakers[clip.name]

    def seconds(self, clip: Clip) -> float:
        """Return the length in seconds of what `read` gives, from the header; raises BadClip as `FileSource` does."""
        whole = super().seconds(clip)
        if self._seconds is None:
            return whole
        return self._seconds if self._padded else min(whole, self._seconds)

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the clip's beginning (N,) and its rate in Hz; raises BadClip where it cannot be used."""
        samples, rate = super().read(clip)
        if self._seconds is None:
            return samples, rate
        n = round(self._seconds * rate)
        missing = n - len(samples) if self._padded else 0
        return np.pad(samples[:n], (0, max(0, missing))), rate

    def content_key(self, clip: Clip) -> str:
        """Return a key of the file and of what is kept of it; raises BadClip where the file is not readable."""
        return f"{super().content_key(clip)} {self._seconds} {self._padded}"


def _root(config: DigitsData) -> Path:
    if config.root is None:
        raise CommandError("data.root is not set; give the folder of fsdd or of Speech Commands")
    root = Path(config.root).expanduser()
    if config.download and config.layout != "auto" and not (root.is_dir() and any(root.iterdir())):
        fetch(root, config.layout, config.url, config.archive_sha256)
    if not root.is_dir():
        raise InputError(f"data.root={root} {'is a file' if root.exists() else 'does not exist'}; expected a folder")
    return root


def _layout(root: Path) -> Layout:
    return "sc09" if (speech_commands_folder(root) / DIGITS[0]).is_dir() else "fsdd"
