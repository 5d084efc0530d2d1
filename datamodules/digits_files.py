"""The files of spoken digits: what their names say of digit, speaker and recording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.errors import InputError
from datamodules.clip_source import Split
from datamodules.labelled_files import file_name

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


def fetch_speech_commands(root: Path) -> None:
    """Let torchaudio download Speech Commands, version 0.02, into `root`, check it by its hash and unpack it.

    Raises:
        InputError: no connection, too little disk, or an archive that is not the published one.
    """
    from torchaudio.datasets import SPEECHCOMMANDS  # here, as only a download needs it

    try:
        root.mkdir(parents=True, exist_ok=True)
        SPEECHCOMMANDS(root, url="speech_commands_v0.02", download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f"Speech Commands cannot be downloaded to {root}: {' '.join(str(error).split())}") from error


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
