"""Dataclasses of arrays and plain data as .npz files: arrays as they are, everything else as one JSON text."""

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from configs.errors import InputError
from report.run_folder import replace_file

T = TypeVar("T")

VERSION = 1
PLAIN = "plain"


def file_name(text: str) -> str:
    """Return a readable file name that only `text` has, of letters, digits, '-' and '_', whatever `text` holds."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[-48:].strip("-")
    return f"{readable or 'clip'}_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write_fields(path: Path, fields: dict[str, Any]) -> Path:
    """Write named values, each an array, a dict of arrays or plain data, and return the path.

    Raises:
        InputError: The file cannot be written; an earlier one is as it was.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    plain: dict[str, Any] = {"version": VERSION}
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            arrays[name] = value.astype(np.float32) if value.dtype.kind == "f" else value
        elif isinstance(value, dict) and any(isinstance(item, np.ndarray) for item in value.values()):
            arrays |= {f"{name}/{key}": np.asarray(item, dtype=np.float32) for key, item in value.items()}
        else:
            plain[name] = value
    content = io.BytesIO()
    np.savez_compressed(content, **arrays, **{PLAIN: np.array(json.dumps(plain, default=_number))})  # type: ignore[arg-type]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {path.parent}: {error.strerror}") from error
    replace_file(path, content.getvalue())
    return path


def read_fields(path: Path, kind: type[T], adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> T:
    """Return the dataclass `kind` whose fields `write_fields` wrote; `adapt` may change them before.

    Raises:
        InputError: The file is missing, damaged, of another version, or does not hold what `kind` needs.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        fields: dict[str, Any] = json.loads(str(stored.pop(PLAIN)))
        if fields.pop("version", None) != VERSION:
            raise ValueError("written by another version")
        for name, array in stored.items():
            group, _, key = name.partition("/")
            if key:
                fields.setdefault(group, {})[key] = array
            else:
                fields[group] = array
        fields = {name: _tuples(value) for name, value in fields.items()}
        fields = adapt(fields) if adapt else fields
        known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
        return kind(**{name: value for name, value in fields.items() if name in known})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}; explain the clips again") from error


def _tuples(value: Any) -> Any:  # noqa: ANN401 - JSON holds any plain data
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _number(value: Any) -> Any:  # noqa: ANN401 - whatever a numpy scalar holds
    return value.item()
