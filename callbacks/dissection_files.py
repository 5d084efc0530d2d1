"""What a dissection leaves in the run folder: a JSON line for each unit and point, the clips it plays, the gallery."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from callbacks.media import write_wav
from callbacks.probe_clips import ProbeClips
from configs.dissection_schema import DissectionConfig
from configs.errors import InputError
from interpretability.dissection.drift import Drift, settled
from interpretability.dissection.unit_report import HistoryPoint, UnitReport, from_plain, to_plain
from models.front_end import FrontEnd
from report.array_file import file_name
from report.dissection_file import FOLDER, SOUNDS, Point, ProbeClip, UnitsFile, load_units, save_units
from report.run_folder import replace_file

END = "end"
"""Name of the last point, in place of the epoch's number."""


def point_name(epoch: float) -> str:
    """Return the name of the point after epoch number `epoch`, or after a part of the first."""
    return f"epoch_{int(epoch):04d}" if epoch >= 1 else f"epoch_{epoch:.6f}"


def write_lines(folder: Path, name: str, reports: Iterable[UnitReport]) -> Path:
    """Write one JSON line for each record into `dissection/<name>.jsonl`; return the path.

    Raises:
        InputError: The file cannot be written; an earlier one is as it was.
    """
    path = folder / FOLDER / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(to_plain(report), separators=(",", ":"), allow_nan=False) for report in reports]
    replace_file(path, "".join(f"{line}\n" for line in lines).encode())
    return path


def read_lines(path: Path) -> list[UnitReport]:
    """Return the records of a file that `write_lines` wrote.

    Raises:
        InputError: The file is damaged or of another version.
    """
    try:
        return [from_plain(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def earlier_point(folder: Path, epoch: float) -> tuple[float, list[UnitReport]]:
    """Return number and records of the last point before an epoch; 0 and none at the first.

    Points of a training that went on further before it was resumed are not looked at.
    """
    found = {float(path.stem.rpartition("_")[2]): path for path in (folder / FOLDER).glob("epoch_[0-9]*.jsonl")}
    before = max((number for number in found if number < epoch - 1e-6), default=0.0)
    return before, read_lines(found[before]) if before else []


def with_history(
    reports: Iterable[UnitReport], before: Sequence[UnitReport], epoch: float, overlaps: Mapping[str, float]
) -> list[UnitReport]:
    """Return records that know what the unit was at the points before, and this one as the last."""
    known = {report.key: report.history for report in before}
    found = []
    for report in reports:
        score = None if report.label is None else report.auprc
        point = HistoryPoint(epoch, report.label, score, overlaps.get(report.key), report.dead)
        history = (*known.get(report.key, ()), point)
        since = settled([point.overlap for point in history], [point.epoch for point in history])
        found.append(dataclasses.replace(report, history=history, settled=since))
    return found


def point_of(
    epoch: float,
    figures: Mapping[str, Mapping[str, float]],
    drifts: Mapping[str, Drift],
    problem: str = "",
    end: bool = False,
) -> Point:
    """Return a point for the report: figures (layer -> figure -> value) turned round, not finite ones as None."""
    drifted = {
        layer: {"overlap": found.overlap, "overlap_floor": found.floor, "renamed": found.renamed, "born": found.born}
        for layer, found in drifts.items()
    }
    turned: dict[str, dict[str, float | None]] = {}
    for by_name in (figures, drifted):
        for layer, values in by_name.items():
            for name, value in values.items():
                turned.setdefault(name, {})[layer] = float(f"{value:.6g}") if math.isfinite(value) else None
    return Point(epoch, turned, problem, end)


def write_gallery(
    folder: Path,
    reports: Sequence[UnitReport],
    probes: ProbeClips,
    concepts: Sequence[str],
    settings: DissectionConfig,
    front_end: FrontEnd,
    point: Point,
    notes: Sequence[str] = (),
) -> None:
    """Write `dissection/units.json` and the clips it plays: `settings.played` at either end of each unit.

    Points of this epoch and later ones are replaced; those before are kept. `notes` say what was not measured, and why.

    Raises:
        InputError: A file cannot be written.
    """
    kept = [_cut(report, settings.played) for report in reports]
    heard = sorted({excerpt.index for report in kept for excerpt in (*report.top, *report.bottom)})
    files = write_sounds(folder, probes, heard)
    clips = [
        ProbeClip(name, _seconds(probes, i), labels, files.get(i))
        for i, (name, labels) in enumerate(zip(probes.names, probes.labels, strict=True))
    ]
    save_units(
        folder,
        UnitsFile(
            source=next((report.source for report in reports), ""),
            concepts=list(concepts),
            read_out=settings.read_out,
            front_end=front_end.settings,
            layers=list(dict.fromkeys(report.layer for report in kept)),
            clips=clips,
            units=[to_plain(report) for report in kept],
            points=[*_points_before(folder, point), point],
            notes=list(notes),
        ),
    )


def write_sounds(folder: Path, probes: ProbeClips, positions: Iterable[int]) -> dict[int, str]:
    """Write clips of the probe set that are not there yet; return position -> file name."""
    files = {position: f"{file_name(probes.names[position])}.wav" for position in positions}
    for position, name in files.items():
        path = folder / SOUNDS / name
        if not path.is_file():
            write_wav(path, probes.sound(position).numpy(), probes.sample_rate)
    return files


def _seconds(probes: ProbeClips, position: int) -> float:
    length = int(probes.batch([position]).length[0])
    return round(length / probes.sample_rate, 4)


def _points_before(folder: Path, point: Point) -> list[Point]:
    try:
        found = load_units(folder)
    except InputError:
        return []  # a damaged gallery is made anew
    return (
        [] if found is None else [old for old in found.points if old.epoch < point.epoch or (point.end and not old.end)]
    )


def _cut(report: UnitReport, played: int) -> UnitReport:
    return dataclasses.replace(report, top=report.top[:played], bottom=report.bottom[:played])
