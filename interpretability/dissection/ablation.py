"""Units of any layer silenced, held at their mean or scaled, exactly by index; everything else stays as it was.

A unit is one index of a layer's output on its channel axis: axis 1 of maps (B, C, F, T), (B, C, T) and embeddings
(B, C), or a declared one, such as 2 for tokens (B, T, C).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.capture import find_layer

How = Literal["zero", "mean"] | float
"""What becomes of a unit: zero, its mean over the clips, or its own value times a factor."""
Units = Mapping[str, Sequence[int]]
"""Layer path -> numbers of units."""


@contextmanager
def ablated(
    model: nn.Module,
    units: Units,
    how: How = "zero",
    means: Mapping[str, Tensor] | None = None,
    axes: Mapping[str, int] | None = None,
) -> Iterator[None]:
    """Context in which some units of a network are ablated; hooks are removed on leaving it, by an exception too.

    Each time a layer runs, its outputs are compared with what they were: a unit that was not named and has changed is
    a fault of this function (`AssertionError`), never a small number in a table.

    Args:
        model: any network.
        units: layer path -> units.
        how: "zero", "mean" (of `means`) or a factor; 1 changes nothing.
        means: layer path -> mean of all U units of the layer (U,), from `unit_moments`; needed by "mean".
        axes: layer path -> axis of the units where it is not 1.

    Raises:
        InputError: A layer that does not exist or returns no tensor, a unit that it does not have, or no means.
    """
    with ExitStack() as stack:
        for path, numbers in units.items():
            layer, chosen = find_layer(model, path), sorted({int(number) for number in numbers})
            if how == "mean" and path not in (means or {}):
                raise InputError(f"layer '{path}': mean ablation needs the means of its units (unit_moments)")
            constant = means[path] if how == "mean" and means is not None else None
            hook = _hook(path, chosen, how, constant, (axes or {}).get(path, 1))
            if chosen:
                stack.callback(layer.register_forward_hook(hook).remove)
        yield


def _hook(
    path: str, units: list[int], how: How, mean: Tensor | None, axis: int
) -> Callable[[nn.Module, Any, Any], Tensor]:
    def edit(layer: nn.Module, inputs: Any, output: Any) -> Tensor:  # noqa: ANN401 - a layer may return anything
        check_output(path, output, axis, units)
        index = torch.tensor(units, device=output.device)
        own = output.index_select(axis, index)
        if mean is not None:
            shape = [1] * output.ndim
            shape[axis] = len(units)
            new = mean.to(output)[index].reshape(shape).expand_as(own)
        else:
            new = torch.zeros_like(own) if how == "zero" else own * float(how)
        edited: Tensor = output.index_copy(axis, index, new)
        assert_only(path, output, edited, units, axis)
        return edited

    return edit


def check_output(path: str, output: Any, axis: int, units: Sequence[int]) -> None:  # noqa: ANN401 - of any layer
    """Refuse a layer whose units cannot be told apart.

    Raises:
        InputError: It returns no tensor, has no such axis, or fewer units than are named.
    """
    if not isinstance(output, Tensor):
        raise InputError(f"layer '{path}' returns a {type(output).__name__}, not one map; choose a layer inside it")
    if output.ndim <= axis:
        raise InputError(f"layer '{path}' gives shape {tuple(output.shape)}, which has no axis {axis} of units")
    count = output.shape[axis]
    wrong = [unit for unit in units if not 0 <= unit < count]
    if wrong:
        raise InputError(f"layer '{path}' has no unit {wrong[0]}: its {count} units are numbered from 0 to {count - 1}")


def assert_only(path: str, before: Tensor, after: Tensor, units: Sequence[int], axis: int) -> None:
    """Assert that outputs before and after an edit differ in no unit but the ones named.

    Raises:
        AssertionError: Another unit has changed.
    """
    changed = ~((before == after) | (before.isnan() & after.isnan()))
    found = changed.movedim(axis, 0).flatten(1).any(dim=1)
    found[list(units)] = False
    if bool(found.any()):
        raise AssertionError(f"layer '{path}': unit {int(found.nonzero()[0])} changed, which was not to be ablated")
