"""A toy instrument does everything an instrument must not let the training feel; the training must not feel it."""

import math
import random
import types

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import Logger

from callbacks.instrument import Instrument, InstrumentError
from callbacks.schedule import Schedule
from configs.schema import CallbackConfig


class Net(pl.LightningModule):
    """Dropout, BatchNorm and draws from every global stream: whatever moves them changes the weights."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))
        self.head = torch.nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, number):
        noise = random.random() + np.random.rand() + torch.rand(1).item()
        return (self(batch + noise) ** 2).mean()

    def validation_step(self, batch, number):
        self.log("val/score", (self(batch) ** 2).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Meddler(Instrument[float]):
    metric_names = ("drawn",)

    def __init__(self, on_error="raise", fails=(), schedule=None, name="toy"):
        super().__init__(name, CallbackConfig(enabled=True, on_error=on_error), schedule or Schedule(2))
        self.fails, self.points, self.seen, self.drawn = fails, [], 0, []

    def measure(self, trainer, module, epoch):
        assert not any(part.training for part in module.modules())
        assert not torch.is_grad_enabled()
        self.watch(module.head, self.count)
        drawn = random.random() + np.random.rand() + torch.rand(1).item()
        module(torch.randn(8, 4).mul(100))
        module.train()  # as a careless measurement might leave it
        if epoch in self.fails:
            raise ValueError("planned\nfailure")
        return drawn

    def count(self, *_):
        self.seen += 1

    def publish(self, trainer, module, epoch, found):
        self.points.append(epoch)
        self.drawn.append(found)
        return {"drawn": found}


class Record(Logger):
    name = version = "record"

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_hyperparams(self, *args, **kwargs): ...

    def log_metrics(self, metrics, step=None):
        self.rows.append((step, dict(metrics)))

    def column(self, name):
        return [row[name] for _, row in self.rows if name in row]


def fit(*callbacks, epochs=5, max_steps=-1):
    pl.seed_everything(3, verbose=False)
    module, record = Net(), Record()
    data = torch.utils.data.DataLoader(torch.randn(24, 4), batch_size=8)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=record,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=1,
        log_every_n_steps=1,
    )
    trainer.fit(module, data, data)
    return module, record, (random.random(), np.random.rand(), torch.rand(1).item())


def hooks(module):
    return sum(len(part._forward_hooks) for part in module.modules())


def test_the_training_is_bitwise_the_same_with_and_without():
    toy = Meddler()
    with_it, record, draws_with = fit(toy)
    without, bare, draws_without = fit()
    assert toy.points == [1, 2, 4, 5]  # early, every second epoch, and the end
    assert toy.seen == 4
    assert draws_with == draws_without
    one, two = with_it.state_dict(), without.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert record.column("val/score") == bare.column("val/score")
    assert all(part.training for part in with_it.modules()) == all(part.training for part in without.modules())
    assert hooks(with_it) == 0


def test_its_draws_are_its_own_and_repeat():
    first, second, other = Meddler(), Meddler(), Meddler(name="other")
    for toy in (first, second, other):
        fit(toy)
    assert first.drawn == second.drawn
    assert len(set(first.drawn)) == 4
    assert not set(first.drawn) & set(other.drawn)


def test_skipped_points_keep_the_last_value_and_seconds_are_logged():
    toy = Meddler(schedule=Schedule(2, at_end=False))
    _, record, _ = fit(toy)
    drawn = record.column("toy/drawn")
    assert drawn == pytest.approx([toy.drawn[0], toy.drawn[1], toy.drawn[1], toy.drawn[2], toy.drawn[2]])
    seconds = record.column("toy/seconds")
    assert 0 < seconds[0] < seconds[1] == seconds[2] < seconds[3] == pytest.approx(toy.seconds)


def test_the_end_is_logged_too():
    toy = Meddler()
    _, record, _ = fit(toy, epochs=3)
    assert record.column("toy/drawn")[-1] == toy.drawn[-1]
    assert record.column("toy/seconds")[-1] == toy.seconds


def test_before_the_first_point_the_metrics_are_nan():
    _, record, _ = fit(Meddler(schedule=Schedule(3, early=False)), epochs=3)
    assert [math.isnan(value) for value in record.column("toy/drawn")[:3]] == [True, True, False]


def test_a_failure_is_a_warning_in_one_line_and_the_training_goes_on_unchanged():
    with pytest.warns(UserWarning, match=r"callbacks\.toy: epoch 2 is skipped: ValueError: planned failure"):
        module, record, draws = fit(Meddler("warn", fails=(2,)))
    bare, _, expected = fit()
    assert draws == expected
    assert all(torch.equal(value, bare.state_dict()[name]) for name, value in module.state_dict().items())
    assert record.column("toy/drawn")[1] == record.column("toy/drawn")[0]
    assert hooks(module) == 0


def test_a_failure_stops_the_training_where_it_is_told_to():
    toy = Meddler("raise", fails=(2,))
    with pytest.raises(ValueError, match="planned"):
        fit(toy)
    assert toy.points == [1]
    assert not toy._handles


def test_an_error_elsewhere_leaves_no_hook():
    class Breaks(pl.Callback):
        def on_train_batch_start(self, trainer, module, batch, number):
            if trainer.current_epoch == 1:
                toy.watch(module.head, toy.count)
                self.module = module
                raise RuntimeError("elsewhere")

    toy, breaks = Meddler(), Breaks()
    with pytest.raises(RuntimeError, match="elsewhere"):
        fit(toy, breaks)
    assert hooks(breaks.module) == 0


def test_a_failure_of_another_process_is_met_here_too():
    toy = Meddler()
    strategy = types.SimpleNamespace(reduce_boolean_decision=lambda decision, all=True: True)
    trainer = types.SimpleNamespace(strategy=strategy)
    with pytest.raises(InstrumentError, match="another process"):
        toy.agreed(trainer, lambda: None)
    with pytest.raises(ZeroDivisionError):
        toy.agreed(trainer, lambda: 1 / 0)


def test_state_is_plain_and_belongs_to_one_instrument():
    first, second = Meddler(name="one"), Meddler(name="two")
    fit(first)
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    assert first.state_key != second.state_key
    assert second.seconds > 0
    assert second.last_point == 5


def test_nothing_is_measured_outside_of_fit():
    toy = Meddler()
    data = torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=8)
    pl.Trainer(logger=False, enable_checkpointing=False, callbacks=[toy], enable_progress_bar=False).validate(
        Net(), data, verbose=False
    )
    assert toy.points == []
