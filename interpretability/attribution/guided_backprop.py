"""Guided backpropagation through any network, whether its ReLUs are modules or function calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from interpretability.attribution.gradients import slopes
from interpretability.attribution.settings import AttributionSettings
from interpretability.listening.explained_classifier import ExplainedClassifier

OUT_OF_PLACE = (torch.relu, Tensor.relu)
IN_PLACE = (torch.relu_, Tensor.relu_)


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose slope lets only positive gradients pass, and only where its input is positive."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401 - torch gives the context no type
        ctx.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        gradient: Tensor = gradients[0]
        return torch.where(x > 0, gradient.clamp_min(0), 0.0)


class GuidedReLUs(TorchFunctionMode):
    """Context in which every ReLU is a guided one.

    captum's GuidedBackprop hooks `nn.ReLU` modules; networks that call `F.relu`, as ours do, have none, and it returns
    plain gradients for them. Here the call itself is replaced, whoever makes it: `nn.ReLU`, `F.relu`, `torch.relu`, or
    the tensor's method, in place or not. Other non-linearities keep their own slope, as in the paper.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        named = dict(kwargs or {})
        if func is F.relu:
            inplace = named.get("inplace", args[1] if len(args) > 1 else False)
            func = torch.relu_ if inplace else torch.relu
            args, named = (args[0] if args else named["input"],), {}
        if func in OUT_OF_PLACE:
            return _GuidedReLU.apply(args[0] if args else named["input"])  # type: ignore[no-untyped-call]
        if func in IN_PLACE:
            x: Tensor = args[0] if args else named["input"]
            return x.copy_(_GuidedReLU.apply(x.clone()))  # type: ignore[no-untyped-call]
        return func(*args, **named)


def guided_backprop(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Positive part of the guided slope of the logit in X (Springenberg et al. 2015)."""
    X, maps = torch.log1p(spectrum.abs()), []
    with GuidedReLUs():
        for start in range(0, len(X), settings.chunk):
            part = slice(start, start + settings.chunk)
            maps.append(slopes(f, X[part], spectrum[part], labels[part]))
    return torch.cat(maps).clamp_min(0)
