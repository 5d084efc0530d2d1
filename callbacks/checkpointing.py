"""Checkpoints: best.ckpt and last.ckpt, replaced atomically, made of plain data, with a format that is checked."""

import importlib.metadata
import io
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from callbacks.instrument import measured_now
from configs.errors import CommandError
from models.checkpoint_file import CHECKPOINT_FORMAT as CHECKPOINT_FORMAT
from models.checkpoint_file import read_checkpoint as read_checkpoint
from report.run_folder import RunFolder, replace_file

LOWER_IS_BETTER = (
    "loss", "error", "distance", "fid", "kad",
    "average_drop", "mask_out_accuracy", "deletion_area", "complexity", "sensitivity",
)  # fmt: skip
"""Endings of the names of metrics that a good model has low; all others are better when higher."""


def mode_of(monitor: str) -> Literal["min", "max"]:
    """Return which direction of a metric is good, by the ending of its name."""
    return "min" if monitor.endswith(LOWER_IS_BETTER) else "max"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and renames it; Lightning's own staging crosses file systems and may
    leave a truncated file when the disk is full."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ANN401
        """Replace the file at `path`; raises InputError naming path and bytes if that fails."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        replace_file(Path(path), buffer.getbuffer())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:  # noqa: ANN401
        """Load and check the file at `path`; see `read_checkpoint`."""
        return read_checkpoint(path, map_location)


class RunCheckpoints(Checkpoint):
    """Writes last.ckpt at every epoch boundary (the first before any step) and best.ckpt when the monitor improves.

    A metric of an instrument improves only at an epoch at which the instrument measured.

    Lightning's ModelCheckpoint keeps absolute paths in its state and forgets the best score when a run folder has been
    moved; here the state is two numbers.
    """

    def __init__(self, folder: RunFolder, monitor: str) -> None:
        self.folder = folder
        self.monitor = monitor
        self.best_score: float | None = None
        self.best_epoch = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the start, so that an interruption in the first epoch can be resumed and a full disk shows at once."""
        if trainer.ckpt_path is None:
            trainer.save_checkpoint(self.folder.last)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch that has just been trained and validated.

        Raises:
            CommandError: The monitored metric was never logged.
        """
        self.save_best(trainer, self.value(trainer, self.monitor))
        trainer.save_checkpoint(self.folder.last)

    def value(self, trainer: pl.Trainer, monitor: str) -> float:
        """Return a metric of this epoch; raises CommandError if it was never logged."""
        score = trainer.callback_metrics.get(monitor)
        if score is None:
            known = ", ".join(sorted(trainer.callback_metrics)) or "none"
            raise CommandError(f"trainer.monitor={monitor}: no such metric is logged; logged: {known}")
        return float(score)

    def save_best(self, trainer: pl.Trainer, score: float) -> None:
        """Renew best.ckpt if the score of this epoch is the best so far."""
        # All processes must take the same branch, as saving is collective.
        if trainer.strategy.reduce_boolean_decision(self._improves(trainer, score)):
            self.best_score, self.best_epoch = score, trainer.current_epoch
            trainer.save_checkpoint(self.folder.best)

    def best_with(self, trainer: pl.Trainer) -> tuple[float, int] | None:
        """Return score and epoch of the best epoch, the running one included, or None before any."""
        score = trainer.callback_metrics.get(self.monitor)
        if score is not None and self._improves(trainer, float(score)):
            return float(score), trainer.current_epoch
        return None if self.best_score is None else (self.best_score, self.best_epoch)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write down format and version."""
        checkpoint["soundglass"] = {"format": CHECKPOINT_FORMAT, "version": importlib.metadata.version("soundglass")}

    def state_dict(self) -> dict[str, Any]:
        """Return the best score so far and its epoch."""
        return {"best_score": self.best_score, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best score so far and its epoch."""
        self.best_score, self.best_epoch = state_dict["best_score"], state_dict["best_epoch"]

    def _improves(self, trainer: pl.Trainer, score: float) -> bool:
        if self.best_score is None:
            return True
        if not measured_now(trainer, self.monitor):
            return False
        if self.best_score != self.best_score:  # NaN gives way to any score
            return True
        # Of equal scores, which small validation splits often give, the later epoch is the one trained longer.
        return score <= self.best_score if mode_of(self.monitor) == "min" else score >= self.best_score
