"""What the layer probes of a run have left in its folder: `layers/epoch_NNNN.json`, `layers/end.json`, and sounds.

A point holds: `epoch`, `end`, `kind` (classifier or generator), `sample_rate`, `n` items, `notes`; `layers` with
`name`, `rate` and `nyquist` in Hz; `unheard`, why others have no clock; `carried`, rows of layer, property and
envelope with `r` and `gain` as [value, low, high], `untrained`, the nulls `shuffled` and `surrogate` as [mean, low,
high], and `inside`; `probes`, rows of layer and target with `score`, `untrained`, `input`, `over_untrained`,
`over_input`, `permuted`; `weights`; `cka` between layers and `similar` with input, untrained and previous. The last
point also has `shown`, the items that are drawn and played, `sections`, `durations` (as published) and `copying`; of a
generator `moved`, `derivative` and `control`, of a classifier `doses`.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.checked_json import read_objects

VERSION = 1
FOLDER = "layers"
END = "end"
SOUNDS = "media/layers"
NEEDED = ("epoch", "kind", "sample_rate", "n", "layers", "carried", "probes")


@dataclass(frozen=True)
class LayerPoints:
    """Points of a run, first to last, as plain data; the end, where there is one, is the last."""

    points: Sequence[Mapping[str, Any]]

    @property
    def last(self) -> Mapping[str, Any]:
        """Return the point that the pages show."""
        return self.points[-1]


def load_points(folder: Path) -> LayerPoints | None:
    """Return the points of a run, or None where no layer was probed.

    Raises:
        InputError: A file is damaged or of another version.
    """
    paths = sorted((folder / FOLDER).glob("epoch_[0-9]*.json"))
    end = folder / FOLDER / f"{END}.json"
    paths += [end] if end.is_file() else []
    return LayerPoints([_load(path, path.stat().st_mtime_ns) for path in paths]) if paths else None


@functools.lru_cache(maxsize=64)  # three pages and their data ask for the same files
def _load(path: Path, changed: int) -> Mapping[str, Any]:
    return read_objects(path, VERSION, NEEDED, "make it again with explain.py what=layers")[0]
