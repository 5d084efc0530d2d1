"""The format of checkpoints, and the one place where it is checked."""

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from configs.errors import InputError

CHECKPOINT_FORMAT = 1
"""Raised whenever older checkpoints can no longer be loaded."""


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:  # noqa: ANN401 - as torch.load
    """Load a checkpoint written by this version, as plain data only (`weights_only=True`).

    Raises:
        InputError: The file is missing, truncated or damaged, or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, struct.error, pickle.UnpicklingError) as error:
        size = path.stat().st_size
        raise InputError(f"{path}: cannot be read as a checkpoint ({size:,} bytes; truncated or damaged)") from error
    written_by = checkpoint.get("soundglass", {}) if isinstance(checkpoint, dict) else {}
    if written_by.get("format") != CHECKPOINT_FORMAT:
        raise InputError(
            f"{path}: checkpoint format {written_by.get('format', 'unknown')} (written by soundglass "
            f"{written_by.get('version', 'unknown')}), this version reads format {CHECKPOINT_FORMAT}; "
            "use the version that wrote it, or train again"
        )
    result: dict[str, Any] = checkpoint
    return result
