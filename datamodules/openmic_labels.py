"""Labels, classes and split lists of OpenMIC-2018, each fault named by file and key."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import InputError
from datamodules.label_table import read_table

CLASS_MAP, ARRAYS = "class-map.json", "openmic-2018.npz"
TABLE, METADATA = "openmic-2018-aggregated-labels.csv", "openmic-2018-metadata.csv"
PRESENT = 0.5  # an instrument is labelled present from this share of agreement on (Humphrey et al. 2018, section 4)

Label = tuple[tuple[float, ...], tuple[bool, ...]]
"""Of one clip: 1.0 or 0.0 for each class, and which of them somebody was asked about."""


@dataclass(frozen=True)
class SplitLists:
    """Keys of the clips in the official lists, in their order."""

    train: tuple[str, ...]
    test: tuple[str, ...]


def read_classes(root: Path) -> tuple[str, ...]:
    """Return the class names of class-map.json in the order of their numbers.

    Raises:
        InputError: the file is missing or no map from names to the numbers 0, 1, ...
    """
    path = root / CLASS_MAP
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no {CLASS_MAP} in {root}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    valid = isinstance(numbers, dict) and all(type(number) is int for number in numbers.values())
    if not valid or sorted(numbers.values()) != list(range(len(numbers))) or len(numbers) < 2:
        raise InputError(f"{path} must map at least two class names to the numbers 0, 1, ..., each once")
    return tuple(sorted(numbers, key=numbers.__getitem__))


def read_labels(root: Path, class_names: tuple[str, ...]) -> dict[str, Label]:
    """Return the labels of every key, from openmic-2018.npz where it is there, else from the table of labels.

    Raises:
        InputError: neither is there, or one of them is damaged, of other shapes, has a key twice, a class that
            class-map.json does not know, or a likelihood outside 0 and 1.
    """
    if (root / ARRAYS).is_file():
        return _from_arrays(root / ARRAYS, len(class_names))
    if (root / TABLE).is_file():
        return _from_table(root / TABLE, class_names)
    raise InputError(f"{root} has no labels: expected {ARRAYS} or {TABLE}")


def _from_arrays(path: Path, n_classes: int) -> dict[str, Label]:
    try:
        with np.load(path, allow_pickle=False) as file:
            truth, known, keys = (_array(file, name) for name in ("Y_true", "Y_mask", "sample_key"))
    except KeyError as missing:
        raise InputError(f"{path} has no array {missing}; expected Y_true, Y_mask and sample_key") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())}); truncated or damaged") from None
    expected = (len(keys), n_classes)
    for name, array in (("Y_true", truth), ("Y_mask", known)):
        if array.shape != expected:
            raise InputError(f"{path}: {name} has shape {array.shape}; {CLASS_MAP} and sample_key ask for {expected}")
    known = known.astype(bool)
    wrong = known & ~((truth >= 0) & (truth <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(f"{path}: Y_true of {keys[row]} is {truth[row, column]:g}; expected a share from 0 to 1")
    names = [str(key) for key in keys]
    _refuse_double(path, names)
    present = known & (truth >= PRESENT)
    return {
        key: (tuple(held.astype(float).tolist()), tuple(asked.tolist()))
        for key, held, asked in zip(names, present, known, strict=True)
    }


def _array(file: Any, name: str) -> NDArray[Any]:  # noqa: ANN401 - numpy's NpzFile
    if name not in file:
        raise KeyError(name)
    array: NDArray[Any] = file[name]
    return array


def _from_table(path: Path, class_names: tuple[str, ...]) -> dict[str, Label]:
    table = read_table(path, ("sample_key", "instrument", "relevance"))
    numbers = {name: number for number, name in enumerate(class_names)}
    shares: dict[str, dict[int, float]] = {}
    for row in table.rows:
        key, name = row["sample_key"], row["instrument"]
        if name not in numbers:
            raise table.fault(row, f"instrument {name!r} is not in {CLASS_MAP}")
        try:
            share = float(row["relevance"])
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise table.fault(row, f"relevance is {row['relevance']!r}; expected a share from 0 to 1")
        if numbers[name] in shares.setdefault(key, {}):
            raise table.fault(row, f"{key} has two rows for {name!r}; remove one")
        shares[key][numbers[name]] = share
    classes = range(len(class_names))
    return {
        key: (tuple(float(own.get(c, 0.0) >= PRESENT) for c in classes), tuple(c in own for c in classes))
        for key, own in shares.items()
    }


def read_split_lists(root: Path) -> SplitLists:
    """Return the official lists of keys, one on each line.

    Raises:
        InputError: a list is missing or empty, or a key stands in them twice.
    """
    lists: dict[str, tuple[str, ...]] = {}
    for split in ("train", "test"):
        path = root / "partitions" / f"split01_{split}.csv"
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            raise InputError(f"no split list {path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the split list {path}: {error}") from None
        lists[split] = tuple(key for line in lines if (key := line.strip()) and key != "sample_key")
        if not lists[split]:
            raise InputError(f"the split list {path} is empty")
        _refuse_double(path, lists[split])
    both = sorted(set(lists["train"]) & set(lists["test"]))
    if both:
        raise InputError(f"{both[0]} is in both split lists of {root / 'partitions'} ({len(both)} such keys)")
    return SplitLists(lists["train"], lists["test"])


def read_artists(root: Path) -> dict[str, str]:
    """Return the artist of each key from the metadata; empty where there is no such table or column."""
    path = root / METADATA
    if not path.is_file():
        return {}
    table = read_table(path, ("sample_key",))
    column = next((name for name in ("artist_id", "artist_name") if name in table.columns), None)
    if column is None:
        return {}
    return {row["sample_key"]: f"artist {row[column]}" for row in table.rows if row[column]}


def _refuse_double(path: Path, keys: "list[str] | tuple[str, ...]") -> None:
    """Raise InputError where a key stands twice."""
    seen: set[str] = set()
    for number, key in enumerate(keys, 1):
        if key in seen:
            raise InputError(f"{path}: {key} is there twice, again as number {number}; remove one")
        seen.add(key)
