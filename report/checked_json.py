"""JSON that instruments leave in a run folder, checked before a page shows it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from configs.errors import InputError


class OtherVersionError(InputError):
    """A file is whole, and another version wrote it."""


def read_objects(
    path: Path, version: int, needed: Sequence[str], advice: str, check: Callable[[Any], None] | None = None
) -> list[dict[str, Any]]:
    """Return the object of a .json file, or those of a .jsonl file, one a line.

    Args:
        path: of the file.
        version: that each object has under this name.
        needed: names that each object has.
        advice: what to do about a file that cannot be read.
        check: what else may be wrong with an object; raises ValueError.

    Raises:
        OtherVersionError: The file is of another version.
        InputError: The file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else [text]
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for one in found:
            if one["version"] != version:
                raise OtherVersionError(f"{path}: cannot be read: written by another version; {advice}")
            missing = [name for name in needed if name not in one]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
            if check is not None:
                check(one)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}; {advice}") from error
    return found
