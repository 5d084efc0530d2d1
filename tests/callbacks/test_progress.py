import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from rich.console import Console

from callbacks.checkpointing import RunCheckpoints
from callbacks.progress import EpochProgress
from report.run_folder import RunFolder


def trainer_at(epoch: int, first: bool = True) -> Any:
    metrics = {"train/loss": torch.tensor(1.25), "val/accuracy": torch.tensor(0.5), "val/other": torch.tensor(9.0)}
    return SimpleNamespace(
        current_epoch=epoch,
        max_epochs=12,
        num_training_batches=3,
        is_global_zero=first,
        callback_metrics=metrics,
        callbacks=[],
    )


def shown(tmp_path: Path, terminal: bool, bar: bool = True, first: bool = True) -> str:
    text = io.StringIO()
    checkpoints = RunCheckpoints(RunFolder(tmp_path), "val/accuracy")
    checkpoints.best_score, checkpoints.best_epoch = 0.75, 2
    progress = EpochProgress(checkpoints, bar, Console(file=text, force_terminal=terminal, width=100, highlight=False))
    trainer, module = trainer_at(4, first), cast(Any, None)
    progress.on_train_epoch_start(trainer, module)
    for step in range(3):
        progress.on_train_batch_end(trainer, module, {"loss": torch.tensor(1.5)}, None, step)
    progress.on_validation_start(trainer, module)
    progress.on_train_epoch_end(trainer, module)
    return text.getvalue()


def test_one_line_per_epoch_where_there_is_no_terminal(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=False)
    assert text.startswith("epoch  5/12  train/loss 1.2500  val/accuracy 0.5000  best 0.7500 (epoch 3)  ")
    assert text.count("\n") == 1
    assert "\x1b" not in text


def test_a_bar_in_a_terminal(tmp_path: Path) -> None:
    assert "3/3" in shown(tmp_path, terminal=True)
    assert "3/3" not in shown(tmp_path, terminal=True, bar=False)


def test_other_processes_are_silent(tmp_path: Path) -> None:
    assert shown(tmp_path, terminal=True, first=False) == ""


@pytest.mark.parametrize("hook", ["teardown", "on_exception"])
def test_the_bar_closes_when_training_ends(tmp_path: Path, hook: str) -> None:
    checkpoints = RunCheckpoints(RunFolder(tmp_path), "val/accuracy")
    progress = EpochProgress(checkpoints, True, Console(file=io.StringIO(), force_terminal=True))
    progress.on_train_epoch_start(trainer_at(0), cast(Any, None))
    assert progress._bar is not None
    getattr(progress, hook)(trainer_at(0), cast(Any, None), cast(Any, None))
    assert progress._bar is None
