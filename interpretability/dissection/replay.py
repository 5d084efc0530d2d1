"""Evaluating a network again and again from one layer on: what comes before it is computed once.

An ablation changes nothing before its layer. There, the modules return what they returned in the first evaluation, so
that silencing each unit of a deep layer costs the part of the network behind it, and gives the same numbers to the bit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from configs.errors import InputError
from interpretability.layers.capture import find_layer


@contextmanager
def replayed(model: nn.Module, layer: str, run: Callable[[], object]) -> Iterator[None]:
    """Context in which `model` returns in its modules up to `layer` what it returned when `run` was called before.

    `run` has to be what is called inside too, and the network deterministic: eval mode. Hooks of the layer still run. A
    module that is called several times, or once before the layer and once after it, is computed each time.

    Args:
        model: any network.
        layer: dotted path.
        run: evaluates it.

    Raises:
        InputError: There is no such layer.
    """
    target = find_layer(model, layer)
    answers = _finished(model, target, run)
    try:
        for module, output in answers.items():
            module.forward = _return(output)
        yield
    finally:
        for module in answers:
            del module.forward  # the method of the class is found again


def first_of(model: nn.Module, layers: Iterable[str], run: Callable[[], object]) -> str:
    """Return the layer that finishes first when `run` evaluates the network: from there on it may be `replayed`.

    Raises:
        InputError: A layer that does not exist, or of several none that runs.
    """
    found = {find_layer(model, path): path for path in layers}
    if len(found) == 1:
        return next(iter(found.values()))
    order: list[str] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401 - any layer
        order.append(found[module])

    handles = [module.register_forward_hook(note) for module in found]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    if not order:
        raise InputError(f"{', '.join(found.values())}: no such layer runs when the network is evaluated")
    return order[0]


def _finished(model: nn.Module, target: nn.Module, run: Callable[[], object]) -> dict[nn.Module, Any]:
    """Outputs of the largest modules that have finished, each called once, when the layer has."""
    order: list[tuple[nn.Module, Any]] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401 - any layer
        order.append((module, output))

    handles = [module.register_forward_hook(note) for module in model.modules() if "forward" not in vars(module)]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    calls = [module for module, _ in order]
    if calls.count(target) != 1:
        return {}
    done = {module: output for module, output in order[: calls.index(target) + 1] if calls.count(module) == 1}
    inner = {part for module in done for part in module.modules() if part is not module}
    return {module: output for module, output in done.items() if module not in inner}


def _return(output: Any) -> Callable[..., Any]:  # noqa: ANN401 - any layer
    return lambda *inputs, **more: output
