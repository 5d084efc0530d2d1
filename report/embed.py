"""Data of the report as script files: the only way in which pages opened from a disk can read data.

Everything is plain ASCII JSON without `<`, `>` and `&`, so that no name can end a script or open a tag.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def script_file(name: str, data: Any) -> tuple[str, bytes]:  # noqa: ANN401 - any plain data
    """Return path and content of the file from which pages read `data` as soundglass.load(name)."""
    return f"data/{name}.js", f"soundglass.receive({json_text(name)}, {json_text(data)});\n".encode("ascii")


def json_text(data: Any) -> str:  # noqa: ANN401 - any plain data
    """Return plain data as JSON that may stand in any script or attribute; numbers that are not finite become null."""
    text = json.dumps(_finite(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    return text


def floats_text(array: npt.ArrayLike) -> str:
    """Return an array as base64 of little-endian float32, row by row."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode("ascii")


def pcm(waveform: npt.ArrayLike) -> dict[str, Any]:
    """Return samples (N,) as base64 of 16-bit integers, of which the largest stands for `peak`."""
    samples = np.nan_to_num(np.asarray(waveform, dtype=np.float64))
    peak = float(np.abs(samples).max(initial=0.0)) or 1.0
    integers = np.round(samples / peak * 32767).astype("<i2")
    return {"pcm": base64.b64encode(integers.tobytes()).decode("ascii"), "peak": peak}


def _finite(data: Any) -> Any:  # noqa: ANN401
    if isinstance(data, np.ndarray | np.generic):
        data = data.tolist()
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
