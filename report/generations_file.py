"""What was generated for the units of a run: `generations/epoch_NNNN.jsonl`, `generations/end.jsonl`, and their sounds.

A file is one point of the training, written by `callbacks.generation_files`, a line of it one unit and aim:

    version: 2; epoch: number from 1; search: "full" or "refresh" (a few lanes, started from the point before)
    layer ("" is the output), unit, name (of the class, or the unit in words), aim: maximise, minimise or reach
    prior: {name, trained: whether a generator was trained, note: what it is}; vocoding: how sound was made
    judge: name of the independent network, or null; judge_note: why there is none
    sample_rate in Hz, seconds of an excerpt, work in latent-steps
    scale: [lowest, highest] value of all panels, the same for all points of a run; scale_unit: of these
    reference: {n, recordings, split, low, median, high: activation of the real excerpts, left_out: clips too short}
    by: "frechet" or "kernel", the distance that chose; reason: of the choice, in words
    floor: {kernel: [low, mean, high], frechet: the same or null}, distances of real excerpts to real ones
    endless: [value, R2] of the chosen lane's Fréchet distance extrapolated to endless sounds, or null
    ceiling: a lane of latents that were drawn and not searched
    lanes: one for each setting: the fields of `interpretability.generation.lane_scores.LaneScore`, and lr, weight,
        transform; null is what could not be measured
    chosen: number of the lane; examples: of the chosen lane, most active first:
        {file: wav in media/generations or null, seed, activation, panel, nearest}
        nearest: the reference excerpt nearest in the features: {file, clip, start in seconds, activation, panel}
        panel: {bands, frames, values: base64 of uint8 (bands x frames), lowest band first, 255 is the top of `scale`},
        or null where there is no picture

Numbers that are not finite are null.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.checked_json import OtherVersionError, read_objects

VERSION = 2
"""Of version 1 were kernel distances of a Gaussian kernel, which have another scale."""
FOLDER = "generations"
END = "end"
MEDIA = "media/generations"
NEEDED = ("epoch", "layer", "unit", "name", "aim", "prior", "reference", "lanes", "chosen", "ceiling", "examples")

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

    Those of another version are left out where there is one of this version: the end of a run can be made again, points
    of its training cannot. `points_of_other_versions` names them.

    Raises:
        InputError: A file is damaged, or all are of another version.
    """
    points, others = list[GenerationPoint](), list[OtherVersionError]()
    for path in paths_of(folder):
        try:
            points.append(_load(path, path.stat().st_mtime_ns))
        except OtherVersionError as error:
            others.append(error)
    points = [point for point in points if point.units]
    if others and not points:
        raise others[-1]
    return points


def points_of_other_versions(folder: Path) -> list[str]:
    """Return the names of the points that were written by another version, first to last."""
    names = []
    for path in paths_of(folder):
        try:
            _load(path, path.stat().st_mtime_ns)
        except OtherVersionError:
            names.append(path.stem)
    return names


def paths_of(folder: Path) -> list[Path]:
    """Return the files of the points of a run, first to last, the end after all others."""
    end = folder / FOLDER / f"{END}.jsonl"
    return [*sorted((folder / FOLDER).glob("epoch_[0-9]*.jsonl")), *([end] if end.is_file() else [])]


@functools.lru_cache(maxsize=128)  # pages and their data ask for the same files
def _load(path: Path, changed: int) -> GenerationPoint:
    units = read_objects(path, VERSION, NEEDED, "make it again with explain.py what=generations", _check)
    return GenerationPoint(path.stem, int(units[0].get("epoch") or 0) if units else 0, units)


def _check(unit: Record) -> None:
    if not 0 <= unit["chosen"] < len(unit["lanes"]):
        raise ValueError(f"unit {unit['name']}: lane {unit['chosen']} is chosen of {len(unit['lanes'])}")
    for name in (*files_of(unit["examples"]), *files_of(nearest_of(unit["examples"]))):
        if name != Path(name).name:
            raise ValueError(f"unit {unit['name']}: {name} does not lie in {MEDIA}")


def key_of(unit: Record) -> str:
    """Return what tells one unit and aim from others, such as `/3/maximise`."""
    return f"{unit['layer']}/{unit['unit']}/{unit['aim']}"


def nearest_of(examples: Sequence[Record]) -> list[Record]:
    """Return the real excerpts that are nearest to examples."""
    return [example["nearest"] for example in examples if example.get("nearest")]


def files_of(sounds: Sequence[Record]) -> Iterator[str]:
    """Yield the wav files of examples or real excerpts."""
    for sound in sounds:
        if sound.get("file"):
            yield str(sound["file"])
