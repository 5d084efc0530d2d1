"""How near a model's interpretations come to real clips: `generations/interpretations.jsonl`, a line for each point.

    version: 2; epoch: number from 1; end: whether the chosen checkpoint was measured after the training
    split, n_clips, masks: what the masks act on; features: layer whose features are compared
    judge: name of the independent network, or null; judge_note: why there is none
    left_out: names of classes with too few recordings
    rows: one for each class: {name, n, recordings: interpreted clips; n_real, real_recordings: clips they are compared
        with; energy: mean share of a clip that the interpretation keeps; own, judge: networks that hear them}
    own, judge (null without one): {real, stems (null where there are none)}, each with [value, low, high] or null
        for floor (what is of the same kind: whole clips, or clean sources), interpretation, random_mask, and against
        stems also whole (the clips as they are), each as {kernel: [...], frechet: [...] or null}

No recording stands on both sides of a comparison.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from report.checked_json import OtherVersionError, read_objects
from report.run_folder import replace_file

VERSION = 2
"""Of version 1 were kernel distances of a Gaussian kernel, which have another scale."""
FILE = "generations/interpretations.jsonl"
NEEDED = ("epoch", "end", "rows")


def load_interpretations(folder: Path) -> list[dict[str, Any]]:
    """Return the points of a run, first to last; none where interpretations were not compared.

    Raises:
        InputError: The file is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    return read_objects(path, VERSION, NEEDED, "delete it, the next point writes it again")


def save_interpretations(folder: Path, point: Mapping[str, Any]) -> Path:
    """Write a point behind those of earlier epochs; later ones, of a run that was resumed, are dropped.

    So are, with a warning, points of another version: a run of before can be resumed, and explained again.

    Raises:
        InputError: The file cannot be written, or an earlier one cannot be read.
    """
    try:
        known = load_interpretations(folder)
    except OtherVersionError:
        warnings.warn(f"{folder / FILE}: points of another version are left out", stacklevel=2)
        known = []
    before = [old for old in known if not old["end"] and old["epoch"] < point["epoch"] + point["end"]]
    lines = [json.dumps({"version": VERSION, **each}, allow_nan=False) for each in (*before, point)]
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, "".join(f"{line}\n" for line in lines).encode())
    return path
