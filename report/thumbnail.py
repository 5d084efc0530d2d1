"""Small spectrogram pictures for lists of clips, as PNG files written here."""

import itertools
import struct
import zlib

import numpy as np
import numpy.typing as npt

from report.explained import Floats

WIDTH, HEIGHT = 128, 40  # pixels
FLOOR_DB = -80.0  # re full scale, as in the pages' spectrograms
STOPS = (
    (4, 5, 16),
    (38, 20, 76),
    (92, 28, 108),
    (150, 44, 96),
    (204, 70, 72),
    (240, 115, 52),
    (252, 178, 74),
    (252, 244, 190),
)
"""Colours from the floor to full scale, as in report/assets/colours.js."""


def thumbnail(waveform: Floats, sample_rate: int, n_fft: int) -> bytes:
    """Return a PNG picture of the mel-spaced spectrogram of a waveform (N,), time to the right."""
    starts = np.linspace(0, max(len(waveform) - n_fft, 0), WIDTH).astype(int)
    padded = np.pad(np.asarray(waveform, dtype=np.float64), (0, n_fft))
    frames = padded[starts[:, None] + np.arange(n_fft)] * np.hanning(n_fft + 1)[:-1]
    magnitude = np.abs(np.fft.rfft(frames, axis=1)) / (n_fft / 4)  # (WIDTH, F); a full-scale sine has 1
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, HEIGHT + 1) / 2595) - 1)
    bins = np.minimum(np.round(edges / sample_rate * n_fft).astype(int), magnitude.shape[1] - 1)
    rows = [magnitude[:, low : max(low + 1, high)].max(axis=1) for low, high in itertools.pairwise(bins)]
    level = 20 * np.log10(np.stack(rows[::-1]) + 1e-9)
    return png(np.clip(np.round(255 * (1 - level / FLOOR_DB)), 0, 255).astype(np.uint8))


def png(shades: npt.NDArray[np.uint8]) -> bytes:
    """Return a PNG file of shades (rows, columns), 0 to 255, in the colours of `STOPS`."""
    height, width = shades.shape
    places = np.linspace(0, 255, len(STOPS))
    palette = np.stack([np.interp(np.arange(256), places, [stop[c] for stop in STOPS]) for c in range(3)], axis=1)
    lines = np.hstack([np.zeros((height, 1), np.uint8), shades])  # filter type 0 starts each line
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", np.round(palette).astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
