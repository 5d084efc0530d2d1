"""What a model does as units are turned down and up: from silence over their own level to twice of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from interpretability.dissection.ablation import Units, ablated
from interpretability.dissection.ablation_effect import SIDES
from interpretability.dissection.answers import Answers
from interpretability.isolation import evaluation_mode

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
"""Factors of the units' outputs."""


@torch.no_grad()
def dose_response(
    model: nn.Module,
    evaluate: Callable[[], Answers],
    units: Units,
    scales: Sequence[float] = SCALES,
    axes: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Scale units by each of several factors and return each class's figures, as plain data.

    Args:
        model: any network; nothing of it is changed.
        evaluate: runs it on always the same clips.
        units: layer path -> units.
        scales: factors.
        axes: layer path -> axis of the units where it is not 1.

    Returns:
        `scales`, and `classes`: for each class figure -> forget and retain -> one value for each scale.

    Raises:
        InputError: A layer or unit that does not exist.
    """
    found = []
    with evaluation_mode(model):
        for scale in scales:
            with ablated(model, units, float(scale), axes=axes):
                found.append(evaluate().per_class())
    n_classes = next(iter(found[0].values())).shape[1]
    classes = [
        {
            name: {side: [float(part[name][row, c]) for part in found] for row, side in enumerate(SIDES)}
            for name in found[0]
        }
        for c in range(n_classes)
    ]
    return {"scales": [float(scale) for scale in scales], "classes": classes}
