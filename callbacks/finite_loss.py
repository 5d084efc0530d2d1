"""Stops training before a NaN or infinite loss or gradient reaches the weights, and says where it came from."""

from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from configs.errors import InputError

CLIPS_NAMED = 8
"""Clips a message names before it only counts the rest."""


class NonFiniteLossError(InputError):
    """Loss or gradient became NaN or infinite."""


class FiniteLoss(pl.Callback):
    """Checks loss and gradient norm of each step and keeps a bad one from the weights.

    `training_step` returns {"loss": ..., "terms": {name: value}}; the terms that are not finite are named. They reach
    callbacks only after the optimizer's step, so a bad gradient is taken away before it, which leaves the weights (and
    the optimizer's state) untouched, and the error is raised right after.
    """

    def __init__(self, clip_name: Callable[[int], str]) -> None:
        """Take the function that names a clip by its index into the training split."""
        self._clip_name = clip_name
        self._loss = torch.zeros(())
        self._fault: str | None = None

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Keep the loss; it is judged together with the gradient."""
        self._loss = loss.detach()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Take the gradient away, on every process at the same step, if loss or gradient of any is not finite."""
        fault = None
        if not torch.isfinite(self._loss):
            fault = f"the loss is {self._loss.item()}"
        elif not _scales_loss(trainer) and not torch.isfinite(norm := _gradient_norm(pl_module)):
            fault = f"the norm of the gradient is {norm.item()}"
        if trainer.strategy.reduce_boolean_decision(fault is not None, all=False):
            optimizer.zero_grad(set_to_none=True)
            self._fault = f"step {trainer.global_step} of epoch {trainer.current_epoch + 1}: " + (
                fault or "the loss or gradient of another process is not finite"
            )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Raise NonFiniteLossError if this step was bad."""
        if self._fault is None:
            return
        terms = outputs.get("terms", {}) if isinstance(outputs, Mapping) else {}
        bad = [name for name, value in terms.items() if not torch.isfinite(value).all()]
        of_terms = f" (term {', '.join(bad)})" if bad else ""
        raise NonFiniteLossError(f"{self._fault}{of_terms}; {self._clips(batch)}; no step of this epoch was saved")

    def _clips(self, batch: Any) -> str:  # noqa: ANN401 - datamodules' Batch
        """Return the names of the clips with non-finite samples, or else of all clips of the batch."""
        bad = ~torch.isfinite(batch.waveform).flatten(1).all(dim=1)
        kind = "clips with non-finite samples" if bad.any() else "clips of the batch"
        indices = (batch.index[bad] if bad.any() else batch.index).tolist()
        names = [self._clip_name(index) for index in indices[:CLIPS_NAMED]]
        more = f" and {len(indices) - CLIPS_NAMED} more" if len(indices) > CLIPS_NAMED else ""
        return f"{kind}: {', '.join(names)}{more}"


def _gradient_norm(module: torch.nn.Module) -> Tensor:
    """Return the l2 norm of all gradients."""
    return torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])


def _scales_loss(trainer: pl.Trainer) -> bool:
    """Return whether a loss scaler (16-mixed) looks after infinite gradients: it skips such a step by design."""
    return getattr(trainer.precision_plugin, "scaler", None) is not None
