"""Sounds of a run folder, as callbacks/media.py writes them."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_sound(path: Path) -> NDArray[np.float32] | None:
    """Return the samples (N,) of a 16-bit wav file in [-1, 1], or None where there is none or it cannot be read."""
    if not path.is_file():
        return None
    try:
        with wave.open(str(path), "rb") as file:
            content = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error):
        return None
    return np.frombuffer(content, dtype="<i2").astype(np.float32) / np.float32(32767)
