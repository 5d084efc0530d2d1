"""Keeps several processes of a run in agreement where Lightning's DDP leaves them apart."""

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.modules.batchnorm import _BatchNorm


class UnevenDDPStrategy(DDPStrategy):
    """DDP that is right when processes have different numbers of clips or batches."""

    def __init__(self) -> None:
        super().__init__(broadcast_buffers=False)  # see ReplicaAgreement

    def reduce(self, tensor: torch.Tensor, group: Any = None, reduce_op: Any = "mean") -> torch.Tensor:  # noqa: ANN401
        """Reduce over processes, whole numbers as fractions.

        Lightning divides a logged sum by the clips it covers, each averaged over processes, and drops the fraction of
        the latter: 19 and 18 clips became 18, which made a logged loss 2.8 % too large.
        """
        return super().reduce(tensor if tensor.is_floating_point() else tensor.double(), group, reduce_op)


class ReplicaAgreement(pl.Callback):
    """Gives all processes one start, and one set of BatchNorm statistics before each validation.

    DDP can broadcast buffers in each forward pass, but then validation hangs as soon as one process has a batch more
    than another. So that is off (`broadcast_buffers=False`) and this callback does it at the two points that matter.
    """

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy parameters and buffers of the first process to the others."""
        if trainer.world_size > 1:
            for tensor in pl_module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Average the running mean and variance of each BatchNorm layer over the processes."""
        if trainer.world_size > 1:
            average_batch_norm(pl_module, trainer.world_size)


def average_batch_norm(module: torch.nn.Module, world_size: int) -> None:
    """Replace running statistics by those of the mixture of all processes.

    Mean of the means, and mean of the variances plus the variance of the means.
    """
    for layer in module.modules():
        if not isinstance(layer, _BatchNorm) or layer.running_mean is None or layer.running_var is None:
            continue
        mean = _average(layer.running_mean.clone(), world_size)
        spread = (layer.running_mean - mean).square()
        layer.running_var.copy_(_average(layer.running_var + spread, world_size))
        layer.running_mean.copy_(mean)


def _average(tensor: torch.Tensor, world_size: int) -> torch.Tensor:
    dist.all_reduce(tensor)
    return tensor / world_size
