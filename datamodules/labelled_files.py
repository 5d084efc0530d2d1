"""Labelled audio files as a user has them: folders named after classes, or a CSV table of paths and labels."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.data_schema import DataConfig
from configs.errors import CommandError, InputError
from datamodules.clip_source import Split
from datamodules.label_table import LabelTable, TableRow, file_inside, read_table

# What libsndfile reads, and what people also call audio and would miss without a word.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"}
)
UNREADABLE_SUFFIXES = frozenset({".m4a", ".aac", ".wma", ".mp4", ".webm", ".mkv", ".amr", ".3gp", ".ape", ".wv"})
SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class LabelledFile:
    """A file and what its folder or row says of it.

    Attributes:
        name: path below the data root, with forward slashes.
        path: the file itself.
        labels: names of its classes, at least one.
        group: the recording it belongs to.
        split: the split it is given to, or None where the data do not say.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    group: str
    split: Split | None


def read_class_folders(root: Path) -> list[LabelledFile]:
    """Read root/CLASS/*.wav or root/{train,val,test}/CLASS/*.wav (folders below a class belong to it).

    Hidden files and folders (leading dot) are passed over, and so is what is not audio.

    Raises:
        InputError: no class folder, an empty one, audio beside them, links to folders or out of `root`, an audio format
            that cannot be read.
    """
    folders = _subfolders(root)
    splits = [folder for folder in folders if folder.name.lower() in SPLIT_NAMES and _subfolders(folder)]
    if not splits:
        return list(_classes(root, root, None))
    other = [folder.name for folder in folders if folder not in splits]
    if other:
        raise InputError(f"{root} mixes splits ({splits[0].name}) and classes ({other[0]!r}); keep one kind")
    taken = [SPLIT_NAMES[folder.name.lower()] for folder in splits]
    double = [split for split in taken if taken.count(split) > 1]
    if double:
        raise InputError(f"{root} has two folders for the split {double[0]}; keep one")
    _refuse_loose_files(root)
    return [file for folder, split in zip(splits, taken, strict=True) for file in _classes(root, folder, split)]


def read_label_table(path: Path, root: Path, separator: str, multi_label: bool) -> list[LabelledFile]:
    """Read a CSV table with columns path (relative to `root`), label or labels, and optionally split and group.

    Several labels of a clip stand in one cell, between `separator`. An empty column split counts as absent.

    Raises:
        InputError: columns missing, a file missing, named twice or outside `root`, a blank or repeated label, several
            labels without `multi_label`, an unknown or blank split, a blank group.
    """
    table = read_table(path, ("path",))
    label = [column for column in ("label", "labels") if column in table.columns]
    if len(label) != 1:
        raise InputError(f"the table {path} needs one column 'label' or 'labels'; it has {', '.join(table.columns)}")
    has_split = "split" in table.columns and any(row["split"] for row in table.rows)
    files = table.files(root, "path")
    return [
        LabelledFile(
            name=file_name(root, row["path"]),
            path=file,
            labels=_labels(table, row, row[label[0]], separator, multi_label),
            group=_group(table, row, root),
            split=_split(table, row) if has_split else None,
        )
        for row, file in zip(table.rows, files, strict=True)
    ]


def data_root(config: DataConfig, wanted: str) -> Path:
    """Return the folder that `data.root` names; `wanted` says what it should be.

    Raises:
        CommandError: It is not set.
        InputError: It is no folder.
    """
    if config.root is None:
        raise CommandError(f"data.root is not set; give {wanted}")
    root = Path(config.root).expanduser()
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise InputError(f"data.root={root} {state}; expected {wanted}")
    return root


def file_name(root: Path, path: str | Path) -> str:
    """Return a path below `root` with forward slashes; raises InputError where it cannot be written as UTF-8."""
    name = Path(path).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"the file name {name!a} in {root} is not valid UTF-8; rename it") from None
    return name


def _labels(table: LabelTable, row: TableRow, cell: str, separator: str, multi_label: bool) -> tuple[str, ...]:
    labels = tuple(part.strip() for part in cell.split(separator))
    if "" in labels:
        raise table.fault(row, f"a label is blank ({cell!r})" if cell else "the label is blank")
    if len(labels) > 1 and not multi_label:
        raise table.fault(row, f"several labels ({cell!r}); set data.multi_label=true, or another data.label_separator")
    if len(set(labels)) < len(labels):
        raise table.fault(row, f"a label is repeated ({cell!r})")
    return labels


def _group(table: LabelTable, row: TableRow, root: Path) -> str:
    if "group" not in table.columns:
        return file_name(root, row["path"])
    if not row["group"]:
        raise table.fault(row, "the group is blank; name the recording the clip was cut from, for every row")
    return row["group"]


def _split(table: LabelTable, row: TableRow) -> Split:
    split = SPLIT_NAMES.get(row["split"].lower())
    if split is None:
        raise table.fault(row, f"split is {row['split']!r}; expected train, val or test")
    return split


def _classes(root: Path, folder: Path, split: Split | None) -> Iterator[LabelledFile]:
    """Yield the files of root/[split/]CLASS, the folder's subfolders being the classes."""
    _refuse_loose_files(folder)
    for class_folder in _subfolders(folder):
        found = False
        for path in audio_below(class_folder):
            found = True
            name = file_name(root, path.relative_to(root))
            yield LabelledFile(name, file_inside(root, name), (class_folder.name,), name, split)
        if not found:
            raise InputError(f"the class folder {class_folder} holds no audio file (wav, flac, ogg, mp3, ...)")


def _subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in `folder`, sorted by name; raises InputError where one is a link."""
    found = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for entry in found:
        _refuse_link(entry)
    return found


def audio_below(folder: Path) -> Iterator[Path]:
    """Yield the visible audio files in `folder` and the folders below it."""

    def fail(error: OSError) -> None:
        raise InputError(f"cannot read the folder {error.filename}: {error.strerror}")

    for base, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            _refuse_link(Path(base, name))
        yield from (Path(base, name) for name in sorted(files) if _is_audio(Path(base, name)))


def _is_audio(path: Path) -> bool:
    """Whether a file is visible audio; raises InputError for audio that libsndfile does not read."""
    if path.name.startswith("."):
        return False
    if path.suffix.lower() in UNREADABLE_SUFFIXES:
        raise InputError(f"{path} is in a format that cannot be read; convert it to wav or flac")
    return path.suffix.lower() in AUDIO_SUFFIXES


def _refuse_loose_files(folder: Path) -> None:
    loose = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and _is_audio(entry))
    if loose:
        raise InputError(
            f"{folder} holds audio outside of class folders ({loose[0]!r}); "
            "expected one folder per class, or a table given as data.table"
        )


def _refuse_link(folder: Path) -> None:
    # Walking into it could leave the data root, or read a clip twice under two names.
    if folder.is_symlink():
        raise InputError(f"{folder} is a link to a folder, which is not followed; put the folder itself there")
