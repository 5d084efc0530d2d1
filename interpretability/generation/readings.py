"""Units and layers of a network read with their gradients, and nothing left behind."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from configs.errors import InputError
from interpretability.dissection.read_out import check_read_out, laid_out
from interpretability.generation.prior import Prior
from interpretability.generation.target import OUTPUT, Target
from interpretability.isolation import isolated
from interpretability.layers.capture import find_layer

Run = Callable[[Tensor], Any]
"""Evaluates a network on excerpts (B, ...)."""


class Readings:
    """Context in which units and whole layers of a network are read with their gradients; hooks go away with it.

    Example:
        with Readings(network, {"logit": Target(3), "features": Target(0, "fc8")}) as reader:
            found = reader.read(excerpts)
        found["features"]  # (B, U): every unit of the layer, read out
    """

    def __init__(self, model: nn.Module, targets: Mapping[str, Target], run: Run | None = None) -> None:
        """Find the layers.

        Args:
            model: any network.
            targets: what is read, by a name of one's own.
            run: evaluates the network on excerpts and returns its output; None calls it with them alone.

        Raises:
            InputError: A layer that does not exist.
        """
        self._targets, self._run = dict(targets), model if run is None else run
        self._layers = {t.layer: find_layer(model, t.layer) for t in targets.values() if t.layer != OUTPUT}
        self._caught: dict[str, Any] = {}
        self._handles: list[RemovableHandle] = []

    def read(self, excerpts: Tensor) -> dict[str, Tensor]:
        """Evaluate the network on excerpts (B, ...) and return all units (B, U) of each layer, by the targets' names.

        Raises:
            InputError: A layer that is not called, or gives no single map; a unit that does not exist.
        """
        self._caught = {}
        self._caught[OUTPUT] = self._run(excerpts)
        return {name: self._of(target, len(excerpts)) for name, target in self._targets.items()}

    def _of(self, target: Target, count: int) -> Tensor:
        if target.layer not in self._caught:
            raise InputError(f"layer '{target.layer}' is never called by itself; choose one inside or around it")
        path = target.layer or "output"
        units = read_with_slope(laid_out(path, self._caught[target.layer], target.axes), target)
        if units.shape[0] != count:
            raise InputError(f"layer '{path}' gives {units.shape[0]} rows for {count} excerpts; declare its axes")
        check_unit(path, target.unit, units.shape[1])
        return units

    def __enter__(self) -> "Readings":
        for path, layer in self._layers.items():
            self._handles.append(layer.register_forward_hook(self._hook(path)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caught = {}
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def catch(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            self._caught[path] = output

        return catch


def check_unit(path: str, unit: int | str, count: int) -> None:
    """Refuse units that a layer does not have.

    Raises:
        InputError: Such a unit; the message names the nearest.
    """
    if isinstance(unit, str):
        raise InputError(f"unit '{unit}' of layer '{path}': give its index, or a class by name at the output")
    if not 0 <= unit < count:
        nearest = min(max(unit, 0), count - 1)
        raise InputError(f"layer '{path}' has units 0 to {count - 1} and no unit {unit}; the nearest is {nearest}")


def read_with_slope(maps: Tensor, target: Target) -> Tensor:
    """Read maps (B, U, F, T) of `laid_out` out over frequency and time, as `read_out.read` does, but with gradients."""
    share = check_read_out(target.read_out)
    if target.read_out == "first":
        return maps[:, :, 0, 0]
    inside = maps[..., target.axes.leading :].flatten(2)
    if inside.shape[2] == 1:
        return inside[:, :, 0]
    if target.read_out == "max":
        return inside.amax(dim=-1)
    return inside.mean(dim=-1) if share is None else inside.quantile(share, dim=-1)


@contextmanager
def measuring(model: nn.Module, prior: Prior | None = None, device: torch.device | None = None) -> Iterator[None]:
    """Evaluate without a trace on the caller: eval mode, no gradients, own random streams, no mixed precision."""
    place = device or device_of(model)
    parts = nn.ModuleList([model, *(prior.modules if prior else ())])
    with isolated(parts, 0, place), torch.autocast(place.type, enabled=False):
        yield


def device_of(model: nn.Module) -> torch.device:
    """Return where the first parameter or buffer lies; the CPU without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def checked(
    model: nn.Module, target: Target, excerpts: Tensor, class_names: Sequence[str] = (), run: Run | None = None
) -> Target:
    """Evaluate the network once and return the target with its unit as a number.

    Raises:
        InputError: A layer, class or unit that does not exist; the message names the nearest.
    """
    if isinstance(target.unit, str):
        if target.unit not in class_names:
            near = difflib.get_close_matches(target.unit, class_names, n=1, cutoff=0)
            hint = f"did you mean '{near[0]}'?" if near else "no class names were given; use its index"
            raise InputError(f"class '{target.unit}': the network has no such class, {hint}")
        target = replace(target, unit=list(class_names).index(target.unit))
    unit_activations(model, target, excerpts[:2], run)
    return target


def unit_activations(
    model: nn.Module,
    target: Target,
    excerpts: Tensor,
    run: Run | None = None,
    batch: int = 64,
) -> Tensor:
    """Return the activations (n,) of a unit for excerpts (n, ...), without a trace on the network.

    Raises:
        InputError: A unit that does not exist.
    """
    with measuring(model), Readings(model, {"unit": target}, run) as reader:
        parts = [reader.read(part)["unit"][:, target.number].cpu() for part in torch.split(excerpts, batch)]
        return torch.cat(parts)
