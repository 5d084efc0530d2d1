"""Mean and norm of every unit of a layer: what mean ablation puts in its place, and how much ablation takes away."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.ablation import How, check_output
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import find_layer


class Moments(NamedTuple):
    """Of the U units of a layer over all clips and positions: mean (U,) and root mean square (U,)."""

    mean: Tensor
    rms: Tensor

    def norm(self, how: How) -> Tensor:
        """Root mean square (U,) of what an ablation takes away: of the output itself, or of its deviation."""
        return (self.rms.square() - self.mean.square()).clamp_min(0).sqrt() if how == "mean" else self.rms


@torch.no_grad()
def unit_moments(
    model: nn.Module, layers: Sequence[str], evaluate: Callable[[], Any], axes: Mapping[str, int] | None = None
) -> dict[str, Moments]:
    """Mean and root mean square (U,), in double precision, of the units of layers over all clips and positions.

    Args:
        model: any network; it is evaluated in eval mode.
        layers: dotted paths.
        evaluate: runs the model on the clips, in as many calls as it likes.
        axes: layer path -> axis of the units where it is not 1.

    Raises:
        InputError: A layer that does not exist, does not run, or returns no tensor.
    """
    sums: dict[str, tuple[Tensor, Tensor, int]] = {}

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        axis = (axes or {}).get(path, 1)

        def add(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            check_output(path, output, axis, ())
            rows = output.detach().movedim(axis, 0).flatten(1).double().cpu()
            first, second, count = sums.get(path, (torch.zeros(len(rows)), torch.zeros(len(rows)), 0))
            sums[path] = first + rows.sum(dim=1), second + rows.square().sum(dim=1), count + rows.shape[1]

        return add

    with ExitStack() as stack, evaluation_mode(model):
        for path in layers:
            stack.callback(find_layer(model, path).register_forward_hook(hook_of(path)).remove)
        evaluate()
    for path in layers:
        if path not in sums:
            raise InputError(f"layer '{path}' does not run when the network is evaluated; choose one that does")
    return {path: Moments(first / count, (second / count).sqrt()) for path, (first, second, count) in sums.items()}


@torch.no_grad()
def unit_values(
    model: nn.Module, layers: Sequence[str], evaluate: Callable[[], Any], axes: Mapping[str, int] | None = None
) -> dict[str, Tensor]:
    """Return one number of each unit for each clip (N, U), in double precision: its mean over positions.

    Arguments and errors are those of `unit_moments`; clips are on axis 0 of what a layer returns.
    """
    parts: dict[str, list[Tensor]] = {path: [] for path in layers}

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        axis = (axes or {}).get(path, 1)

        def add(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            check_output(path, output, axis, ())
            moved = output.detach().movedim(axis, 1)
            parts[path].append(moved.reshape(*moved.shape[:2], -1).double().mean(dim=2).cpu())

        return add

    with ExitStack() as stack, evaluation_mode(model):
        for path in layers:
            stack.callback(find_layer(model, path).register_forward_hook(hook_of(path)).remove)
        evaluate()
    for path, found in parts.items():
        if not found:
            raise InputError(f"layer '{path}' does not run when the network is evaluated; choose one that does")
    return {path: torch.cat(found) for path, found in parts.items()}
