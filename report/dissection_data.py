"""Data files of the gallery of units: one list to search, the units in shards, each clip when it is played."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from report.dissection_file import SOUNDS, UnitsFile
from report.embed import pcm, script_file
from report.page import File
from report.sound_file import read_sound

SHARD = 40
"""Units in one file; a page reads the one that holds its unit."""


def unit_key(unit: Mapping[str, Any]) -> str:
    """Return the name by which pages point at a unit and pole: `layer/unit+` or `layer/unit-`."""
    return f"{unit['layer']}/{unit['unit']}{'+' if unit['pole'] > 0 else '-'}"


def unit_files(found: UnitsFile, folder: Path) -> Iterator[File]:
    """Yield the list, the shards and the sounds; `folder` holds the wav files."""
    read = ((i, read_sound(folder / SOUNDS / (clip.file or ""))) for i, clip in enumerate(found.clips))
    sounds = {i: sound for i, sound in read if sound is not None}
    yield script_file("units", _list(found, set(sounds)))
    for first in range(0, len(found.units), SHARD):
        shard = {unit_key(unit): unit for unit in found.units[first : first + SHARD]}
        yield script_file(f"units/{first // SHARD}", shard)
    for number, sound in sounds.items():
        yield script_file(f"probe/{number}", pcm(sound))


def _list(found: UnitsFile, heard: set[int]) -> dict[str, Any]:
    """What the gallery searches, filters and sorts by."""
    return {
        "source": found.source,
        "read_out": found.read_out,
        "front_end": found.front_end,
        "layers": found.layers,
        "points": [{"epoch": point.epoch, "end": point.end, "problem": point.problem} for point in found.points],
        "clips": [
            {"name": clip.name, "seconds": clip.seconds, "labels": clip.labels, "heard": number in heard}
            for number, clip in enumerate(found.clips)
        ],
        "shard": SHARD,
        "units": [_entry(unit, found.layers) for unit in found.units],
    }


def _entry(unit: Mapping[str, Any], layers: Any) -> list[Any]:  # noqa: ANN401 - a sequence of names
    """One row, as short as can be: its meaning by place stands in report/assets/units_data.js."""
    top, spread, history = unit["top"], unit["polysemanticity"], unit["history"]
    overlap = next((point["overlap"] for point in reversed(history) if point["overlap"] is not None), None)
    ablation = unit["ablation"]
    return [
        layers.index(unit["layer"]),
        unit["unit"],
        unit["pole"],
        unit["label"],
        unit["sentence"],
        unit["auprc"],
        unit["chance"],
        int(unit["dead"]),
        None if spread is None or spread["polysemantic"] is None else int(spread["polysemantic"]),
        top[0]["index"] if top else None,
        top[0]["seconds"] if top else None,
        overlap,
        None if ablation is None else max((z for z in ablation["z"] if z is not None), default=None),
    ]
