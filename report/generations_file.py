"""What was generated for the units of a run: `generations/epoch_NNNN.jsonl`, `generations/end.jsonl`, sounds, pictures.

`callbacks.generation_files` writes a file for each point of the training, with a line for each unit and aim: `layer`
(head: the classes), `unit`, `name`, `aim`; `prior` and `independent` in words; `reference` with n, recordings, band;
`lanes`, one for each setting, the `chosen` one and the `ceiling` (latents that were not searched), with the fields of
`interpretability.generation.lane_scores.LaneScore`; `floor`, distances of real excerpts to real ones as [low, mean,
high]; and `sounds` of the chosen setting, each with its `nearest` real excerpt, as files in media/generations. What
could not be measured is null.
"""

import functools
import json
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import InputError
from report.explained import Floats

VERSION = 1
FOLDER = "generations"
END = "end"
MEDIA = "media/generations"
NEEDED = ("layer", "unit", "name", "aim", "prior", "reference", "lanes", "chosen", "ceiling", "sounds")
UNTRAINED, SKIPPED = "untrained", "skipped"
"""How the words begin that say that a prior is not trained, or that no independent network judges."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class GenerationPoint:
    """One point: its file name without ending, the epoch, and a record of each unit."""

    name: str
    epoch: int
    units: Sequence[Record]

    @property
    def end(self) -> bool:
        """Whether it was measured after the training, on the checkpoint that was chosen."""
        return self.name == END


def load_points(folder: Path) -> list[GenerationPoint]:
    """Return the points of a run, first to last, the end after all others; none where nothing was generated.

    Raises:
        InputError: A file is damaged or of another version.
    """
    paths = sorted((folder / FOLDER).glob("epoch_[0-9]*.jsonl"))
    end = folder / FOLDER / f"{END}.jsonl"
    paths += [end] if end.is_file() else []
    points = [_load(path, path.stat().st_mtime_ns) for path in paths]
    return [point for point in points if point.units]


@functools.lru_cache(maxsize=128)  # pages and their data ask for the same files
def _load(path: Path, changed: int) -> GenerationPoint:
    try:
        units = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for unit in units:
            _check(unit)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read: {text}; make it again with explain.py what=generations") from error
    return GenerationPoint(path.stem, int(units[0].get("epoch") or 0) if units else 0, units)


def _check(unit: Record) -> None:
    if unit["version"] != VERSION:
        raise ValueError("written by another version")
    missing = [name for name in NEEDED if name not in unit]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    if not unit["lanes"] or "kernel" not in unit["chosen"]:
        raise ValueError(f"unit {unit['name']}: no setting was chosen")
    for name in files_of(unit, "file", "nearest_file", "picture", "nearest_picture"):
        if name != Path(name).name:
            raise ValueError(f"unit {unit['name']}: {name} does not lie in {MEDIA}")


def key_of(unit: Record) -> str:
    """Return what tells one unit and aim from others, such as `/3/maximise`."""
    return f"{unit['layer']}/{unit['unit']}/{unit['aim']}"


def files_of(unit: Record, *names: str) -> Iterator[str]:
    """Yield the files that the sounds of a record name as `file`, `nearest_file`, `picture` ..."""
    for sound in unit["sounds"]:
        for name in names:
            if sound.get(name):
                yield str(sound[name])


def read_picture(folder: Path, name: str) -> bytes | None:
    """Return a picture in `media/generations`, or None where it is not there."""
    path = folder / MEDIA / name
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def read_sound(folder: Path, name: str) -> Floats | None:
    """Return the samples (N,) of a wav file in `media/generations`, or None where it is not there or is damaged."""
    path = folder / MEDIA / name
    if not name or not path.is_file():
        return None
    try:
        with wave.open(str(path), "rb") as file:
            content = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error):
        return None
    return np.frombuffer(content, dtype="<i2").astype(np.float32) / 32767
