"""UrbanSound8K in the layout of the release: metadata/UrbanSound8K.csv, audio/fold1 to fold10 (Salamon et al. 2014)."""

import warnings
from collections import Counter
from functools import partial
from pathlib import Path

from configs.dataset_schema import N_FOLDS, UrbanSound8KData
from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.fetch_archive import fetch_archive, header_fault
from datamodules.file_source import FileSource
from datamodules.label_table import LabelTable, TableRow, read_table
from datamodules.release_folder import release_folder

TABLE = "metadata/UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")
# The released set.
N_CLIPS, N_CLASSES = 8732, 10


class UrbanSound8K(FileSource):
    """Fold `data.fold` is the test split, `data.validation_fold` or the next one the validation, the rest the training.

    The folds are the release's and never mixed: slices of one recording lie in one fold, and figures on other folds
    cannot be compared with those published. Classes have the order of the release's classID; clip names are
    foldN/FILE. `Clip.group` is the Freesound recording.

    Raises:
        InputError: the folder or the table cannot be used; one line says what is wrong and where.
    """

    LICENCE = "CC BY-NC 3.0; the recordings' authors are listed in FREESOUNDCREDITS.txt"
    CITATION = (
        'J. Salamon, C. Jacoby, J. P. Bello, "A Dataset and Taxonomy for Urban Sound Research", '
        "ACM Multimedia 2014, doi:10.1145/2647868.2655045"
    )

    def __init__(self, config: UrbanSound8KData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(config, "UrbanSound8K", missing_parts, partial(_fetch, config))
        table = read_table(root / TABLE, COLUMNS)
        names = _classes(table)
        files = _files(table, root)
        clips = {_name(row): Clip(_name(row), int(row["classID"]), row["fsID"]) for row in table.rows}
        test, val = str(config.fold), str(config.validation_fold or config.fold % N_FOLDS + 1)
        of: dict[str, Split] = {test: "test", val: "val"}
        splits: dict[Split, list[Clip]] = {"train": [], "val": [], "test": []}
        for row in table.rows:
            splits[of.get(row["fold"], "train")].append(clips[_name(row)])
        _check_folds(table, names, splits, test, val)
        done: dict[Split, tuple[Clip, ...]] = {split: tuple(found) for split, found in splits.items()}
        super().__init__("urbansound8k", names, done, dict(zip(clips, files, strict=True)))


def _name(row: TableRow) -> str:
    return f"fold{row['fold']}/{row['slice_file_name']}"


def _files(table: LabelTable, root: Path) -> list[Path]:
    rows = (TableRow(row.line, {**row.cells, "file": _name(row)}) for row in table.rows)
    return LabelTable(table.path, (*table.columns, "file"), tuple(rows)).files(root / "audio", "file")


def _classes(table: LabelTable) -> tuple[str, ...]:
    """Return the class names in the order of their numbers; raises where a row's fold, class or recording is none."""
    names: dict[int, str] = {}
    for row in table.rows:
        number, name = row["classID"], row["class"].replace("_", " ")
        if row["fold"] not in map(str, range(1, N_FOLDS + 1)):
            raise table.fault(row, f"fold is {row['fold']!r}; expected 1 to {N_FOLDS}")
        if number not in map(str, range(N_CLASSES)):
            raise table.fault(row, f"classID is {number!r}; expected 0 to {N_CLASSES - 1}")
        if not name or not row["fsID"]:
            raise table.fault(row, f"{'fsID' if name else 'class'} is blank")
        if names.setdefault(int(number), name) != name:
            raise table.fault(row, f"classID {number} is {name!r} here and {names[int(number)]!r} before")
    if len(set(names.values())) < len(names):
        double = Counter(names.values()).most_common(1)[0][0]
        raise InputError(f"{table.path}: the class {double!r} has two numbers; restore the table")
    absent = sorted(set(range(N_CLASSES)) - set(names))
    if absent:
        raise InputError(f"{table.path} has no clip of classID {absent[0]}; it is not the whole table")
    return tuple(names[number] for number in range(N_CLASSES))


def _check_folds(
    table: LabelTable, names: tuple[str, ...], splits: dict[Split, list[Clip]], test: str, val: str
) -> None:
    """Raise InputError where a fold is empty or a class cannot be learned; warn of recordings in two folds.

    A fold without some class is warned of: its score means nothing there.
    """
    for split, fold in (("test", test), ("val", val)):
        here = splits["test"] if split == "test" else splits["val"]
        if not here:
            raise InputError(
                f"{table.path} has no clip in fold {fold}; choose another data.fold or data.validation_fold"
            )
        absent = [names[number] for number in range(len(names)) if number not in {clip.target for clip in here}]
        if absent:
            _warn(f"fold {fold} ({split}) has no clip of class {', '.join(absent)}: no score there")
    absent = [names[number] for number in range(len(names)) if number not in {clip.target for clip in splits["train"]}]
    if absent:
        raise InputError(f"class {absent[0]!r} occurs in folds {test} and {val} only: nothing to train it on")
    shared = sorted({clip.group for clip in splits["test"]} & {clip.group for clip in splits["train"] + splits["val"]})
    if shared:
        _warn(
            f"{len(shared)} recordings are in fold {test} and in another fold, the first is fsID {shared[0]}: "
            "test figures will be too good"
        )


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


def missing_parts(root: Path) -> list[str]:
    """Return which parts of the release a folder lacks; single recordings are not looked at."""
    parts = (TABLE, *(f"audio/fold{number}" for number in range(1, N_FOLDS + 1)))
    return [part for part in parts if not (root / part).exists()]


def _fetch(config: UrbanSound8KData, root: Path) -> None:
    fetch_archive(config.url, root, md5=config.archive_md5, check=check_release)


def check_release(root: Path) -> None:
    """Check a copy: 8,732 rows, ten classes, ten folds, every file there and with the header of a wav file.

    Raises:
        InputError: what differs from the release as published.
    """
    missing = missing_parts(root)
    if missing:
        raise InputError(f"it lacks {', '.join(missing)}")
    table = read_table(root / TABLE, COLUMNS)
    _classes(table)
    files = _files(table, root)
    if len(table.rows) != N_CLIPS:
        raise InputError(f"{TABLE} has {len(table.rows):,} rows where the release has {N_CLIPS:,}")
    for path in files:
        fault = header_fault(path)
        if fault:
            raise InputError(f"audio/{path.parent.name}/{path.name} {fault}")
