"""What the pages of generated sounds show: what each unit asks for, beside the real excerpt that comes nearest."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from configs.errors import InputError
from report.embed import pcm, script_file
from report.generations_data import Distance, chosen_lane, distance_of, setting_of, setting_text, unit_data
from report.generations_file import (
    MEDIA,
    GenerationPoint,
    Record,
    files_of,
    key_of,
    load_points,
    nearest_of,
    points_of_other_versions,
)
from report.interpretations_file import load_interpretations
from report.page import File
from report.run_contents import RunContents
from report.sound_file import read_sound
from report.thumbnail import png

OUTPUT = ""
"""Layer whose units are the classes."""
PANELS = "generations"
"""Folder of the pictures in the report."""
TENFOLD = "10 dB"
"""Unit of features that are shown in dB."""
WORDS = {"maximise": "maximised", "minimise": "minimised", "reach": "as strong as in real excerpts"}
NAMES = {"kernel": "kernel distance", "frechet": "Fréchet distance"}


class Row(NamedTuple):
    """One unit of the list; shares are places on the common scale of distances, in percent.

    `other` names prior and length where they are not those of the first unit.
    """

    key: str
    name: str
    place: str
    aim: str
    other: str
    example: Mapping[str, Any]
    picture: str | None
    nearest: Mapping[str, Any]
    nearest_picture: str | None
    n: int
    recordings: int
    distance: Distance
    endless: float | None
    marks: Mapping[str, float]
    recognised: float | None
    recognised_unsearched: float | None
    inside: bool


def generations_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the list of units shows, or None where nothing was generated."""
    try:
        points = load_points(run.explanations)
    except InputError as error:
        return {"problem": str(error), "rows": [], "points": []}
    if not points:
        return None
    last = latest(points)
    first = last[0]
    by = "frechet" if all(distance_of(unit, "frechet").value is not None for unit in last) else "kernel"
    found = [distance_of(unit, by) for unit in last]
    top = max([1e-9, *(value for d in found for value in (d.value, d.high, d.ceiling, *d.floor) if value is not None)])
    low = min([0.0, *(value for d in found for value in (d.value, d.low, *d.floor) if value is not None)])
    return {
        "problem": "",
        "points": points,
        "rows": [_row(unit, d, low, top, i, first) for i, (unit, d) in enumerate(zip(last, found, strict=True))],
        "zero": _share(0.0, low, top),
        "ends": (low, top),
        "distance": NAMES[by],
        "lead": lead(last, points_of_other_versions(run.explanations)),
        "prior": first["prior"],
        "judge": first.get("judge"),
        "judge_note": first.get("judge_note", ""),
        "vocoding": first.get("vocoding", ""),
        "seconds": first["seconds"],
        "scale": scale_text(first),
        "related": related(run),
    }


