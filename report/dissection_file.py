"""What the dissection of a run has left in its folder: `dissection/units.json`, and the clips it plays as wav files."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.errors import InputError
from report.run_folder import replace_file

VERSION = 1
FOLDER = "dissection"
UNITS = f"{FOLDER}/units.json"
SOUNDS = "media/dissection"


@dataclass(frozen=True)
class ProbeClip:
    """A clip of the probe set: its name, length, true labels, and its wav file in `SOUNDS`, or None."""

    name: str
    seconds: float
    labels: tuple[str, ...] = ()
    file: str | None = None


@dataclass(frozen=True)
class Point:
    """One point of the training.

    Attributes:
        epoch: number from 1, or the part of the first epoch that had passed.
        figures: figure -> layer -> value.
        problem: why the names of this point are missing or from another source; empty if all went well.
        end: whether it was measured after the training, on the checkpoint that was chosen.
    """

    epoch: float
    figures: Mapping[str, Mapping[str, float | None]]
    problem: str = ""
    end: bool = False


@dataclass(frozen=True)
class UnitsFile:
    """The units of a run as the report shows them.

    Attributes:
        source: where the concepts come from.
        concepts: their names.
        read_out: how a map becomes one value for a clip.
        front_end: sample rate and STFT of the run.
        layers: dotted paths, shallow to deep.
        clips: of the probe set, in its order; excerpts point at them by `index`.
        units: unit reports as plain data (interpretability/dissection/unit_report.py).
        points: of the training, first to last.
        notes: sentences on what was not measured, and why.
    """

    source: str
    concepts: Sequence[str]
    read_out: str
    front_end: Mapping[str, Any]
    layers: Sequence[str]
    clips: Sequence[ProbeClip]
    units: Sequence[Mapping[str, Any]]
    points: Sequence[Point] = field(default_factory=tuple)
    notes: Sequence[str] = ()

    @property
    def problems(self) -> list[str]:
        """One sentence for each point whose concepts failed."""
        return [f"{'End' if p.end else f'Epoch {p.epoch}'}: {p.problem}" for p in self.points if p.problem]


def save_units(folder: Path, found: UnitsFile) -> Path:
    """Write `dissection/units.json` into a run folder, or one beside it, and return its path.

    Raises:
        InputError: The file cannot be written; an earlier one is as it was.
    """
    data = {"version": VERSION} | {name: getattr(found, name) for name in found.__dataclass_fields__}
    data["clips"] = [vars(clip) for clip in found.clips]
    data["points"] = [vars(point) for point in found.points]
    path = folder / UNITS
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {path.parent}: {error.strerror}") from error
    replace_file(path, json.dumps(data, separators=(",", ":"), allow_nan=False, default=dict).encode())
    return path


def load_units(folder: Path) -> UnitsFile | None:
    """Return the units of a run, or None where no dissection was made; read once for each version of the file.

    Raises:
        InputError: The file is damaged or of another version.
    """
    path = folder / UNITS
    return _load(path, path.stat().st_mtime_ns) if path.is_file() else None


@functools.lru_cache(maxsize=2)  # the page of the list, that of the unit and their data ask for the same file
def _load(path: Path, changed: int) -> UnitsFile:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("version") != VERSION:
            raise ValueError("written by another version")
        clips = tuple(ProbeClip(**{**clip, "labels": tuple(clip["labels"])}) for clip in data.pop("clips"))
        found = UnitsFile(clips=clips, points=tuple(Point(**point) for point in data.pop("points")), **data)
        for unit in found.units:
            _check(unit, found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read: {text}; make it again with explain.py what=units") from error
    return found


def _check(unit: Mapping[str, Any], found: UnitsFile) -> None:
    """Refuse a unit whose layer or clips are not those of the file."""
    if unit["layer"] not in found.layers:
        raise ValueError(f"a unit of layer {unit['layer']}, which is not listed")
    for excerpt in (*unit["top"], *unit["bottom"]):
        if not 0 <= excerpt["index"] < len(found.clips):
            raise ValueError(f"unit {unit['layer']}/{unit['unit']}: clip {excerpt['index']} is not listed")
