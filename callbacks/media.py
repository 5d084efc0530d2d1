"""Sounds and pictures for the run folder and Weights & Biases."""

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.floating[Any]]
Picture = npt.NDArray[np.uint8]

FLOOR_DB = -80.0
"""Lower end of the scale of every spectrogram; its upper end is 0 dB, a sine at full scale."""
GAP = 6
"""Pixels between two spectrograms of a strip."""
BAR = 10
"""Pixels from one bar to the next."""
RED, GREY = (209, 73, 91), (141, 153, 174)


def write_wav(path: Path, samples: Samples, sample_rate: int) -> None:
    """Write samples (N,) in [-1, 1] as 16-bit mono; what lies outside is clipped.

    Raises:
        ValueError: NaN or infinite samples.
    """
    if not np.isfinite(samples).all():
        raise ValueError(f"{path.name}: NaN or infinite samples")
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(whole.tobytes())


def decibels(magnitude: Samples, n_fft: int) -> Samples:
    """Level of STFT magnitudes in dB, of which 0 is a full-scale sine under a Hann window, never below `FLOOR_DB`."""
    floor = n_fft / 4 * 10 ** (FLOOR_DB / 20)
    return 20 * np.log10(np.maximum(magnitude, floor) / (n_fft / 4))


def spectrogram_strip(magnitudes: Sequence[Samples], n_fft: int) -> Picture:
    """Spectrograms (F, T) side by side as one picture (F / 2, width, 3), low frequencies below, all on one scale.

    Of two by two neighbours the loudest is shown: a quarter of the size, and no line or onset is lost.
    """
    import matplotlib

    shades = matplotlib.colormaps["magma"]
    parts: list[Picture] = []
    for magnitude in magnitudes:
        rows, columns = magnitude.shape[0] // 2, magnitude.shape[1] // 2
        loudest = magnitude[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).max(axis=(1, 3))
        level = 1 - decibels(loudest, n_fft) / FLOOR_DB
        drawn = shades(level[::-1], bytes=True)[..., :3]
        parts += [drawn, np.full((drawn.shape[0], GAP, 3), 255, dtype=np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def bar_picture(values: Samples, marked: npt.NDArray[np.bool_], height: int = 161) -> Picture:
    """Normalised relevances (K,) in [-1, 1] as bars from left to right, those `marked` (K,) in red.

    Thin lines stand at -1, -0.5, 0, 0.5 and 1. Drawn as pixels: a figure with axes would take longer than everything
    else at a point of a training.
    """
    picture = np.full((height, BAR * len(values), 3), 255, dtype=np.uint8)
    middle = height // 2
    for share in (-1, -0.5, 0, 0.5, 1):
        picture[round(middle * (1 - share))] = 215
    for place, (value, mark) in enumerate(zip(values, marked, strict=True)):
        top, bottom = sorted((middle, round(middle * (1 - float(np.clip(value, -1, 1))))))
        picture[top : bottom + 1, place * BAR + 1 : (place + 1) * BAR - 1] = RED if mark else GREY
    return picture


def matrix_picture(matrix: Samples, rows: Sequence[str], title: str) -> Picture:
    """A matrix (C, K) with named rows, on a scale symmetric about zero."""
    figure, axes = _figure(8, 1.2 + 0.22 * len(rows), (0.2, 0.2, 0.78, 0.65))
    bound = float(np.abs(matrix).max()) or 1.0
    drawn = axes.imshow(matrix, aspect="auto", cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest")
    axes.set(title=_plain(title), xlabel="component")
    axes.set_yticks(range(len(rows)), [_plain(row) for row in rows])
    figure.colorbar(drawn)
    return _drawn(figure)


def spectra_picture(dictionary: Samples) -> Picture:
    """The dictionary W (F, K): one column for the spectrum of each component, in dB below its peak."""
    import matplotlib

    level = 20 * np.log10(np.maximum(dictionary / np.maximum(dictionary.max(axis=0), 1e-12), 1e-3))
    shades: Picture = matplotlib.colormaps["magma"](1 + level[::-1] / 60, bytes=True)[..., :3]
    return np.repeat(shades, 10, axis=1)


def _plain(text: str) -> str:
    """Text that matplotlib draws as it is: a dollar sign would start a formula."""
    return text.replace("$", r"\$")


def _figure(width: float, height: float, place: tuple[float, float, float, float]) -> tuple[Any, Any]:
    """Figure of this size in inches and axes at (left, bottom, width, height), without the search for a layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    return figure, figure.add_axes(place)


def _drawn(figure: Any) -> Picture:  # noqa: ANN401
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
