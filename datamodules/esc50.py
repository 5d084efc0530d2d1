"""ESC-50 and its ESC-10 subset, in the layout of the release: meta/esc50.csv and audio/ (Piczak 2015)."""

import warnings
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from configs.data_schema import Esc50Data
from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.fetch_archive import fetch_archive, header_fault
from datamodules.file_source import FileSource
from datamodules.label_table import LabelTable, TableRow, read_table
from datamodules.release_folder import release_folder
from datamodules.splits import split_validation

TABLE = "meta/esc50.csv"
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")
FOLDS = (1, 2, 3, 4, 5)
# The released set: 2,000 clips, 50 classes of 40, five folds of 400.
N_CLIPS, N_CLASSES, CLIPS_PER_CLASS, CLIPS_PER_FOLD = 2000, 50, 40, 400
# The split belongs to the dataset, not to the run: all runs of one fold validate on the same recordings.
_SPLIT_SEED = 0


class Esc50(FileSource):
    """Fold `data.fold` is the test split, the other four are divided into training and validation by `src_file`.

    Classes are numbered densely in the order of the release's targets, which stay in `original_targets`; clip names are
    the file names of the table. `config.subset` chooses all classes or those of ESC-10.

    Raises:
        InputError: the folder or the table cannot be used; one line says what is wrong and where.
    """

    CITATION = (
        'K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015, '
        "doi:10.1145/2733373.2806390"
    )

    def __init__(self, config: Esc50Data, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(config, "ESC-50", _missing, partial(_fetch, config))
        table = read_table(root / TABLE, COLUMNS)
        _check_labels(table)
        subset = [row for row in table.rows if config.subset == "esc50" or _in_esc10(table, row)]
        # Of the ESC-10 subset only its own files need be there.
        files = replace(table, rows=tuple(subset)).files(root / "audio", "filename")
        self.original_targets = tuple(sorted({int(row["target"]) for row in subset}))
        self.LICENCE = "CC BY 3.0" if config.subset == "esc10" else "CC BY-NC 3.0"
        clips = {row["filename"]: self._clip(row) for row in subset}
        test = tuple(clips[row["filename"]] for row in subset if int(row["fold"]) == config.fold)
        rest = tuple(clips[row["filename"]] for row in subset if int(row["fold"]) != config.fold)
        categories = {int(row["target"]): row["category"].replace("_", " ") for row in subset}
        names = tuple(categories[target] for target in self.original_targets)
        _check_split(table, config, names, test, rest)
        train, val = split_validation(rest, config.validation_share, _SPLIT_SEED)
        splits: dict[Split, tuple[Clip, ...]] = {"train": train, "val": val, "test": test}
        super().__init__(config.subset, names, splits, dict(zip(clips, files, strict=True)))

    def _clip(self, row: TableRow) -> Clip:
        return Clip(row["filename"], self.original_targets.index(int(row["target"])), row["src_file"])


def _missing(root: Path) -> list[str]:
    return [] if (root / TABLE).is_file() else [TABLE]


def _fetch(config: Esc50Data, root: Path) -> None:
    fetch_archive(config.url, root, sha256=config.archive_sha256, check=check_release)


def _check_labels(table: LabelTable) -> None:
    """Raise InputError where a row's fold, target or recording is none, or a class has two names or numbers."""
    names: dict[str, str] = {}
    targets: dict[str, str] = {}
    for row in table.rows:
        if row["fold"] not in map(str, FOLDS):
            raise table.fault(row, f"fold is {row['fold']!r}; expected 1 to 5")
        target, category = row["target"], row["category"]
        if not (target.isascii() and target.isdigit() and len(target) < 7):
            raise table.fault(row, f"target is {target!r}; expected a whole number")
        if not category or not row["src_file"]:
            raise table.fault(row, f"{'src_file' if category else 'category'} is blank")
        number = str(int(target))
        if names.setdefault(number, category) != category:
            raise table.fault(row, f"target {number} is {category!r} here and {names[number]!r} before")
        if targets.setdefault(category, number) != number:
            raise table.fault(row, f"category {category!r} is target {number} here and {targets[category]} before")


def _in_esc10(table: LabelTable, row: TableRow) -> bool:
    if row["esc10"].lower() not in ("true", "false"):
        raise table.fault(row, f"esc10 is {row['esc10']!r}; expected True or False")
    return row["esc10"].lower() == "true"


def _check_split(
    table: LabelTable, config: Esc50Data, names: tuple[str, ...], test: tuple[Clip, ...], rest: tuple[Clip, ...]
) -> None:
    """Raise InputError where subset or fold leave nothing to learn or test; warn where a recording is on both sides."""
    if config.subset == "esc50" and all(_in_esc10(table, row) for row in table.rows):
        raise InputError(f"{table.path} holds ESC-10 only; choose data.subset=esc10")
    if len(names) < 2:
        found = f"only the class {names[0]!r}" if names else "no clip"
        raise InputError(f"{table.path} has {found} for data.subset={config.subset}; a classifier needs two classes")
    if not test:
        raise InputError(f"{table.path} has no clip in fold {config.fold}; choose another data.fold")
    absent = sorted(set(range(len(names))) - {clip.target for clip in rest if isinstance(clip.target, int)})
    if absent:
        raise InputError(f"class {names[absent[0]]!r} occurs in fold {config.fold} only: nothing to train it on")
    untested = sorted(set(range(len(names))) - {clip.target for clip in test if isinstance(clip.target, int)})
    if untested:
        lacking = ", ".join(names[number] for number in untested)
        warnings.warn(f"fold {config.fold} (test) has no clip of class {lacking}: no score there", stacklevel=3)
    shared = sorted({clip.group for clip in test} & {clip.group for clip in rest})
    if shared:
        warnings.warn(
            f"{len(shared)} recordings are in fold {config.fold} and in another fold, the first is src_file "
            f"{shared[0]}: test figures will be too good",
            stacklevel=3,
        )


def check_release(root: Path) -> None:
    """Check a downloaded copy: 2,000 rows, 50 classes of 40, five folds of 400, and the format of every file.

    Raises:
        InputError: what differs from the release as published.
    """
    table = read_table(root / TABLE, COLUMNS)
    files = table.files(root / "audio", "filename")
    _check_labels(table)
    if len(table.rows) != N_CLIPS:
        raise InputError(f"{TABLE} has {len(table.rows):,} rows where the release has {N_CLIPS:,}")
    classes = Counter(row["category"] for row in table.rows)
    if len(classes) != N_CLASSES:
        raise InputError(f"{TABLE} has {len(classes)} classes where the release has {N_CLASSES}")
    for counts, expected in ((classes, CLIPS_PER_CLASS), (Counter(row["fold"] for row in table.rows), CLIPS_PER_FOLD)):
        what, count = min(counts.items(), key=lambda item: -abs(item[1] - expected))
        if count != expected:
            place = "fold " if counts is not classes else "class "
            raise InputError(f"{TABLE} has {count} clips of {place}{what} where the release has {expected}")
    for path in files:
        fault = header_fault(path)
        if fault:
            raise InputError(f"audio/{path.name} {fault}")
