"""Pictures of generated sounds and real excerpts, all panels of a run on one scale."""

import base64
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.generation_ground import SearchGround
from report.generations_file import paths_of

STRONGEST = 255
"""Value of a panel where its features reach the top of the scale."""
MOST = 256
"""Held-out waveforms whose features set the scale, at most; features are at hand and all count."""


def run_scale(folder: Path, ground: SearchGround) -> tuple[float, float]:
    """Return the scale of a run: that of its earliest point in the same unit, or without one, that of its excerpts.

    Excerpts of other clips or of another length would give a scale of their own, and panels of two points could then
    not be compared.
    """
    for path in paths_of(folder):
        try:
            with path.open(encoding="utf-8") as file:
                first = json.loads(file.readline())
            low, high = (float(value) for value in first["scale"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if first.get("scale_unit") == ground.network.drawn_unit and low < high:
            return low, high
    return panel_scale(ground)


def panel_scale(ground: SearchGround) -> tuple[float, float]:
    """Return the values that are drawn darkest and brightest: the 1 % and 99.9 % quantiles of held-out excerpts."""
    inputs = ground.excerpts.inputs
    if ground.network.sound.kind == "waveform":
        inputs = inputs[torch.linspace(0, len(inputs) - 1, min(MOST, len(inputs))).round().long()]
    values = ground.network.drawn(inputs).flatten().cpu()
    thinned = values[:: max(1, len(values) // 1_000_000)].float()
    low, high = thinned.quantile(torch.tensor([0.01, 0.999])).tolist()
    return low, max(high, low + 1e-6)


def panel(features: Tensor, scale: tuple[float, float]) -> dict[str, Any]:
    """Return features (..., M, T) as whole numbers, the lowest band first."""
    image = features.reshape(-1, *features.shape[-2:])[0]
    whole = ((image - scale[0]) / (scale[1] - scale[0])).clamp(0, 1).mul(STRONGEST).round().to(torch.uint8)
    values = base64.b64encode(whole.contiguous().numpy().tobytes()).decode("ascii")
    return {"bands": image.shape[0], "frames": image.shape[1], "values": values}
