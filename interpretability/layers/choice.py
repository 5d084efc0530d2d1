"""Which layers of an unknown network to look at: the last three resolutions of its maps, or every activation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.capture import outputs

WEIGHTS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
"""Layers whose own output is linear in their input; the activation comes after them."""
SAME = (nn.modules.dropout._DropoutNd, nn.Identity)
"""Layers that return, in eval mode, what they are given."""
PASSING = (
    *SAME,
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.Flatten,
    nn.Upsample,
)
"""Layers that hand on what others have found."""


@dataclass(frozen=True)
class _Map:
    """A map that several layers may have returned: the shortest of their paths, and whether it is an activation."""

    path: str
    resolution: tuple[int, ...]
    activation: bool
    usable: bool


@torch.no_grad()
def auto_layers(module: nn.Module, run_once: Callable[[], Any], count: int = 3) -> list[str]:
    """Choose the deepest layer of each of the last `count` time-frequency resolutions, shallow first.

    Of each resolution the last activation is taken: the output of a non-linearity, or of a block that holds layers. A
    network whose non-linearities are no layers of their own is read before them. What is calculated before the first
    layer with weights is the network's input, not its finding, and is left out.

    Args:
        module: any network, in eval mode.
        run_once: evaluates it on a clip.
        count: layers wanted; fewer are returned where there are fewer resolutions.

    Raises:
        InputError: No layer has maps with a time axis.
    """
    chosen: dict[tuple[int, ...], tuple[int, _Map]] = {}
    for place, found in enumerate(_maps(outputs(module, run_once))):
        before = chosen.get(found.resolution)
        if found.usable and (before is None or found.activation or not before[1].activation):
            chosen[found.resolution] = place, found
    if not chosen:
        raise InputError(
            "no layer of the network has maps with a time axis, of shape (clips, channels, frequency, time) or "
            "(clips, channels, time)"
        )
    return [found.path for _, found in sorted(chosen.values(), key=lambda entry: entry[0])][-count:]


@torch.no_grad()
def every_activation(module: nn.Module, run_once: Callable[[], Any]) -> list[str]:
    """Return all layers whose output is an activation with a time axis, in the order in which they are evaluated.

    These are the outputs of non-linearities, one name for each map. A network whose non-linearities are no layers of
    their own gives its blocks, or where it has none, its layers with weights.

    Args:
        module: any network, in eval mode.
        run_once: evaluates it on a clip.

    Raises:
        InputError: No layer has maps with a time axis.
    """
    maps = list(_maps(outputs(module, run_once)))
    found = [entry.path for entry in maps if entry.usable and entry.activation]
    found = found or [entry.path for entry in maps if entry.usable]
    if not found:
        raise InputError(
            "no layer of the network has maps with a time axis; name the layers, or switch this instrument off for a "
            "model that has none, such as nmf_linear"
        )
    return found


def _maps(seen: list[tuple[str, nn.Module, Any]]) -> Iterator[_Map]:
    """Yield the maps of a network in the order in which they were made; layers that returned the same one are one."""
    started, groups = False, {}  # type: ignore[var-annotated]
    for path, layer, output in seen:
        started = started or any(True for _ in layer.parameters())
        if started and isinstance(output, Tensor) and output.ndim in (3, 4) and output.shape[-1] > 1:
            same = (output.data_ptr(), tuple(output.shape))  # `seen` keeps all outputs, so that no memory is used twice
            groups.setdefault(same, []).append((path, layer))
    for (_, shape), layers in groups.items():
        leaves = [layer for _, layer in layers if not any(True for _ in layer.children())]
        leaves = [layer for layer in leaves if not isinstance(layer, SAME)]
        active = [layer for layer in leaves if not isinstance(layer, WEIGHTS + PASSING)]
        named = [path for path, layer in layers if not isinstance(layer, PASSING)]
        yield _Map(
            path=min(named or [layers[0][0]], key=lambda path: path.count(".")),
            resolution=shape[2:],
            activation=bool(active) or not leaves,
            usable=bool(active) or not leaves or any(isinstance(layer, WEIGHTS) for layer in leaves),
        )
