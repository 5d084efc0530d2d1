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


def chosen_lane(unit: Record) -> Mapping[str, Any]:
    """Return the setting that was chosen."""
    lane: Mapping[str, Any] = unit["lanes"][unit["chosen"]]
    return lane


def distance_of(unit: Record, by: str) -> Distance:
    """Return the distance of the chosen lane: "kernel" or "frechet"."""
    lane, ceiling = chosen_lane(unit), unit["ceiling"]
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


class Film(NamedTuple):
    """Points of one unit that can be compared: those of the prior and length that most of them have.

    `left_out` says in words what the others are, each in one phrase.
    """

    records: Sequence[tuple[GenerationPoint, Record]]
    left_out: Sequence[str]


def film_of(records: Sequence[tuple[GenerationPoint, Record]]) -> Film:
    """Return the points of a unit that make its film; of two settings with as many points, the later one's."""
    settings = [setting_of(unit) for _, unit in records]
    most = max(reversed(settings), key=settings.count)
    others: dict[str, list[str]] = {}
    for (point, unit), setting in zip(records, settings, strict=True):
        if setting != most:
            others.setdefault(setting_text(unit), []).append("end" if point.end else f"epoch {point.epoch}")
    told = [f"{', '.join(names)}: {text}" for text, names in others.items()]
    return Film([pair for pair, setting in zip(records, settings, strict=True) if setting == most], told)


def setting_of(unit: Record) -> tuple[Any, ...]:
    """Return what sounds of two points have in common if they can be compared: prior and length."""
    prior = unit["prior"]
    # The note of one without training counts the excerpts that it was made of, which may differ.
    return prior.get("name"), prior.get("note") if prior.get("trained") else "", unit.get("seconds")


def setting_text(unit: Record) -> str:
    """Return prior and length in words."""
    note = str(unit["prior"].get("note") or unit["prior"].get("name"))
    return note if unit.get("seconds") is None else f"{unit['seconds']:.3g} s, {note}"


def unit_data(
    records: Sequence[tuple[GenerationPoint, Record]],
    ticks: Sequence[tuple[str, float]] = (),
    scale: tuple[str, str, str] = ("", "", ""),
) -> dict[str, Any]:
    """Return one unit over its points, first to last: its film, its curves, and all that is known of the last one.

    The film and the curves leave out points of another prior or length than most have.

    Args:
        records: of the unit, with their points.
        ticks: names of frequencies and their height on a panel.
        scale: lowest and highest value of the panels, and their unit.
    """
    last, film = records[-1][1], film_of(records)
    facts = ("layer", "unit", "name", "aim", "prior", "reference", "reason", "vocoding", "judge", "judge_note")
    more = ("sample_rate", "seconds", "work", "search")
    return {
        **{name: last.get(name) for name in (*facts, *more)},
        "by": (by := "kernel" if distance_of(last, "frechet").value is None else "frechet"),
        "distance": _drawn(distance_of(last, by)),
        "ticks": [list(tick) for tick in ticks],
        "scale": list(scale),
        "chosen": last["chosen"],
        "lanes": [_lane(lane) for lane in last["lanes"]],
        "ceiling": _lane(last["ceiling"]),
        "examples": last["examples"],
        "points": [_frame(point, unit) for point, unit in film.records],
        "left_out": list(film.left_out),
    }


def _lane(lane: Mapping[str, Any]) -> dict[str, Any]:
    return {name: lane.get(name) for name in SCORES}


def _frame(point: GenerationPoint, unit: Record) -> dict[str, Any]:
    """Return one frame of the film: what was generated first, and the figures that the curves show."""
    lane, ceiling, real = chosen_lane(unit), unit["ceiling"], unit["reference"]
    example: Mapping[str, Any] = unit["examples"][0] if unit["examples"] else {}
    return {
        "name": "end" if point.end else str(point.epoch),
        "search": unit.get("search", "full"),
        "kernel": _drawn(distance_of(unit, "kernel")),
        "frechet": _drawn(distance_of(unit, "frechet")),
        "activation": {
            "value": lane.get("median"),
            "floor": [real.get("low"), real.get("median"), real.get("high")],
            "ceiling": ceiling.get("median"),
        },
        "recognised": {"value": lane.get("recognised"), "floor": [], "ceiling": ceiling.get("recognised")},
        "panel": example.get("panel"),
        "file": example.get("file"),
    }


def _drawn(d: Distance) -> dict[str, Any]:
    return {"value": d.value, "low": d.low, "high": d.high, "floor": list(d.floor), "ceiling": d.ceiling}
