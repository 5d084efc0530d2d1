"""Figures of generated sounds as pages draw them: one unit over the points of a training."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from report.generations_file import GenerationPoint, Record

SCORES = (
    *("lane", "step", "n", "median", "in_range", "scalar", "layer", "excess", "low", "high"),
    *("kernel", "kernel_low", "kernel_high", "density", "coverage", "recognised", "transfer", "independent", "steps"),
)
"""Columns of the table of settings."""


class Distance(NamedTuple):
    """A distance with what it is read by; None is what could not be measured.

    `low` and `high` are its interval (90 %), `floor` the lowest, mean and highest distance of real excerpts to real
    ones (90 % band, empty where unknown), `ceiling` that of latents that were drawn and not searched.
    """

    value: float | None
    low: float | None
    high: float | None
    floor: tuple[float, ...]
    ceiling: float | None


def distance_of(unit: Record, by: str) -> Distance:
    """Return the distance of the chosen lane: "kernel" or "frechet"."""
    lane, ceiling = unit["chosen"], unit["ceiling"]
    floor = (unit.get("floor") or {}).get(by) or ()
    if by == "kernel":
        value, low, high = (lane.get(name) for name in ("kernel", "kernel_low", "kernel_high"))
        return Distance(value, low, high, tuple(floor), ceiling.get("kernel"))
    value, base = lane.get("layer"), lane.get("floor")
    low, high = lane.get("low"), lane.get("high")
    if value is None or base is None or low is None or high is None:
        return Distance(None, None, None, (), None)
    # The interval is of the distance above its floor.
    return Distance(value, low + base, high + base, tuple(floor) or (base, base, base), ceiling.get("layer"))


def unit_data(records: Sequence[tuple[GenerationPoint, Record]], ticks: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Return one unit over all points, first to last: its film, its curves, and all that is known of the last one."""
    last = records[-1][1]
    facts = ("layer", "unit", "name", "aim", "prior", "reference", "reason", "vocoding", "independent", "sample_rate")
    return {
        **{name: last.get(name) for name in facts},
        "by": "kernel" if distance_of(last, "frechet").value is None else "frechet",
        "seconds": last["excerpt_seconds"],
        "work": last.get("latent_steps"),
        "scale": last.get("picture_scale"),
        "ticks": [list(tick) for tick in ticks],
        "lanes": [_lane(lane) for lane in last["lanes"]],
        "ceiling": _lane(last["ceiling"]),
        "sounds": last["sounds"],
        "points": [_frame(point, unit) for point, unit in records],
    }


def _lane(lane: Mapping[str, Any]) -> dict[str, Any]:
    return {name: lane.get(name) for name in ("name", "chosen", *SCORES)}


def _frame(point: GenerationPoint, unit: Record) -> dict[str, Any]:
    """Return one frame of the film: what was generated first, and the figures that the curves show."""
    lane, ceiling, real = unit["chosen"], unit["ceiling"], unit["reference"]
    sound: Mapping[str, Any] = unit["sounds"][0] if unit["sounds"] else {}
    low, high = real.get("band") or (None, None)
    return {
        "name": "end" if point.end else str(point.epoch),
        "settings": len(unit["lanes"]),
        "kernel": _drawn(distance_of(unit, "kernel")),
        "frechet": _drawn(distance_of(unit, "frechet")),
        "activation": {"value": lane.get("median"), "floor": [low, None, high], "ceiling": ceiling.get("median")},
        "recognised": {"value": lane.get("recognised"), "floor": [], "ceiling": ceiling.get("recognised")},
        "picture": sound.get("picture"),
        "file": sound.get("file"),
    }


def _drawn(d: Distance) -> dict[str, Any]:
    return {"value": d.value, "low": d.low, "high": d.high, "floor": list(d.floor), "ceiling": d.ceiling}
