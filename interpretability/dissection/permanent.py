"""Units removed for good: the weights that make them are edited, so that the network always answers as if ablated.

Nothing is added to the network. A unit becomes constant where its row of the layer's last weights is zero and its bias
is what the activation after it turns into the constant: of a block that ends with normalisation and ReLU, the scale
and shift of the normalisation; of one that ends with softplus, a bias so low that softplus is zero.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.ablation import Units, check_output
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import find_layer, outputs

ROWS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
"""Layers that make each unit of their output with one row of weights and one bias."""
LOWEST = -200.0
"""A bias at which softplus, GELU, SiLU and sigmoid are exactly zero in single precision."""
CLOSE = 1e-6
"""How far an edited unit may lie from its constant, relative to the constant where that is above one."""


@torch.no_grad()
def remove_units(
    model: nn.Module,
    units: Units,
    evaluate: Callable[[], Any],
    constants: Mapping[str, Tensor] | None = None,
    axes: Mapping[str, int] | None = None,
) -> None:
    """Edit the weights of a network so that some units are constant, zero by default, and check that nothing else is.

    Args:
        model: any network, edited in place; as it was if anything is raised.
        units: layer path -> units.
        evaluate: runs it on a few clips, on which the edit is checked.
        constants: layer path -> what each of all U units is held at (U,); None for zero.
        axes: layer path -> axis of the units where it is not 1.

    Raises:
        InputError: A layer or unit that does not exist, or a layer of which no weights hold its units constant.
    """
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        with evaluation_mode(model):
            for path, chosen in units.items():
                numbers = sorted({int(unit) for unit in chosen})
                if numbers:
                    constant = None if constants is None else constants[path]
                    _remove(model, path, numbers, evaluate, constant, (axes or {}).get(path, 1))
    except BaseException:
        model.load_state_dict(kept)
        raise


def _remove(
    model: nn.Module, path: str, units: list[int], evaluate: Callable[[], Any], constant: Tensor | None, axis: int
) -> None:
    layer = find_layer(model, path)
    seen = outputs(model, evaluate)
    before = [output for name, _, output in seen if name == path]
    if not before:
        raise InputError(f"layer '{path}' does not run when the network is evaluated; choose one that does")
    check_output(path, before[0], axis, units)
    before = [output.clone() for output in before]
    values = torch.zeros(before[0].shape[axis]) if constant is None else constant.float().cpu()
    inside = [made for name, made, _ in seen if name == path or name.startswith(f"{path}.")]
    for rows in _candidates(inside, len(values)):
        kept = rows.weight.clone(), rows.bias.clone()
        for bias in _biases(values):
            rows.weight[units] = 0
            rows.bias[units] = bias[units].to(rows.bias)
            after = [output for name, _, output in outputs(model, evaluate) if name == path]
            if _constant(before, after, units, values, axis):
                return
            rows.weight.copy_(kept[0])
            rows.bias.copy_(kept[1])
    raise InputError(
        f"layer '{path}' ({type(layer).__name__}): no weights in it hold single units constant; choose a layer that "
        "ends with weights, with normalisation, or with an activation right after them"
    )


def _candidates(inside: Sequence[nn.Module], count: int) -> Iterator[Any]:
    """Yield the layers whose rows may be those of the units, last first."""
    for layer in reversed(inside):
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(layer, ROWS) and weight is not None and bias is not None and len(weight) == count:
            yield layer


def _biases(values: Tensor) -> Iterator[Tensor]:
    """Yield biases that may give the constants: themselves, or what softplus turns into them."""
    yield values
    yield torch.where(values > 0, values.clamp_min(math.exp(LOWEST / 3)).expm1().log(), LOWEST)


def _constant(before: Sequence[Tensor], after: Sequence[Tensor], units: list[int], values: Tensor, axis: int) -> bool:
    """Whether the units are at their constants, all others are as they were, and nothing is NaN."""
    for old, new in zip(before, after, strict=True):
        old_rows, new_rows = old.movedim(axis, 0).flatten(1), new.movedim(axis, 0).flatten(1)
        wanted = values[units].to(new_rows)[:, None]
        if not bool(((new_rows[units] - wanted).abs() <= CLOSE * wanted.abs().clamp_min(1)).all()):
            return False
        others = [unit for unit in range(len(old_rows)) if unit not in set(units)]
        if not torch.allclose(new_rows[others], old_rows[others], rtol=1e-5, atol=1e-6):
            return False
    return True
