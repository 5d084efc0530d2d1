"""What a training shows while it runs: a bar with the few numbers that matter, and one line for each epoch."""

import logging
import time
import warnings
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from callbacks.checkpointing import RunCheckpoints


class EpochProgress(pl.Callback):
    """Shows a bar for the running epoch in a terminal, and prints a line for each finished one anywhere."""

    def __init__(self, checkpoints: RunCheckpoints, bar: bool, console: Console | None = None) -> None:
        self._checkpoints = checkpoints
        self._console = console or Console(highlight=False)
        self._with_bar = bar and self._console.is_terminal
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar of this epoch."""
        self._started = time.perf_counter()
        if not (self._with_bar and trainer.is_global_zero):
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task(_epoch(trainer), total=trainer.num_training_batches)
        self._bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=f"{_epoch(trainer)}  loss {float(outputs['loss']):.3f}")

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say that the validation split is being read."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"{_epoch(trainer)}  validation")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar and print the line of this epoch."""
        self._close()
        if not trainer.is_global_zero:
            return
        metrics, monitor = trainer.callback_metrics, self._checkpoints.monitor
        parts = [_epoch(trainer)]
        parts += [f"{name} {float(metrics[name]):.4f}" for name in ("train/loss", monitor) if name in metrics]
        if (best := self._checkpoints.best_with(trainer)) is not None:
            parts.append(f"best {best[0]:.4f} (epoch {best[1] + 1})")
        self._console.print("  ".join([*parts, f"{time.perf_counter() - self._started:.1f} s"]), soft_wrap=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the message is readable."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _epoch(trainer: pl.Trainer) -> str:
    total = str(trainer.max_epochs)
    return f"epoch {trainer.current_epoch + 1:>{len(total)}}/{total}"


def silence_lightning() -> None:
    """Hide Lightning's adverts and the warnings that do not concern these runs; all others stay visible."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",  # clips come from a memory map, workers rarely help
        ".*exists and is not empty.*",  # the run folder is ours, and resume writes into it
        ".*smaller than the logging interval.*",  # small data sets log once per epoch
        ".*litlogger.*",
        ".*GPU available but not used.*",
        ".*recommended to use `self.log.*sync_dist=True.*",  # torchmetrics synchronise themselves
        ".*module\\(s\\) in eval mode at the start of training.*",  # a classifier that is explained stays frozen
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ):
        warnings.filterwarnings("ignore", message=message)
