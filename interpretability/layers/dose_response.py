"""What a graded change of the sound does in every layer of a network that hears it: parametric stimuli and edits.

The counterpart of a latent sweep for classifiers. Sounds are stacked by item and dose; a stimulus of one kind is a
single item, edits of K clips are K of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.effects import DoseEffect, Estimate, dose_effect, estimate
from interpretability.layers.series import Reduction, SeriesCapture

LEAST = 1e-4
"""Share of a layer's level that it has to change by for a comparison with the sham: less is rounding."""


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """Answers of one layer."""

    layer: str
    level: DoseEffect
    """Mean of the series over time against the dose: what a tuning curve shows."""
    change: DoseEffect
    """Root mean square distance of the series from that at the reference dose, against the dose."""
    against_sham: Estimate | None
    """Change at the last dose minus that of sounds handled alike without it, as a share of the former; None without."""


def dose_response(
    network: nn.Module,
    layers: Sequence[str],
    sounds: Tensor,
    doses: Tensor,
    reference: int = 0,
    sham: Tensor | None = None,
    reduction: Reduction = "norm",
    batch_size: int = 64,
    draws: int = 2000,
    seed: int = 0,
    time_axes: Mapping[str, int] | None = None,
) -> list[DoseResponse]:
    """Play sounds to a network and follow its layers.

    Args:
        network: takes sounds (B, N).
        layers: dotted paths.
        sounds: (K, S, N), item by dose; a set of stimuli (S, N) is one item.
        doses: (S,).
        reference: index of the dose that the others are compared with, such as that of the clip as it is.
        sham: (K, S, N), the same handling without the change.
        reduction: what is kept of each layer, a series.
        batch_size: sounds at a time.
        draws: of the bootstrap over items.
        seed: of the bootstrap.
        time_axes: axis of a layer's output that is time, where it is not the last.

    With one item there are no intervals.

    Raises:
        InputError: Shapes that do not fit, layers that do not exist or have no time.
    """
    stacked = sounds[None] if sounds.ndim == 2 else sounds
    if stacked.ndim != 3 or stacked.shape[1] != len(doses) or not 0 <= reference < len(doses):
        raise InputError(
            f"sounds {tuple(sounds.shape)} for {len(doses)} doses: they have to be (items, doses, samples)"
        )
    if sham is not None and sham.shape != stacked.shape:
        raise InputError(f"sham sounds {tuple(sham.shape)} have to be as the sounds, {tuple(stacked.shape)}")
    series = _series(network, layers, stacked, reduction, batch_size, time_axes)
    control = _series(network, layers, sham, reduction, batch_size, time_axes) if sham is not None else {}
    found = []
    for layer in layers:
        values = series[layer].double()
        level = dose_effect(values.mean(dim=-1), doses, draws, seed)
        distance = _distance(values, values[:, reference : reference + 1])
        beside = None
        if layer in control:
            handled = _distance(control[layer].double(), values[:, reference : reference + 1])
            moved = distance[:, -1]
            least = LEAST * values[:, reference].square().mean(dim=-1).sqrt()
            beside = estimate((moved - handled[:, -1]) / moved.where(moved > least, torch.nan), draws, seed)
        found.append(DoseResponse(layer, level, dose_effect(distance, doses, draws, seed), beside))
    return found


def _series(
    network: nn.Module,
    layers: Sequence[str],
    sounds: Tensor,
    reduction: Reduction,
    batch_size: int,
    axes: Mapping[str, int] | None,
) -> dict[str, Tensor]:
    """Return the series (K, S, T) of each layer, on the CPU."""
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    with SeriesCapture(network, layers, (reduction,), time_axes=axes) as caught:
        for some in torch.split(sounds.flatten(0, 1), batch_size):
            network(some)
            for layer in layers:
                parts[layer].append(caught[layer][reduction].cpu())
    return {layer: torch.cat(found).view(*sounds.shape[:2], -1) for layer, found in parts.items()}


def _distance(values: Tensor, reference: Tensor) -> Tensor:
    return (values - reference).square().mean(dim=-1).sqrt()
