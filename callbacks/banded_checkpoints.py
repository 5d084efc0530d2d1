"""Checkpoints of the epoch with the best monitor among those whose accuracy is near the best (`trainer.within_...`)."""

import math
from typing import Any

import pytorch_lightning as pl

from callbacks.candidate_epochs import Band, CandidateFiles, Epoch
from callbacks.checkpointing import RunCheckpoints, mode_of
from callbacks.instrument import measured_now
from report.run_folder import RunFolder


class BandedCheckpoints(RunCheckpoints):
    """RunCheckpoints whose best.ckpt is the best epoch of a band, as `Band` says, at each moment of the training.

    Which epoch that is may change when the accuracy rises, so that the checkpoints of all that may still be chosen are
    kept beside best.ckpt, as `candidate_NNNN.ckpt`, until the training has ended.
    """

    def __init__(self, folder: RunFolder, monitor: str, band: Band) -> None:
        super().__init__(folder, monitor)
        self.band, self.files = band, CandidateFiles(folder)
        self.epochs: list[Epoch] = []
        self.best_accuracy = -math.inf

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch; files that are of no use any more go last, so that last.ckpt never names a missing one."""
        super().on_train_epoch_end(trainer, pl_module)
        if trainer.is_global_zero:
            self.files.keep(self.epochs)

    def save_best(self, trainer: pl.Trainer, score: float) -> None:
        """Keep this epoch if it may ever be chosen, and renew best.ckpt if another one is chosen now."""
        accuracy = self.value(trainer, self.band.metric)
        self.epochs, self.best_accuracy, chosen = self._with(trainer, score, accuracy)
        if trainer.current_epoch in [epoch.number for epoch in self.epochs]:
            trainer.save_checkpoint(self.files.path(trainer.current_epoch))
        if self.best_score is None or chosen.number != self.best_epoch:
            if trainer.is_global_zero:
                self.files.choose(chosen.number)
            self.best_score, self.best_epoch = chosen.score, chosen.number

    def best_with(self, trainer: pl.Trainer) -> tuple[float, int] | None:
        """Return score and epoch of the chosen epoch, the running one included."""
        metrics = trainer.callback_metrics
        if self.monitor not in metrics or self.band.metric not in metrics:
            return None if self.best_score is None else (self.best_score, self.best_epoch)
        chosen = self._with(trainer, float(metrics[self.monitor]), float(metrics[self.band.metric]))[2]
        return chosen.score, chosen.number

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove what was not chosen."""
        if trainer.is_global_zero and not trainer.interrupted:
            self.files.keep([])

    def state_dict(self) -> dict[str, Any]:
        """Return the chosen epoch and those that may still be chosen, as plain data."""
        band = {"epochs": [list(epoch) for epoch in self.epochs], "best_accuracy": self.best_accuracy}
        return super().state_dict() | band

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the chosen epoch and those that may still be chosen."""
        super().load_state_dict(state_dict)
        self.epochs = [Epoch(int(n), score, accuracy) for n, score, accuracy in state_dict["epochs"]]
        self.best_accuracy = state_dict["best_accuracy"]

    def _with(self, trainer: pl.Trainer, score: float, accuracy: float) -> tuple[list[Epoch], float, Epoch]:
        """Epochs that may be chosen after this one, the best accuracy, and the chosen epoch."""
        epochs = [epoch for epoch in self.epochs if epoch.number != trainer.current_epoch]
        if measured_now(trainer, self.monitor) or not epochs:
            epochs.append(Epoch(trainer.current_epoch, score, accuracy))
        best, lower = max(self.best_accuracy, accuracy), mode_of(self.monitor) == "min"
        epochs = self.band.survivors(epochs, best, lower)
        return epochs, best, self.band.chosen(epochs, best, lower)
