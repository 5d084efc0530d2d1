"""Labels of SONYC-UST v2: classes from the table's header, votes, and what nobody said (Cartwright et al. 2020)."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from configs.errors import InputError
from datamodules.clip_source import Split

TABLE = "annotations.csv"
SPLITS: dict[str, Split] = {"train": "train", "validate": "val", "test": "test"}
COARSE, FINE = re.compile(r"(\d+)_(.+)_presence"), re.compile(r"(\d+)-(\d+|X)_(.+)_presence")
_KEYS = ("split", "sensor_id", "audio_filename", "annotator_id", "year", "week", "day", "hour")
_VALUES = {"-1": -1, "0": 0, "1": 1, "-1.0": -1, "0.0": 0, "1.0": 1}
VERIFIED = 0  # annotator_id of what the SONYC team agreed on; theirs are below, the volunteers' above


@dataclass(frozen=True)
class Classes:
    """Classes of one level of the taxonomy.

    Attributes:
        names: as people read them, in the header's order.
        columns: the column of each class.
        uncertain: for each class the column that says its kind is there but not which one of it, or None.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    uncertain: tuple[str | None, ...]


@dataclass
class Recording:
    """What the table says of one recording.

    Attributes:
        split: where it belongs.
        sensor: its sensor's number.
        hour: year, week, day and hour of the recording.
        volunteers: of each volunteer, column -> -1, 0 or 1.
        verified: the same as the SONYC team agreed on, or None.
    """

    split: Split
    sensor: str
    hour: str
    volunteers: list[dict[str, int]] = field(default_factory=list)
    verified: dict[str, int] | None = None


def classes_of(header: Sequence[str], path: Path, level: Literal["coarse", "fine"]) -> Classes:
    """Return the classes that the header names as columns NUMBER_NAME_presence or NUMBER-NUMBER_NAME_presence.

    Raises:
        InputError: fewer than two such columns.
    """
    fine = [(match, column) for column in header if (match := FINE.fullmatch(column))]
    coarse = [(match, column) for column in header if (match := COARSE.fullmatch(column))]
    found = coarse if level == "coarse" else [(match, column) for match, column in fine if match[2] != "X"]
    if len(found) < 2:
        raise InputError(f"the table {path} has {len(found)} {level} columns *_presence; it is not SONYC-UST's")
    unknown = {match[1]: column for match, column in fine if match[2] == "X"}
    names = tuple(match[match.re.groups].replace("-", " ") for match, _ in found)
    uncertain = tuple(None if level == "coarse" else unknown.get(match[1]) for match, _ in found)
    return Classes(names, tuple(column for _, column in found), uncertain)


def read_annotations(root: Path, level: Literal["coarse", "fine"]) -> tuple[Classes, dict[str, Recording]]:
    """Return the classes and what was said of each recording, by the name of its file.

    Raises:
        InputError: the table is missing, no UTF-8 CSV or without a needed column; a value other than -1, 0 and 1, an
            unknown split, a recording in two splits, or two rows of one volunteer for a recording. Names the line.
    """
    path = root / TABLE
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            _check_header(path, header)
            classes = classes_of(header, path, level)
            return classes, _recordings(path, header, classes, reader)
    except FileNotFoundError:
        raise InputError(f"no table at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the table {path} as UTF-8 CSV: {error}") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    absent = [name for name in _KEYS if name not in header]
    if absent:
        raise InputError(f"the table {path} has no column {', '.join(absent)}; it is not SONYC-UST's")
    double = sorted({name for name in header if header.count(name) > 1})
    if double:
        raise InputError(f"the table {path} has two columns named {double[0]!r}; rename one of them")


def _recordings(
    path: Path, header: Sequence[str], classes: Classes, reader: Iterator[list[str]]
) -> dict[str, Recording]:
    used = [*classes.columns, *dict.fromkeys(column for column in classes.uncertain if column is not None)]
    places = {column: header.index(column) for column in (*_KEYS, *used)}
    found: dict[str, Recording] = {}
    said: set[tuple[str, int]] = set()
    for number, cells in enumerate(reader, 2):
        if not cells:
            continue
        fault = f"{path}, line {number}:"
        if len(cells) != len(header):
            raise InputError(f"{fault} {len(cells)} cells where the header has {len(header)}")
        row = {column: cells[place].strip() for column, place in places.items()}
        recording = _recording(found, row, fault)
        annotator, votes = _annotator(row, fault), _votes(row, used, fault)
        if annotator < VERIFIED:
            continue  # of the team one member labels one kind at a time; row 0 says what they agreed on
        if (row["audio_filename"], annotator) in said:
            raise InputError(f"{fault} {row['audio_filename']} has two rows of annotator {annotator}; remove one")
        said.add((row["audio_filename"], annotator))
        if annotator == VERIFIED:
            recording.verified = votes
        else:
            recording.volunteers.append(votes)
    return found


def _recording(found: dict[str, Recording], row: Mapping[str, str], fault: str) -> Recording:
    """Return the recording of a row, entered into `found` where it is new."""
    name = row["audio_filename"]
    if not name:
        raise InputError(f"{fault} audio_filename is blank")
    if row["split"] not in SPLITS:
        raise InputError(f"{fault} split is {row['split']!r}; expected train, validate or test")
    hour = f"{row['year']} week {row['week']} day {row['day']} hour {row['hour']}"
    here = Recording(SPLITS[row["split"]], row["sensor_id"], hour)
    recording = found.setdefault(name, here)
    if recording.split != here.split:
        raise InputError(f"{fault} {name} is in {row['split']} here and in another split before")
    return recording


def _annotator(row: Mapping[str, str], fault: str) -> int:
    try:
        return int(row["annotator_id"])
    except ValueError:
        raise InputError(f"{fault} annotator_id is {row['annotator_id']!r}; expected a whole number") from None


def _votes(row: Mapping[str, str], columns: Sequence[str], fault: str) -> dict[str, int]:
    wrong = next((column for column in columns if row[column] not in _VALUES), None)
    if wrong is not None:
        raise InputError(f"{fault} {wrong} is {row[wrong]!r}; expected 1, 0 or -1 (not labelled)")
    return {column: _VALUES[row[column]] for column in columns}


def labels(recording: Recording, classes: Classes) -> tuple[tuple[float, ...], tuple[bool, ...]] | None:
    """Return targets (C,) and which of them are known, by the rule of the challenge (DCASE 2020 task 5).

    In training a class is present if any volunteer heard it; in validation and test only what the SONYC team verified
    counts. A class is unknown where nobody labelled it (-1), and an absent fine class where its kind was heard and
    could not be told ("X"): the challenge counts no false alarm there either. None where nothing at all is known.
    """
    if recording.split == "train":
        votes = recording.volunteers
    else:
        votes = [] if recording.verified is None else [recording.verified]
    present = [any(vote[column] == 1 for vote in votes) for column in classes.columns]
    known = [any(vote[column] >= 0 for vote in votes) for column in classes.columns]
    for number, column in enumerate(classes.uncertain):
        if column is not None and any(vote[column] == 1 for vote in votes):
            known[number] = present[number]
    return (tuple(map(float, present)), tuple(known)) if any(known) else None
