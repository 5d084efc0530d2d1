"""Columns of the table of trained models: what each means, and where a run folder has it."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.run_folder import RunFolder


@dataclass(frozen=True)
class Column:
    """A column: `up` says whether more is better, None where neither is.

    `control` is the column of what stands beside its figures, such as what chance gives, and `beside` what that is.
    """

    key: str
    label: str
    unit: str
    up: bool | None
    sentence: str
    control: str | None = None
    beside: str = "random"


COLUMNS = (
    Column("accuracy", "accuracy", "%", True, "Share of test clips whose likeliest class is the labelled one; of an "
           "interpreter, by its own answers (L-MAC has none: those of its classifier)."),
    Column("map", "mAP", "%", True, "Mean over classes of the average precision on test clips, over known labels."),
    Column("fidelity", "fidelity", "%", True, "How often, on test clips, an interpreter says what its classifier says "
           "(several labels: average precision for its decisions)."),
    Column("faithfulness", "faithfulness", "%", True, "Input fidelity: share of validation clips that are decided as "
           "before when only the explanation is left of them; behind it the same for random components.",
           "faithfulness_random"),
    Column("frechet", "Fréchet", "", None, "Fréchet distance between sounds generated for the classes and validation "
           "clips of them, mean over classes; behind it that of other real clips. It is small where it is near that of "
           "real clips; models differ in the features it is taken in, so it does not rank them.",
           "frechet_floor", "real"),
    Column("kernel", "kernel", "", None, "The same as a kernel distance, which few clips are enough for.",
           "kernel_floor", "real"),
    Column("named_units", "named units", "%", True, "Share of the units of the last layer that decides (components "
           "where there are) with a name that holds on clips it was not chosen by."),
    Column("seconds", "training", "s", False, "Seconds of training, instruments left out."),
    Column("parameters", "parameters", "k", False, "Trained and fixed parameters, in thousands."),
)  # fmt: skip
BY_KEY = {column.key: column for column in COLUMNS}

FIRST_OF: dict[str, tuple[str, ...]] = {
    "accuracy": ("test/accuracy",),
    "map": ("test/map",),
    "fidelity": ("test/fidelity_top1", "test/fidelity_auprc"),
    "faithfulness": ("faithfulness/chosen_input_fidelity",),
    "faithfulness_random": ("faithfulness/chosen_input_fidelity_random_components",),
    "frechet": ("explanation_fid/end/frechet_distance",),
    "frechet_floor": ("explanation_fid/end/frechet_distance_floor",),
    "kernel": ("explanation_fid/end/kernel_distance",),
    "kernel_floor": ("explanation_fid/end/kernel_distance_floor",),
}
"""Entries of a run's summary, or of its last rows of metrics.csv, that a column takes; the first that is there."""
SHARES = ("accuracy", "map", "fidelity", "faithfulness", "faithfulness_random", "named_units")
"""Columns that runs hold as shares, and the table as per cent."""
PARAMETERS = 1e-3
PREPARED = "explanation_fid/prepare_seconds"
"""Entry that searches of sounds have had since their kernel distance and floors are the present ones."""
OTHER_SCALE = ("frechet_floor", "kernel", "kernel_floor")
"""Columns that are left out of runs without it: their figures have another scale and cannot be averaged with others."""


def cell_figures(folder: RunFolder) -> dict[str, float]:
    """Return the figures of one run, column -> number; columns it has nothing for are left out."""
    last = last_logged(folder.metrics)
    summary = folder.read_summary() or {}
    known: Mapping[str, Any] = last | summary
    if PREPARED not in known:
        other = {name for column in OTHER_SCALE for name in FIRST_OF[column]}
        known = {name: value for name, value in known.items() if name not in other}
    found: dict[str, float] = {}
    for column, names in FIRST_OF.items():
        value = next((known[name] for name in names if _is_number(known.get(name))), None)
        if value is not None:
            found[column] = 100 * float(value) if column in SHARES else float(value)
    if (share := named_share(folder.path / "dissection" / "end.jsonl")) is not None:
        found["named_units"] = 100 * share
    if _is_number(known.get("seconds/fit")):
        found["seconds"] = float(known["seconds/fit"]) - instrument_seconds(last)
    if _is_number(known.get("parameters")):
        found["parameters"] = PARAMETERS * float(known["parameters"])
    return found


def last_logged(path: Path) -> dict[str, float]:
    """Return the last finite value of each metric in a run's metrics.csv; none where it cannot be read."""
    last: dict[str, float] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                numbers = {name: float(cell) for name, cell in row.items() if cell}
                last |= {name: value for name, value in numbers.items() if math.isfinite(value)}
    except (OSError, ValueError, TypeError):
        return {}
    return last


def instrument_seconds(last: Mapping[str, float]) -> float:
    """Return the seconds that instruments spent within a training, from the last values that it logged.

    What is prepared before the clock of the training starts is in the seconds of an instrument, and not within it.
    """
    signs = {"seconds": 1, "prepare_seconds": -1}
    names = {name: name.split("/") for name in last}
    return sum(signs[parts[1]] * last[name] for name, parts in names.items() if len(parts) == 2 and parts[1] in signs)


def named_share(path: Path) -> float | None:
    """Return the share of the units of the last layer in a dissection's records that have a name; None without any."""
    layers: dict[str, dict[int, bool]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            unit = json.loads(line)
            named = layers.setdefault(unit["layer"], {})
            named[unit["unit"]] = named.get(unit["unit"], False) or unit["label"] is not None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not layers:
        return None
    last = layers.get("bottleneck") or list(layers.values())[-1]
    return sum(last.values()) / len(last)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
