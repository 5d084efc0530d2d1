"""Which axis of a layer's output is time, where nobody has said so: the one that grows with the clip."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import Axes
from interpretability.layers.capture import find_layer

LONGER = 1.5
"""How much longer the second clip is."""


def found_axes(
    model: nn.Module,
    layers: Sequence[str],
    run: Callable[[ProbeBatch], object],
    clips: ProbeBatch,
    given: Mapping[str, Axes],
) -> dict[str, Axes]:
    """Return the axes that are `given`, and those of layers (B, T, U) and (T, B, U), found with a longer clip.

    A network that takes clips of one length only is read as (B, U, T) and (B, U, F, T).

    Args:
        model: any network, in eval mode.
        layers: dotted paths.
        run: evaluates it.
        clips: two clips or one.
        given: axes by layer.
    """
    unknown = [path for path in layers if path not in given]
    before = _shapes(model, unknown, lambda: run(clips))
    open_ones = [path for path, shape in before.items() if len(shape) == 3]
    if not open_ones:
        return dict(given)
    n = int(LONGER * clips.waveform.shape[-1])
    longer = clips.waveform.repeat(1, 2)[:, :n]
    try:
        after = _shapes(
            model, open_ones, lambda: run(ProbeBatch(longer, torch.full_like(clips.length, n), clips.index))
        )
    except Exception:  # another's code may raise anything at another length
        return dict(given)
    found = dict(given)
    for path, shape in after.items():
        grown = [axis for axis, (a, b) in enumerate(zip(before[path], shape, strict=False)) if a != b]
        if grown == [1]:
            found[path] = Axes(units=2, time=1)
        elif grown == [0]:
            found[path] = Axes(units=2, time=0, clips=1)
    return found


def _shapes(model: nn.Module, layers: Sequence[str], run: Callable[[], object]) -> dict[str, tuple[int, ...]]:
    """Shapes of the outputs of those layers that return one tensor."""
    shapes: dict[str, tuple[int, ...]] = {}

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            if isinstance(output, torch.Tensor):
                shapes[path] = tuple(output.shape)

        return note

    handles = [find_layer(model, path).register_forward_hook(hook_of(path)) for path in layers]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return shapes
