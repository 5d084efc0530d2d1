"""What a model costs: its parameters and the arithmetic of one evaluation."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable values of a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def count_flops(model: nn.Module, *inputs: Tensor) -> int:
    """Return the floating-point operations of matrix products and convolutions in one evaluation of `model(*inputs)`.

    A multiplication and an addition count as two; Fourier transforms and element-wise work are not counted.
    """
    training = model.training
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    model.train(training)
    return int(counter.get_total_flops())
