"""Segments and file lists of the Jamendo corpus, each fault named by file and line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import InputError
from datamodules.clip_source import Split

VOICED = {"sing": True, "nosing": False}
"""Labels of a segment, and whether somebody sings in it."""
LISTS: dict[Split, str] = {"train": "train", "val": "valid", "test": "test"}
"""Split -> its file in filelists/."""
ROUNDING = 1e-3
"""Seconds by which a segment may begin before the one above it ends: times are written with few decimals."""

Frames = NDArray[np.int64]


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording in seconds, and whether somebody sings in it; `line` of its file, from 1."""

    start: float
    end: float
    voiced: bool
    line: int


def read_segments(path: Path) -> tuple[Segment, ...]:
    """Read a .lab file: `start end label` on each line, in seconds, separated by blanks, label sing or nosing.

    Raises:
        InputError: A file that is missing, empty or not text; a line that is not of this form, ends before it starts,
            or begins before the one above it ends.
    """
    segments: list[Segment] = []
    for number, line in _lines(path, f"labels/{path.name}"):
        segment = _segment(path, number, line.split())
        if segments and segment.start < segments[-1].end - ROUNDING:
            above = segments[-1]
            raise InputError(
                f"{path}, line {number}: the segment begins at {segment.start:g} s, before that of line {above.line} "
                f"ends ({above.end:g} s); segments must follow each other"
            )
        segments.append(segment)
    if not segments:
        raise InputError(f"{path} has no segment; expected lines such as '0 12.5 nosing'")
    return tuple(segments)


def _segment(path: Path, number: int, parts: Sequence[str]) -> Segment:
    where = f"{path}, line {number}"
    if len(parts) != 3:
        raise InputError(f"{where}: {' '.join(parts)!r} has {len(parts)} parts; expected 'start end label'")
    try:
        start, end = float(parts[0]), float(parts[1])
    except ValueError:
        raise InputError(f"{where}: {' '.join(parts[:2])!r} are not two times in seconds") from None
    if not (math.isfinite(start) and math.isfinite(end) and start >= 0):
        raise InputError(f"{where}: times from {start:g} to {end:g} s cannot be meant")
    if end < start:
        raise InputError(f"{where}: the segment ends at {end:g} s before it starts at {start:g} s; swap the times")
    if parts[2] not in VOICED:
        raise InputError(f"{where}: the label is {parts[2]!r}; expected {' or '.join(VOICED)}")
    return Segment(start, end, VOICED[parts[2]], number)


def frame_labels(segments: Sequence[Segment], n_frames: int, rate: float) -> Frames:
    """Return 1 for each frame (n_frames,) in which somebody sings, else 0; frame t lies at t / rate seconds.

    A segment covers the frames from its start on and before its end; what none covers is not sung (Schlueter and
    Grill 2015).
    """
    times = np.arange(n_frames) / rate
    labels: Frames = np.zeros(n_frames, dtype=np.int64)
    for segment in segments:
        first, last = np.searchsorted(times, (segment.start, segment.end))
        labels[first:last] = segment.voiced
    return labels


def check_length(path: Path, segments: Sequence[Segment], seconds: float) -> None:
    """Refuse labels of another recording: a segment that begins after this one, of `seconds`, has ended.

    Raises:
        InputError: Names file, line and both times.
    """
    for segment in segments:
        if segment.start > seconds + 1:
            raise InputError(
                f"{path}, line {segment.line}: the segment begins at {segment.start:g} s, but the recording has only "
                f"{seconds:.1f} s; are these the labels of another one?"
            )


def read_lists(folder: Path) -> dict[Split, tuple[tuple[str, int], ...]]:
    """Read the lists train, valid and test: one file name on each line, which may hold blanks; with its line, from 1.

    Raises:
        InputError: A list that is missing or empty, a name with a folder in it, or one that stands in them twice.
    """
    found: dict[Split, tuple[tuple[str, int], ...]] = {}
    seen: dict[str, str] = {}
    for split, file in LISTS.items():
        path = folder / file
        names: list[tuple[str, int]] = []
        for number, line in _lines(path, f"filelists/{file}"):
            name = line.strip()
            if "/" in name or "\\" in name or name in (".", ".."):
                raise InputError(f"{path}, line {number}: {name!r} is no file name of audio/; leave out the folder")
            stem = name.rpartition(".")[0] or name
            if stem in seen:
                raise InputError(f"{path}, line {number}: {name!r} is listed twice, first in {seen[stem]}")
            seen[stem] = f"{file}, line {number}"
            names.append((name, number))
        if not names:
            raise InputError(f"the list {path} is empty")
        found[split] = tuple(names)
    return found


def _lines(path: Path, short: str) -> list[tuple[int, str]]:
    """Return the lines of a file that are not blank, with their numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"no file {short} in {path.parent.parent}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path} as text: {error}") from None
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def n_frames(seconds: float, rate: float) -> int:
    """Number of frames whose time lies within a recording: 0, 1 / rate, 2 / rate, ..."""
    return 1 + int(seconds * rate + 1e-6) if seconds > 0 else 0


def positions(labels: NDArray[Any], step: int, margin: int) -> Frames:
    """Frames that excerpts are taken around: every `step`-th, `margin` frames away from both ends."""
    return np.arange(margin, len(labels) - margin, step, dtype=np.int64)
