"""Outputs of named layers of any network, caught by hooks that go away again.

Layers are named by their dotted module path, as `named_modules` has it. A map that is caught is laid out as
(B, C, F, T): batch, channels, frequency, time. The series (B, C, T) of a one-dimensional network gets F = 1.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from configs.errors import InputError

Reduce = Callable[[Tensor], Tensor]
"""Called with a map (B, C, F, T) inside the hook, so that what is not needed of it is never kept."""

SHOWN = 6
"""Layers that a message lists at most."""


def find_layer(module: nn.Module, path: str) -> nn.Module:
    """Return the layer at a dotted path.

    Raises:
        InputError: There is none; the message names the nearest.
    """
    layers: dict[str, nn.Module] = dict(module.named_modules(remove_duplicate=False))
    layers.pop("", None)
    if path in layers:
        return layers[path]
    near = difflib.get_close_matches(path, layers, n=1, cutoff=0.5)
    hint = f", did you mean '{near[0]}'?" if near else ""
    raise InputError(f"layer '{path}': the network has no such layer{hint or '; layers: ' + _some(layers)}")


def layout(path: str, output: Any, time_axis: int = -1) -> Tensor:  # noqa: ANN401 - a layer may return anything
    """Lay the output of a layer out as a map (B, C, F, T); axis `time_axis` of the output is its time.

    Raises:
        InputError: Several tensors or none, or an output without a time axis, such as an embedding (B, D).
    """
    if not isinstance(output, Tensor):
        raise InputError(f"layer '{path}' returns a {type(output).__name__}, not one map; choose a layer inside it")
    if output.ndim not in (3, 4):
        raise InputError(
            f"layer '{path}' gives shape {tuple(output.shape)}, which has no time axis; choose an earlier layer, whose "
            "maps have shape (clips, channels, frequency, time) or (clips, channels, time)"
        )
    moved = output.movedim(time_axis, -1)
    return moved if output.ndim == 4 else moved.unsqueeze(2)


class LayerCapture:
    """Context in which each evaluation of a network leaves the maps of some layers in a dictionary.

    Example:
        with LayerCapture(network, ["blocks.2"]) as maps:
            network(clips)
        maps["blocks.2"]  # (B, C, F, T)

    The dictionary is filled anew by each evaluation; of a layer called several times in one, the last call counts. Maps
    are not copied: they keep their gradient, and what a later layer changes in place has changed in them. Hooks are
    removed on leaving the context, by an exception too.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Sequence[str],
        reduce: Reduce | None = None,
        time_axes: Mapping[str, int] | None = None,
    ) -> None:
        """Find the layers.

        Args:
            module: any network.
            layers: dotted paths.
            reduce: what is kept of each map instead of the map itself.
            time_axes: axis of each layer's output that is time, where it is not the last (`time_axes`).

        Raises:
            InputError: A layer that does not exist.
        """
        self._layers = {path: find_layer(module, path) for path in layers}
        self._reduce, self._axes = reduce, dict(time_axes or {})
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> dict[str, Tensor]:
        caught: dict[str, Tensor] = {}

        def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
            def catch(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
                found = layout(path, output, self._axes.get(path, -1))
                caught[path] = found if self._reduce is None else self._reduce(found)

            return catch

        self._handles = [layer.register_forward_hook(hook_of(path)) for path, layer in self._layers.items()]
        return caught

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()


@torch.no_grad()
def time_axes(
    module: nn.Module, layers: Sequence[str], run_short: Callable[[], Any], run_long: Callable[[], Any]
) -> dict[str, int]:
    """Find the axis of each layer's output that is time: the one that grows with the clip.

    Args:
        module: the network.
        layers: dotted paths.
        run_short: evaluates the network on a clip.
        run_long: evaluates it on a clip half as long again, or more.

    Raises:
        InputError: A layer without such an axis, or one of which several axes grow.
    """
    shapes: list[dict[str, tuple[int, ...]]] = [{}, {}]
    for run, into in zip((run_short, run_long), shapes, strict=True):
        for path, _, output in outputs(module, run):
            if isinstance(output, Tensor):
                into[path] = tuple(output.shape)
    found: dict[str, int] = {}
    for path in layers:
        find_layer(module, path)
        short, long = (into.get(path, ()) for into in shapes)
        grown = [axis for axis, (a, b) in enumerate(zip(short, long, strict=False)) if a != b]
        if len(grown) != 1 or grown[0] == 0 or len(short) not in (3, 4):
            raise InputError(
                f"layer '{path}' gives shape {short} for a clip and {long} for a longer one: no time axis; choose an "
                "earlier layer"
            )
        found[path] = grown[0]
    return found


def outputs(module: nn.Module, run: Callable[[], Any]) -> list[tuple[str, nn.Module, Any]]:
    """Return path, layer and output of every layer that `run` calls, in the order in which they finish."""
    seen: list[tuple[str, nn.Module, Any]] = []

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda layer, inputs, output: seen.append((path, layer, output))

    handles = [layer.register_forward_hook(hook_of(path)) for path, layer in module.named_modules() if path]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _some(layers: Mapping[str, nn.Module]) -> str:
    names = list(layers)
    return ", ".join(names[-SHOWN:]) if names else "none"
