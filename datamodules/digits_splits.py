"""Training, validation and test of spoken digits: by speaker, by the number of the recording, or by list."""

from collections.abc import Sequence

from configs.errors import InputError
from datamodules.clip_source import SPLITS, Clip, Split
from datamodules.digits_files import Spoken
from datamodules.splits import split_validation

Splits = dict[Split, tuple[Clip, ...]]

OFFICIAL_TEST = 5
"""Recordings of each digit and speaker, from the first, that are fsdd's official test."""


def by_speaker(files: Sequence[Spoken], val: Sequence[str], test: Sequence[str]) -> Splits:
    """Hold whole speakers out; where none are named, the last in the alphabet for the test, the one before to validate.

    Raises:
        InputError: a speaker that does not exist, or none left to train on.
    """
    speakers = sorted({file.speaker for file in files})
    for key, names in (("val_speakers", val), ("test_speakers", test)):
        if unknown := sorted(set(names) - set(speakers)):
            raise InputError(f"data.{key}: no speaker {unknown[0]!r}; there are {', '.join(speakers)}")
    free = [speaker for speaker in speakers if speaker not in (*val, *test)]
    tested = set(test) or set(free[-1:])
    free = [speaker for speaker in free if speaker not in tested]
    validated = set(val) or set(free[-1:])
    if not set(speakers) - tested - validated or not validated:
        raise InputError(f"data.split=speaker needs three speakers or more, one for each split; there are "
                         f"{', '.join(speakers)}")  # fmt: skip
    chosen: dict[Split, set[str]] = {
        "train": set(speakers) - tested - validated, "val": validated, "test": tested,
    }  # fmt: skip
    return {
        split: tuple(Clip(file.name, file.digit, file.speaker) for file in files if file.speaker in chosen[split])
        for split in SPLITS
    }


def official(files: Sequence[Spoken], validation_share: float, seed: int) -> Splits:
    """Take recordings 0 to 4 of each digit and speaker as test, and a share of the others to validate.

    Every speaker is heard in all three splits: scores say nothing about new speakers.

    Raises:
        InputError: no such recordings, or a validation share that leaves nothing.
    """
    clips = {file.name: Clip(file.name, file.digit, file.name) for file in files}
    test = tuple(clips[file.name] for file in files if file.index < OFFICIAL_TEST)
    rest = tuple(clips[file.name] for file in files if file.index >= OFFICIAL_TEST)
    if not test or not rest:
        raise InputError("data.split=official: fsdd's recordings 0 to 4 are the test, and there are no others"
                         if test else "data.split=official: there are no recordings 0 to 4, fsdd's test")  # fmt: skip
    train, val = split_validation(rest, validation_share, seed)
    return {"train": train, "val": val, "test": test}


def by_list(files: Sequence[Spoken]) -> Splits:
    """Take the splits that lists name; raises InputError where one is empty or a speaker is on two sides."""
    home: dict[str, Split] = {}
    for file in files:
        if home.setdefault(file.speaker, file.split) != file.split:
            raise InputError(f"speaker {file.speaker} is in {home[file.speaker]} and in {file.split} by the lists; "
                             "they are not those of this data set")  # fmt: skip
    splits: Splits = {
        split: tuple(Clip(file.name, file.digit, file.speaker) for file in files if file.split == split)
        for split in SPLITS
    }
    for split in SPLITS:
        if not splits[split]:
            raise InputError(f"the lists leave no digit for {split}; they are not those of this data set")
    return splits
