"""Finished cells of a benchmark on disk, each under a name that tells what it was made with."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from report.bootstrap import Values
from report.run_folder import replace_file

VERSION = 1
"""Goes up when scores are computed differently, so that no older cell is taken for a newer one."""


class Scored(NamedTuple):
    """Scores of a cell over its clips, and seconds per clip."""

    scores: dict[str, Values]
    seconds: dict[str, float]


def cell_file(folder: Path, condition: str, method: str, made_with: Mapping[str, Any]) -> Path:
    """Return where a cell lies: `folder`/condition/method-HASH.npz, with a hash of all that decides its content."""
    text = json.dumps({"version": VERSION, **made_with}, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return folder / condition / f"{method}-{digest}.npz"


def read_cell(path: Path) -> Scored | None:
    """Return a finished cell, or None where there is none or it is damaged, which makes it be computed again."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            seconds = json.loads(str(file["seconds"]))
            return Scored({key: file[key] for key in file.files if key != "seconds"}, seconds)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def write_cell(path: Path, cell: Scored) -> None:
    """Write a finished cell as a whole.

    Raises:
        InputError: The folder cannot be written or the disk is full.
    """
    buffer = io.BytesIO()
    entries: dict[str, Any] = {**cell.scores, "seconds": np.array(json.dumps(cell.seconds))}
    np.savez_compressed(buffer, **entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