def generation_context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of one unit shows before its data are read, or None where nothing was generated."""
    return None if _points(run) is None else {"related": related(run)}


def generations_files(run: RunContents) -> Iterator[File]:
    """Yield pictures of the list, data of each unit over all points, and the sounds."""
    points = _points(run)
    if points is None:
        return
    last = latest(points)
    keys = [key_of(unit) for unit in last]
    yield script_file(
        "generations",
        {
            "units": [{"key": key, "name": u["name"], "aim": u["aim"]} for key, u in zip(keys, last, strict=True)],
            "sample_rate": last[0]["sample_rate"],
        },
    )
    heard: set[str] = set()
    for i, key in enumerate(keys):
        records = [(point, unit) for point in points for unit in point.units if key_of(unit) == key]
        yield script_file(
            f"generations/unit_{i}", unit_data(records, band_ticks(run.config), scale_text(records[-1][1]))
        )
        # Of earlier points the film shows the first sound alone.
        heard |= {name for _, unit in records for name in files_of(unit["examples"][:1])}
        examples = records[-1][1]["examples"]
        heard |= {*files_of(examples), *files_of(nearest_of(examples))}
        for suffix, shown in (("", examples[:1]), ("_nearest", nearest_of(examples[:1]))):
            if shown and shown[0].get("panel"):
                yield f"{PANELS}/{i}{suffix}.png", picture(shown[0]["panel"])
    for name in sorted(heard):
        sound = read_sound(run.explanations / MEDIA / name)
        if sound is not None:
            yield script_file(f"generations/{name}", pcm(sound))


def picture(panel: Mapping[str, Any]) -> bytes:
    """Return a panel as PNG, low bands below, each value 2 x 2 pixels."""
    shades = np.frombuffer(base64.b64decode(panel["values"]), dtype=np.uint8)
    rows = shades.reshape(int(panel["bands"]), int(panel["frames"]))[::-1]
    return png(np.repeat(np.repeat(rows, 2, axis=0), 2, axis=1))


def latest(points: Sequence[GenerationPoint]) -> list[Record]:
    """Return the last record of each unit and aim, in the order of the last point that has most of them."""
    newest = {key_of(unit): unit for point in points for unit in point.units}
    order = [key_of(unit) for unit in max(reversed(points), key=lambda point: len(point.units)).units]
    return [newest[key] for key in dict.fromkeys([*order, *newest])]


def related(run: RunContents) -> list[tuple[str, str]]:
    """Return files and titles of the pages that belong together; none where there is only one."""
    pages = [("generations.html", "What units ask for")] if _points(run) is not None else []
    try:
        found = bool(load_interpretations(run.explanations))
    except InputError:
        found = False
    pages += [("generations_interpretations.html", "Interpretations against real clips")] if found else []
    return pages if len(pages) > 1 else []


def lead(last: Sequence[Record], others: Sequence[str] = ()) -> str:
    """Say in two sentences what the list compares, and which points of `others` versions it leaves out."""
    first, count = last[0], len(last)
    left_out = first["reference"].get("left_out")
    whose = f"{count} units" if count > 1 else "one unit"
    if all(unit["layer"] == OUTPUT for unit in last):
        whose = f"{count} classes" if count > 1 else "one class"
    return (
        f"What {whose} of the network ask for: sounds generated to excite them, beside the nearest real excerpt of "
        f"those that do. The distance compares {chosen_lane(first)['n']} generated sounds with "
        f"{_range([unit['reference']['n'] for unit in last])} real excerpts each, which did not train the network."
        + (f" Excerpts are {left_out}." if left_out else "")
        + (f" Left out, as another version wrote them: {', '.join(others)}." if others else "")
    )


def scale_text(unit: Record) -> tuple[str, str, str]:
    """Return lowest and highest value of the colours of all panels, and their unit."""
    low, high = unit.get("scale") or (0, 1)
    name = str(unit.get("scale_unit", ""))
    factor, name = (10, "dB") if name == TENFOLD else (1, name)
    return f"{factor * low:.2g}".replace("-", "−"), f"{factor * high:.2g}".replace("-", "−"), name


def band_ticks(config: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return names of frequencies and their height on a panel (0 to 1); none where its bands are not log-mel."""
    count, rate = config.get("front_end.n_mels"), config.get("front_end.sample_rate")
    plain = config.get("front_end.features", "log_mel") == "log_mel" and not config.get("front_end.trainable")
    if not count or not rate or not plain:
        return []
    top = float(config.get("front_end.f_max") or rate / 2)
    low, high = slaney(float(config.get("front_end.f_min") or 0.0)), slaney(top)
    ticks = [hz for hz in (500, 1000, 2000, 4000, 8000, 16000) if hz < 0.95 * top]
    # Band i peaks at edge i + 1 of count + 2, and fills the row from i to i + 1.
    places = [((slaney(hz) - low) / (high - low) * (count + 1) - 0.5) / count for hz in ticks]
    names = [f"{hz // 1000}k" if hz >= 1000 else str(hz) for hz in ticks]
    return [(name, place) for name, place in zip(names, places, strict=True) if 0 < place < 1]


def slaney(hz: float) -> float:
    """Return a frequency on the mel scale of Slaney (1998): linear below 1 kHz, logarithmic above."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _row(unit: Record, d: Distance, low: float, top: float, number: int, first: Record) -> Row:
    example: Mapping[str, Any] = unit["examples"][0] if unit["examples"] else {}
    nearest: Mapping[str, Any] = example.get("nearest") or {}
    marks = {"value": d.value, "low": d.low, "high": d.high, "ceiling": d.ceiling}
    marks |= dict(zip(("floor_low", "floor", "floor_high"), d.floor, strict=False))
    return Row(
        key=key_of(unit),
        name=str(unit["name"]),
        place="" if unit["layer"] == OUTPUT else str(unit["layer"]),
        aim=WORDS.get(str(unit["aim"]), str(unit["aim"])),
        other="" if setting_of(unit) == setting_of(first) else setting_text(unit),
        example=example,
        picture=f"{PANELS}/{number}.png" if example.get("panel") else None,
        nearest=nearest,
        nearest_picture=f"{PANELS}/{number}_nearest.png" if nearest.get("panel") else None,
        n=unit["reference"]["n"],
        recordings=unit["reference"]["recordings"],
        distance=d,
        endless=(unit.get("endless") or [None])[0],
        marks={name: _share(value, low, top) for name, value in marks.items() if value is not None},
        recognised=chosen_lane(unit).get("recognised"),
        recognised_unsearched=unit["ceiling"].get("recognised"),
        inside=bool(chosen_lane(unit).get("in_range")),
    )


def _share(value: float, low: float, top: float) -> float:
    return round(100 * min(max((value - low) / (top - low), 0.0), 1.0), 2)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _points(run: RunContents) -> list[GenerationPoint] | None:
    try:
        return load_points(run.explanations) or None
    except InputError:
        return None
