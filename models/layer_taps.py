"""Which layers of a frozen classifier an interpreter reads, and how their maps lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.isolation import isolated
from interpretability.layers.capture import LayerCapture, find_layer, time_axes
from interpretability.layers.choice import auto_layers
from models.activation_decoder import Shape
from models.frozen_classifier import FrozenClassifier, probes


@dataclass(frozen=True)
class LayerTaps:
    """Layers that are read.

    Attributes:
        shapes: path of each layer -> (C, F, T) of its map for a clip of the usual length, shallow first.
        axes: axis of each layer's output that is time, where it is not the last.
    """

    shapes: dict[str, Shape]
    axes: dict[str, int]

    def of(self, frozen: FrozenClassifier) -> LayerCapture:
        """Return a context that catches the maps (B, C, F, T) of these layers."""
        return LayerCapture(frozen.module, list(self.shapes), time_axes=self.axes)


def find_taps(frozen: FrozenClassifier, layers: Sequence[str], n_samples: int) -> LayerTaps:
    """Choose the layers of a classifier to read, or check those that were chosen.

    Args:
        frozen: the classifier.
        layers: dotted paths; none takes the last three resolutions.
        n_samples: length of a clip.

    Raises:
        InputError: A layer that does not exist, is never used, or whose output is no map with a time axis.
    """
    for path in layers:
        find_layer(frozen.module, path)
    short, long = probes(n_samples, 2), probes(n_samples + n_samples // 2, 2)
    with isolated(frozen, 0, torch.device("cpu")):
        chosen = list(layers) or auto_layers(frozen.module, lambda: frozen(short))
        axes = {} if frozen.own is not None else _axes(frozen, chosen, short, long)
        with LayerCapture(frozen.module, chosen, time_axes=axes) as maps:
            frozen(short)
    for path in chosen:
        if path not in maps:
            raise InputError(f"layer '{path}' of {frozen.name} is never called by itself; choose one inside it")
        if maps[path].shape[-1] < 2:
            raise InputError(f"layer '{path}' of {frozen.name} has no time axis left; choose an earlier layer")
    return LayerTaps({path: _shape(maps[path]) for path in chosen}, axes)


def _axes(frozen: FrozenClassifier, layers: Sequence[str], short: Tensor, long: Tensor) -> dict[str, int]:
    """Time axes found with a longer clip; a classifier that takes no other length has its time last."""
    try:
        frozen(long)
    except Exception:  # another's code may raise anything at another length
        return {}
    return time_axes(frozen.module, layers, lambda: frozen(short), lambda: frozen(long))


def _shape(maps: Tensor) -> Shape:
    _, channels, n_bins, n_steps = maps.shape
    return int(channels), int(n_bins), int(n_steps)
