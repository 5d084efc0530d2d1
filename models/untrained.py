"""The same network before training: copies of a model whose weights are drawn anew, for sanity checks."""

import copy
from typing import Any, TypeVar

import torch
from torch import nn

from interpretability.isolation import forked_randomness
from models.classifier import AudioClassifier
from models.explanation import require_components
from models.nmf_bottleneck import NMFBottleneck

Module = TypeVar("Module", bound=nn.Module)
HEAD_SPREAD = 0.02
"""Standard deviation from which `NMFBottleneck` draws its weights."""


def untrained(model: Module, seed: int) -> Module:
    """Return a copy of a model with the weights and running statistics of an untrained one.

    Dictionary, levels and other buffers that are learned from data before training stay as they are.
    """
    fresh = copy.deepcopy(model)
    with torch.no_grad(), forked_randomness(seed, torch.device("cpu")):
        for part in fresh.modules():
            _draw_anew(part)
    return fresh


def with_untrained_head(model: AudioClassifier[Any], seed: int) -> AudioClassifier[Any]:
    """Return a copy of a model with components whose decision, and only that, has the weights of an untrained one."""
    fresh = copy.deepcopy(model)
    head = require_components(fresh).bottleneck
    with torch.no_grad(), forked_randomness(seed, torch.device("cpu")):
        _draw_anew(head)
        for part in head.pooling.modules():
            _draw_anew(part)
    return fresh


def _draw_anew(part: nn.Module) -> None:
    """Draw the weights that belong to a module itself as its constructor does."""
    reset = getattr(part, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    if isinstance(part, NMFBottleneck):
        part.weight.normal_(0, HEAD_SPREAD)
        if part.prior is not None:
            part.prior.zero_()
        return
    for weights in part.parameters(recurse=False):
        if weights.numel() > 1:
            weights.normal_(float(weights.mean()), float(weights.std()))
