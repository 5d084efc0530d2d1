"""best.ckpt within a band of the accuracy: what is written when, and what a resumed run knows."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from callbacks.banded_checkpoints import BandedCheckpoints
from callbacks.candidate_epochs import Band
from callbacks.checkpointing import RunCheckpoints
from callbacks.instrument import Instrument
from callbacks.schedule import Schedule
from configs.errors import CommandError
from configs.schema import CallbackConfig
from report.run_folder import RunFolder

MONITOR = "toy/score"


class Toy(Instrument[None]):
    def __init__(self):
        super().__init__("toy", CallbackConfig(), Schedule(1))

    def measure(self, *_): ...

    def publish(self, *_):
        return {}


class FakeTrainer:
    """A Trainer as far as checkpoints look at one; a checkpoint holds the number of its epoch."""

    ckpt_path, current_epoch, is_global_zero, interrupted = None, 0, True, False

    def __init__(self):
        self.toy = Toy()
        self.callbacks = [self.toy]
        self.callback_metrics: dict[str, torch.Tensor] = {}
        self.strategy = SimpleNamespace(reduce_boolean_decision=bool)

    def save_checkpoint(self, path: Path) -> None:
        path.write_text(str(self.current_epoch))

    def at(self, epoch, score, accuracy, measured=True):
        self.current_epoch = epoch
        self.toy.last_point = epoch + 1 if measured else self.toy.last_point
        self.callback_metrics = {MONITOR: torch.tensor(score), "val/accuracy": torch.tensor(accuracy)}
        return self


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    return RunFolder(tmp_path)


def follow(checkpoints, trainer, folder, epochs):
    """The content of best.ckpt after each epoch; what was announced is what was done."""
    best = []
    for epoch in epochs:
        trainer.at(*epoch)
        announced = checkpoints.best_with(trainer)
        checkpoints.on_train_epoch_end(trainer, None)
        best.append(int(folder.best.read_text()))
        assert announced == (checkpoints.best_score, checkpoints.best_epoch)
        assert checkpoints.best_epoch == best[-1]
        assert int(folder.last.read_text()) == epoch[0]
    return best


def banded(folder):
    return BandedCheckpoints(folder, MONITOR, Band("val/accuracy", 1.0, 100))


def test_the_choice_follows_the_band_back_to_an_earlier_epoch(folder):
    trainer, checkpoints = FakeTrainer(), banded(folder)
    # At 0.9 the band is 0.03 wide: epoch 0 leaves it when epoch 2 arrives, and epoch 1, once second, is chosen.
    epochs = [(0, 0.9, 0.86), (1, 0.7, 0.88), (2, 0.6, 0.90), (3, 0.95, 0.80)]
    assert follow(checkpoints, trainer, folder, epochs) == [0, 0, 1, 1]
    names = {path.name for path in folder.best.parent.iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "candidate_0002.ckpt", "candidate_0003.ckpt"}
    checkpoints.on_train_end(trainer, None)
    assert {path.name for path in folder.best.parent.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_an_epoch_at_which_nothing_was_measured_is_not_chosen(folder):
    trainer = FakeTrainer()
    epochs = [(0, 0.5, 0.8), (1, 0.5, 0.82, False), (2, 0.6, 0.8), (3, 0.6, 0.82, False)]
    assert follow(banded(folder), trainer, folder, epochs) == [0, 0, 2, 2]
    assert follow(RunCheckpoints(folder, MONITOR), FakeTrainer(), folder, epochs) == [0, 0, 2, 2]


def test_a_resumed_run_goes_on_as_an_uninterrupted_one(folder):
    trainer, checkpoints = FakeTrainer(), banded(folder)
    follow(checkpoints, trainer, folder, [(0, 0.9, 0.86), (1, 0.7, 0.88)])
    resumed = banded(folder)
    resumed.load_state_dict(checkpoints.state_dict())
    assert follow(resumed, trainer, folder, [(2, 0.6, 0.90)]) == [1]


def test_an_unknown_accuracy_is_named(folder):
    trainer = FakeTrainer().at(0, 0.5, 0.5)
    with pytest.raises(CommandError, match=r"trainer\.monitor=val/map: no such metric is logged; logged: toy/score"):
        BandedCheckpoints(folder, MONITOR, Band("val/map", 1.0, 10)).on_train_epoch_end(trainer, None)
