"""Read audio files with soundfile, and refuse those that would train a model on nothing or on rubbish."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from configs.errors import InputError
from datamodules.clip_source import Samples

if TYPE_CHECKING:
    from torch.nn import Module

# Peak of a clip that counts as silent: half a step of 24-bit audio, below anything a recorder writes by itself.
SILENCE_PEAK = 2.0**-24

# libsndfile reports this many frames for streams whose headers do not tell a length.
_UNKNOWN_FRAMES = 1 << 62

# No Ogg page is longer: header of 27 bytes, 255 segment sizes, 255 segments of 255 bytes.
_OGG_PAGE_LIMIT = 27 + 255 + 255 * 255

# Frames decoded before an excerpt and dropped: an mp3 decoder needs what came before its first frames.
_LEAD = 8192

# Bytes of one sample in the uncompressed formats of wav files; the data chunk of others cannot be sized this way.
_SAMPLE_BYTES = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


class BadClip(InputError):  # noqa: N818 (a clip that is bad, not an error of the program)
    """A clip that cannot be used.

    Attributes:
        name: the clip's name.
        reason: what is wrong with it, in a few words.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadClip], tuple[str, str]]:
        return BadClip, (self.name, self.reason)


def read_audio(path: Path, name: str | None = None) -> tuple[Samples, int]:
    """Read a whole file of any format libsndfile knows, mixed down to mono.

    Args:
        path: the file.
        name: what to call the clip in messages; default the path.

    Returns:
        Samples (N,) float32 and the file's sample rate in Hz.

    Raises:
        BadClip: missing, unreadable, empty, truncated, not finite or silent.
        InputError: soundfile is not installed.
    """
    name = name or str(path)
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(path) as file:
            expected, rate = _expected_frames(path, file), int(file.samplerate)
            frames = file.read(dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:  # LibsndfileError is a RuntimeError
        raise _unreadable(path, name, error) from None
    if _cut_ogg(path):
        raise BadClip(name, "truncated: its last Ogg page is incomplete")
    if frames.shape[0] < expected:
        raise BadClip(name, f"truncated: {frames.shape[0]} frames where its header says {expected}")
    samples: Samples = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
    check_samples(samples, name)
    return np.ascontiguousarray(samples), rate


def read_middle(path: Path, seconds: float, name: str | None = None) -> tuple[Samples, int]:
    """Read the middle `seconds` of a long file, mixed down to mono; of a shorter one everything.

    Only what is asked for is decoded, so that damage elsewhere in the file is not found.

    Returns:
        Samples (N,) float32 and the file's sample rate in Hz.

    Raises:
        BadClip: missing, unreadable, shorter than its header says, not finite or silent in the middle.
        InputError: soundfile is not installed.
    """
    name = name or str(path)
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(path) as file:
            rate, total = int(file.samplerate), int(file.frames)
            count = min(total, round(seconds * rate))
            start = (total - count) // 2
            lead = min(start, _LEAD)
            file.seek(start - lead)
            frames = file.read(lead + count, dtype="float32", always_2d=True)[lead:]
    except (RuntimeError, OSError) as error:  # LibsndfileError is a RuntimeError
        raise _unreadable(path, name, error) from None
    if frames.shape[0] < count:
        raise BadClip(name, f"truncated: it ends before its middle {seconds:g} s do")
    samples: Samples = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
    check_samples(samples, name)
    return np.ascontiguousarray(samples), rate


def header_seconds(path: Path, name: str | None = None) -> float:
    """Return a file's length in seconds from its header, without decoding it.

    Raises:
        BadClip: missing or unreadable.
        InputError: soundfile is not installed.
    """
    try:
        info = _soundfile().info(str(path))
    except (RuntimeError, OSError) as error:
        raise _unreadable(path, name or str(path), error) from None
    return 0.0 if info.frames >= _UNKNOWN_FRAMES else float(info.frames) / float(info.samplerate)


def check_samples(samples: Samples, name: str) -> None:
    """Refuse samples (N,) that carry no sound.

    Raises:
        BadClip: no samples, NaN or infinite values, or all silent.
    """
    if samples.size == 0:
        raise BadClip(name, "holds no samples")
    peak = float(np.abs(samples).max())  # NaN and infinity propagate through max
    if not np.isfinite(peak):
        raise BadClip(name, "holds NaN or infinite samples")
    if peak <= SILENCE_PEAK:
        raise BadClip(name, "silent throughout")


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """Resample (N,) from one rate in Hz to another with torchaudio's windowed sinc; N becomes ceil(N * to / from)."""
    if from_rate == to_rate:
        return samples
    import torch  # here, so that a process that only writes or awaits a cache at its own rate starts at once

    with torch.inference_mode():
        resampled: Samples = _resampler(from_rate, to_rate)(torch.from_numpy(samples)).numpy()
    return resampled


@lru_cache(maxsize=32)
def _resampler(from_rate: int, to_rate: int) -> Module:
    # Its kernel costs more than a clip where the two rates share few factors, so that it is kept per pair of rates.
    from torchaudio.transforms import Resample

    resampler: Module = Resample(from_rate, to_rate)
    return resampler


def _soundfile() -> ModuleType:
    # Imported where files are read, so that a machine without it can train from a cache.
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, its libsndfile is not
        raise InputError("reading audio files needs soundfile: run `pip install soundfile`") from None
    module: ModuleType = soundfile
    return module


def _expected_frames(path: Path, file: object) -> int:
    """Frames that an intact file must have, by its header; for wav, by the size its data chunk declares."""
    frames = int(getattr(file, "frames", 0))
    declared = _wav_frames(path) if getattr(file, "format", "") in {"WAV", "WAVEX"} else None
    if declared is not None and getattr(file, "subtype", "") in _SAMPLE_BYTES:
        # libsndfile shortens the frame count of a cut wav to what is there; the data chunk still says what was written.
        return declared
    return 0 if frames >= _UNKNOWN_FRAMES else frames


def _wav_frames(path: Path) -> int | None:
    """Frames declared by the data chunk of a RIFF file; None where it does not tell (streamed, or another layout)."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return None
        file.seek(12)
        block_align = 0
        while len(head := file.read(8)) == 8:
            kind, size = head[:4], int.from_bytes(head[4:], "little")
            if kind == b"data":
                streamed = size in {0, 0xFFFFFFFF, 0x7FFFFFFF}
                return None if streamed or block_align == 0 else size // block_align
            body = file.tell()
            if kind == b"fmt ":
                block_align = int.from_bytes(file.read(14)[12:14], "little")
            file.seek(body + size + size % 2)
    return None


def _cut_ogg(path: Path) -> bool:
    """Whether an Ogg file ends inside a page: libsndfile then counts the whole pages only and says nothing."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _OGG_PAGE_LIMIT))
        tail = file.read()
    start = tail.rfind(b"OggS")
    table = tail[start + 27 : start + 27 + tail[start + 26]] if len(tail) > start + 26 else b""
    # A page is a header of 27 bytes, a table of segment sizes, and the segments.
    return start < 0 or len(tail) - start < 28 or start + 27 + tail[start + 26] + sum(table) > len(tail)


def _unreadable(path: Path, name: str, error: Exception) -> BadClip:
    if not path.is_file():
        return BadClip(name, "file not found")
    if path.stat().st_size == 0:
        return BadClip(name, "empty file")
    return BadClip(name, f"unreadable ({str(error).rsplit(': ', 1)[-1].rstrip('.') or type(error).__name__})")
