"""The files of spoken digits: what their names say of digit, speaker and recording."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from configs.errors import InputError
from datamodules.clip_source import Split
from datamodules.fetch_archive import fetch_archive
from datamodules.labelled_files import file_name

Layout = Literal["fsdd", "sc09"]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Names of the digits, as Speech Commands calls its folders."""
URLS: dict[Layout, str] = {
    "fsdd": "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    "sc09": "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
}
"""Addresses of the publishers' archives."""
SPEECH_COMMANDS_SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
"""SHA-256 of Speech Commands, version 0.02, as torchaudio checks it."""
_FSDD = re.compile(r"(\d+)_([^_]+)_(\d+)\.wav")
_SPEECH_COMMANDS = re.compile(r"([^_]+)_nohash_(\d+)\.wav")
LISTS: dict[Split, str] = {"val": "validation_list.txt", "test": "testing_list.txt"}
"""Speech Commands' lists of the clips that are not for training."""
ARCHIVES = ("SpeechCommands/speech_commands_v0.02", "SpeechCommands/speech_commands_v0.01")
"""Folders below the data root into which torchaudio unpacks Speech Commands."""


@dataclass(frozen=True)
class Spoken:
    """One recording of a digit.

    Attributes:
        name: path below the data root, with forward slashes.
        path: the file.
        digit: 0 to 9.
        speaker: name or code of who speaks.
        index: number of the recording, from 0, for this digit and speaker.
        split: the split that a list gives it to; "train" where no list names it.
    """

    name: str
    path: Path
    digit: int
    speaker: str
    index: int
    split: Split = "train"


def read_fsdd(root: Path, n_digits: int) -> list[Spoken]:
    """Read recordings/{digit}_{speaker}_{index}.wav below `root`, or the same files in `root` itself.

    Raises:
        InputError: no such files, or a wav file that is named otherwise.
    """
    folder = root / "recordings" if (root / "recordings").is_dir() else root
    paths = sorted(path for path in folder.glob("*.wav") if not path.name.startswith("."))
    if not paths:
        raise InputError(
            f"data.root={root} has neither recordings/DIGIT_SPEAKER_INDEX.wav (fsdd) nor a folder 'zero' (sc09)"
        )
    found = []
    for path in paths:
        match = _FSDD.fullmatch(path.name)
        if match is None or int(match[1]) >= n_digits:
            raise InputError(f"{path} is not named as fsdd's files are, DIGIT_SPEAKER_INDEX.wav with a digit of 0 to 9")
        name = file_name(root, path.relative_to(root))
        found.append(Spoken(name, path, int(match[1]), match[2], int(match[3])))
    return found


def speech_commands_folder(root: Path) -> Path:
    """Return the folder of words: `root`, or the one that torchaudio unpacks below it."""
    return next((root / inner for inner in ARCHIVES if (root / inner).is_dir()), root)


def fetch(root: Path, layout: Layout, url: str | None = None, sha256: str | None = None) -> None:
    """Download a set into `root`, which must be absent or empty, check it and unpack it; a broken download resumes.

    Args:
        root: the data root.
        layout: which of the sets.
        url: address of its archive; None takes the publisher's.
        sha256: hash that archive must have; None takes the published one of Speech Commands at its own address, and
            checks nothing otherwise.

    Raises:
        InputError: anything of `fetch_archive`, or an archive that is not the set.
    """
    if layout == "sc09" and url is None:
        sha256 = sha256 or SPEECH_COMMANDS_SHA256
    fetch_archive(url or URLS[layout], root, sha256=sha256, check=CHECKS[layout])


def check_fsdd(root: Path) -> None:
    """Check a copy: fifty recordings of each digit by each of at least four speakers.

    Raises:
        InputError: what differs from the set as published.
    """
    counts = Counter((file.digit, file.speaker) for file in read_fsdd(root, 10))
    speakers = sorted({speaker for _, speaker in counts})
    if len(speakers) < 4:
        raise InputError(f"it has {len(speakers)} speakers where the set has at least 4")
    for digit in range(10):
        for speaker in speakers:
            if counts[digit, speaker] != 50:
                found = counts[digit, speaker]
                raise InputError(f"it has {found} recordings of digit {digit} by {speaker} where the set has 50")


def check_speech_commands(root: Path) -> None:
    """Check a copy: every digit's folder, and every file of the digits that the lists name.

    Raises:
        InputError: what differs from the set as published.
    """
    read_speech_commands(root, DIGITS)


def read_speech_commands(root: Path, digits: Sequence[str]) -> list[Spoken]:
    """Read WORD/{speaker}_nohash_{index}.wav for the digits' words, with the split that the lists name.

    Raises:
        InputError: a word or a list that is missing, a wav file that is named otherwise, or a listed file of these
            words that is not there.
    """
    folder = speech_commands_folder(root)
    named = {line: split for split, file in LISTS.items() for line in _lines(folder / file)}
    found = []
    for digit, word in enumerate(digits):
        paths = sorted(path for path in (folder / word).glob("*.wav") if not path.name.startswith("."))
        if not paths:
            raise InputError(f"{folder / word} holds no wav file; Speech Commands has a folder for each of {digits[0]}"
                             f" to {digits[-1]}")  # fmt: skip
        for path in paths:
            match = _SPEECH_COMMANDS.fullmatch(path.name)
            if match is None:
                raise InputError(f"{path} is not named as Speech Commands' files are, SPEAKER_nohash_INDEX.wav")
            split = named.pop(f"{word}/{path.name}", "train")
            name = file_name(root, path.relative_to(root))
            found.append(Spoken(name, path, digit, match[1], int(match[2]), split))
    if absent := [line for line in named if line.partition("/")[0] in digits]:
        raise InputError(f"{folder}: {min(absent)} is in {LISTS[named[min(absent)]]} and not in its folder "
                         f"({len(absent)} such): the data set is not whole")  # fmt: skip
    return found


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); it holds a part of Speech Commands' split"
        ) from None


CHECKS: dict[Layout, Callable[[Path], None]] = {"fsdd": check_fsdd, "sc09": check_speech_commands}
"""Of each set, the function that raises InputError where a folder is not all of it."""
