"""The spectrum of a component as a path for an SVG picture, mel-spaced like all frequency axes of the report."""

import itertools
from typing import NamedTuple

import numpy as np

from report.explained import Floats

WIDTH, HEIGHT, POINTS = 240, 44, 120


class SpectrumPicture(NamedTuple):
    """`path` fills the area under the spectrum in a box of `WIDTH` x `HEIGHT`; `ticks` are (place, label) in Hz."""

    path: str
    ticks: tuple[tuple[float, str], ...]
    peak_hz: float


def spectrum_picture(atom: Floats, sample_rate: int) -> SpectrumPicture:
    """Return the picture of a dictionary column w_k (F,), its height relative to its own largest value."""
    top = sample_rate / 2
    edges = _hertz(np.linspace(0, _mel(top), POINTS + 1))
    bins = np.minimum(np.round(edges / top * (len(atom) - 1)).astype(int), len(atom) - 1)
    values = np.array([atom[low : max(low + 1, high)].max() for low, high in itertools.pairwise(bins)])
    values = values / max(float(values.max()), 1e-12)
    places = (np.arange(POINTS) + 0.5) * WIDTH / POINTS
    line = " ".join(f"L{x:.0f} {HEIGHT * (1 - y):.1f}" for x, y in zip(places, values, strict=True))
    ticks = [hz for hz in (200, 1000, 4000, 16000) if hz < 0.95 * top]
    labels = tuple((round(float(_mel(hz) / _mel(top)) * WIDTH, 1), _label(hz)) for hz in ticks)
    return SpectrumPicture(
        f"M0 {HEIGHT} {line} L{WIDTH} {HEIGHT}Z", labels, float(np.argmax(atom)) * top / (len(atom) - 1)
    )


def _mel(hertz: float | Floats) -> Floats:
    return np.asarray(2595 * np.log10(1 + np.asarray(hertz) / 700))


def _hertz(mel: Floats) -> Floats:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _label(hertz: int) -> str:
    return f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz"
