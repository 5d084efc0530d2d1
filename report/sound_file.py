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
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    except (OSError, EOFError, ValueError, wave.Error):  # ValueError: cut off within a sample
        return None
    return samples.astype(np.float32) / np.float32(32767)
