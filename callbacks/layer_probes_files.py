"""What the layer probes leave in the run folder: a JSON file for each point, and the arrays behind it."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from callbacks.layer_probes_measure import Measured
from callbacks.layer_probes_subject import Subject
from interpretability.layers.carried import Carried
from interpretability.layers.nulls import Null
from report.layer_pages_file import FOLDER, VERSION
from report.run_folder import replace_file


def point_data(
    subject: Subject, found: Measured, epoch: int, n_items: int, end: bool, seconds: float
) -> dict[str, Any]:
    """Return a point as plain data: what report/layer_pages_file.py describes."""
    weights = found.weights
    return {
        "version": VERSION,
        "epoch": epoch,
        "end": end,
        "kind": subject.kind,
        "sample_rate": subject.sample_rate,
        "n": n_items,
        "seconds": seconds,
        "notes": [*subject.notes, *found.notes],
        "layers": [
            {
                "name": path,
                "rate": subject.clocks[path].rate(subject.sample_rate),
                "nyquist": subject.clocks[path].nyquist(subject.sample_rate),
                "span": float(subject.clocks[path].span) / subject.sample_rate,
            }
            for path in subject.layers
        ],
        "unheard": dict(subject.unheard),
        "carried": [_row(row) for row in found.carried],
        "probes": [dict(vars(row)) for row in found.probes],
        "weights": None
        if weights is None
        else {
            "weights": weights.weights.tolist(),
            "spread": weights.spread.tolist(),
            "accuracy": weights.accuracy,
        },
        "cka": None if found.within is None else found.within.tolist(),
        "similar": {name: values.tolist() for name, values in found.similar.items()},
    }


def _row(row: Carried) -> dict[str, Any]:
    if row.found is None:
        return {"layer": row.layer, "property": row.contour, "envelope": row.envelope, "unheard": row.unheard}
    return {
        "layer": row.layer,
        "property": row.contour,
        "envelope": row.envelope,
        "r": [row.found.r, row.found.low, row.found.high],
        "n": row.found.n,
        "untrained": None if row.untrained is None else row.untrained.r,
        "gain": None if row.gain is None else list(row.gain),
        "shuffled": _null(row.shuffled),
        "surrogate": _null(row.surrogate),
        "inside": inside_null(row),
        "published": None if row.published is None else row.published.r,
    }


def inside_null(row: Carried) -> bool:
    """Whether a row says no more than its nulls: the gain's interval holds zero, or r is in a null's middle 95 %."""
    if row.found is None:
        return True
    more = row.gain
    nothing = more is not None and not (more[1] > 0 or more[2] < 0)
    bands = [null.band for null in (row.shuffled, row.surrogate) if null is not None]
    return nothing or any(low <= row.found.r <= high for low, high in bands)


def _null(null: Null | None) -> list[float] | None:
    return None if null is None else [null.mean, *null.band]


def write_point(folder: Path, name: str, data: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Path:
    """Write `layers/<name>.json` and `layers/<name>.npz`; return the path of the first.

    Raises:
        InputError: A file cannot be written; an earlier one is as it was.
    """
    path = folder / FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    stored = {key: value.detach().cpu().numpy().astype(np.float32) for key, value in arrays.items()}
    np.savez_compressed(content, **stored)  # type: ignore[arg-type]
    replace_file(path.with_suffix(".npz"), content.getvalue())
    replace_file(path, json.dumps(plain(data), separators=(",", ":"), allow_nan=False).encode())
    return path


def earlier_grams(folder: Path, epoch: int, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return the Gram matrices of the last point before an epoch; none at the first, or where they cannot be read."""
    found = {int(path.stem.rpartition("_")[2]): path for path in (folder / FOLDER).glob("epoch_[0-9]*.npz")}
    before = max((number for number in found if number < epoch), default=0)
    if not before:
        return {}
    try:
        with np.load(found[before], allow_pickle=False) as file:
            return {path: torch.from_numpy(file[f"gram/{path}"]).double() for path in layers if f"gram/{path}" in file}
    except (OSError, ValueError, EOFError):
        return {}


def plain(data: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return data with five digits in each number, and None for what is not finite."""
    if isinstance(data, bool) or data is None or isinstance(data, str | int):
        return data
    if isinstance(data, float):
        return float(f"{data:.5g}") if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    return [plain(value) for value in data]
