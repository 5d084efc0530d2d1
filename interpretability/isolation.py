"""Measuring a model without leaving a trace: training flags, gradients and random streams are as they were after it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module and all its parts in eval mode; give each part its own flag back afterwards."""
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training


@contextmanager
def forked_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed Python, NumPy and PyTorch (CPU and `device`) inside, and put their streams back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def isolated(module: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """Eval mode, forked randomness and no gradients.

    Tensors made inside are ordinary ones even where Lightning evaluates in inference mode, so that they may be kept,
    and `torch.enable_grad()` inside gives gradients to whoever needs them.
    """
    with torch.inference_mode(False), torch.no_grad(), forked_randomness(seed, device), evaluation_mode(module):
        yield
