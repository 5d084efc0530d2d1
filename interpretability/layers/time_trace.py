"""Exact time base of every layer of any network, followed through the functions that a forward pass calls.

Every tensor that comes from the sound carries its clock along: through convolutions, poolings, padding, cropping,
Fourier transforms and reshaping, in modules or as plain functions. Where branches meet, their clocks must be the same:
a residual path that is a sample off has no single time base, and is refused.

A convolution that computes itself in another way, such as in phases, is taken at its word: its own kernel, stride and
padding. Sums over the whole clip (a gate of squeeze and excitation) have no time, and what they scale keeps its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import find_layer
from interpretability.layers.time_base import TimeBase
from interpretability.layers.time_rules import LOST, MIXING, RULES, Found, Traced, of_layer, permuted, summed


class _Trace(TorchFunctionMode):
    """Context in which the clocks of tensors are followed; `found` has the clock, or why there is none, by tensor."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[int, tuple[Tensor, Traced | str]] = {}  # the tensor is kept, so that no id is used twice

    def mark(self, tensor: Tensor, found: Found) -> None:
        """Note the clock of a tensor."""
        if found is not None:
            self._found[id(tensor)] = tensor, found
        else:
            self._found.pop(id(tensor), None)

    def of(self, tensor: object) -> Traced | str | None:
        """Return the clock of a tensor, why it has none, or None where it does not come from the sound."""
        return self._found.get(id(tensor), (None, None))[1]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        sources = [value for value in _tensors((*args, *(kwargs or {}).values())) if self.of(value) is not None]
        results = [value for value in _tensors((result,)) if value.is_floating_point() or value.is_complex()]
        for value in results if sources else ():
            self.mark(value, self._after(_name(func), sources, value, args, kwargs or {}))
        return result

    def _after(
        self, name: str, sources: list[Tensor], result: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Found:
        ways: list[Traced] = []
        for source in sources:
            of = self.of(source)
            if isinstance(of, str):
                return of
            found = _step(name, of, source, result, args, kwargs) if of is not None else None
            if isinstance(found, str):
                return f"`{name}` gives shape {tuple(result.shape)}: {found}"
            ways += [found] if found is not None else []
        return _met(ways, name) if ways else None


@dataclass(frozen=True)
class LayerClocks:
    """What is known of the time of several layers."""

    clocks: dict[str, TimeBase]
    axes: dict[str, int]
    """Axis of each layer's output that is time, as `LayerCapture` and `SeriesCapture` take it."""
    unheard: dict[str, str]
    """Why a layer has no clock, one line each."""


def layer_clocks(
    module: nn.Module, layers: Sequence[str], sound: Tensor, run: Callable[[], Any] | None = None
) -> LayerClocks:
    """Return the clocks of those layers that have one, and why the others have none; as `analysis_time_bases`.

    Raises:
        InputError: A layer that does not exist or is not called.
    """
    trace = _Trace()
    trace.mark(sound, Traced(TimeBase(), sound.ndim - 1))
    caught = _run(module, layers, trace, run or (lambda: module(sound)), None)[0]
    heard = {path: found for path, found in caught.items() if isinstance(found, Traced)}
    unheard = {path: _why(path, found) for path, found in caught.items() if not isinstance(found, Traced)}
    return LayerClocks(
        {path: found.base for path, found in heard.items()},
        {path: found.axis for path, found in heard.items()},
        unheard,
    )


def analysis_time_bases(
    module: nn.Module,
    layers: Sequence[str],
    sound: Tensor,
    run: Callable[[], Any] | None = None,
) -> dict[str, TimeBase]:
    """Return the clocks of layers of a network that hears a sound.

    Args:
        module: any network.
        layers: dotted paths.
        sound: what it is given, (B, N) or (B, 1, N), its last axis time; one clip is enough. For a network on
            spectrograms (B, 1, F, T), clocks count in frames.
        run: evaluates the network on this very tensor; `module(sound)` if None.

    Raises:
        InputError: A layer that does not exist, is not called, has no time, or whose time cannot be followed.
    """
    found = layer_clocks(module, layers, sound, run)
    if found.unheard:
        raise InputError(next(iter(found.unheard.values())))
    return found.clocks


def synthesis_time_bases(
    module: nn.Module, layers: Sequence[str], run: Callable[[], Tensor], time_axes: Mapping[str, int] | None = None
) -> dict[str, TimeBase]:
    """Return the clocks of layers of a network that makes a sound, in samples of that sound.

    The clock starts at the first of `layers` that is called, whose time axis is its last one or that of `time_axes`.

    Args:
        module: any network, such as a generator.
        layers: dotted paths.
        run: evaluates it and returns the sound, (B, N) or (B, 1, N).
        time_axes: axis of a layer's output that is time, where it is not the last.

    Raises:
        InputError: As `analysis_time_bases`, or a sound that does not come from the layers.
    """
    trace = _Trace()
    caught, sound = _run(module, layers, trace, run, dict(time_axes or {}))
    clocks = {path: _clock(path, found) for path, found in caught.items()}
    output = _clock("the sound", trace.of(sound))
    return {path: clock.seen_from(output) for path, clock in clocks.items()}


@torch.no_grad()
def _run(
    module: nn.Module,
    layers: Sequence[str],
    trace: _Trace,
    run: Callable[[], Any],
    starts: Mapping[str, int] | None,
) -> tuple[dict[str, Found], Any]:
    caught: dict[str, Found] = {}

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            if starts is not None and not caught and isinstance(output, Tensor) and output.ndim > 2:
                trace.mark(output, Traced(TimeBase(), starts.get(path, -1) % output.ndim))
            caught[path] = trace.of(output)

        return note

    def declared(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
        before = trace.of(inputs[0])
        if not isinstance(before, Traced) or not isinstance(layer, nn.modules.conv._ConvNd):
            return
        if isinstance(trace.of(output), str):
            trace.mark(output, of_layer(before, inputs[0], output, layer))

    convolutions = [layer for layer in module.modules() if isinstance(layer, nn.modules.conv._ConvNd)]
    handles = [layer.register_forward_hook(declared) for layer in convolutions]
    handles += [find_layer(module, path).register_forward_hook(hook_of(path)) for path in layers]
    try:
        with evaluation_mode(module), trace:
            result = run()
    finally:
        for handle in handles:
            handle.remove()
    if missing := [path for path in layers if path not in caught]:
        raise InputError(f"layer '{missing[0]}' is not called when the network is evaluated; choose another")
    return {path: caught[path] for path in layers}, result


def _clock(path: str, found: Found) -> TimeBase:
    if isinstance(found, Traced):
        return found.base
    raise InputError(_why(path, found))


def _why(path: str, found: str | None) -> str:
    name = path if path == "the sound" else f"layer '{path}'"
    return f"{name} has no time base: {found or 'no axis of its output is time'}; choose an earlier layer"


def _step(
    name: str, of: Traced, source: Tensor, result: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Found:
    """Return the clock of a function's result as one of its inputs gives it."""
    if name in LOST or name in MIXING:
        return "its steps are no longer at one place in the sound each"
    if name == "permute":
        dims = args[1:] if len(args) > 1 and isinstance(args[1], int) else kwargs.get("dims", args[-1])
        return permuted(of, source, result, {"dims": dims})
    if name == "einsum" and isinstance(args[0], str):
        place = next(i for i, value in enumerate(_tensors(args[1:])) if value is source)
        return summed(of, source, place, args[0])
    if name in RULES and source is (args[0] if args else kwargs.get("input")):
        rule, names = RULES[name]
        return rule(of, source, result, {**dict(zip(names, args, strict=False)), **kwargs})
    if name in ("cat", "stack"):
        dim = kwargs.get("dim", args[1] if len(args) > 1 else 0) % result.ndim
        if name == "cat" and dim == of.axis:
            return "it joins stretches of time"
        return Traced(of.base, of.axis + (name == "stack" and dim <= of.axis))
    axis = of.axis + result.ndim - source.ndim  # what is broadcast is aligned at the end
    if axis < 0 or result.shape[axis] != source.shape[of.axis]:
        return None if source.shape[of.axis] == 1 else "its time axis cannot be followed"
    return Traced(of.base, axis)


def _met(ways: list[Traced], name: str) -> Found:
    """Return the clock where branches meet, or how two of them disagree."""
    first = ways[0]
    for way in ways[1:]:
        if way.axis != first.axis or not way.base.same_clock(first.base):
            return f"branches that meet in `{name}` disagree ({first.base} against {way.base})"
    return replace(first, base=replace(first.base, span=max(way.base.span for way in ways)))


def _tensors(values: Any) -> list[Tensor]:  # noqa: ANN401
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def _name(func: Any) -> str:  # noqa: ANN401
    name = getattr(func, "__name__", "")
    return str(getattr(getattr(func, "__self__", None), "__name__", name)) if name == "__get__" else str(name)
