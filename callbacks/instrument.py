"""What every instrument shares: it measures on a schedule, changes nothing, and says what it cost."""

import math
import time
import warnings
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch.utils.hooks import RemovableHandle

from callbacks.schedule import Schedule
from configs.schema import CallbackConfig
from interpretability.isolation import isolated

Found = TypeVar("Found")


class InstrumentError(RuntimeError):
    """An instrument failed on another process, and its `on_error` is `raise`."""


class Instrument(pl.Callback, ABC, Generic[Found]):
    """A callback that measures a model while it is trained, and leaves no trace on the training.

    A subclass says what to `measure` (on each process alone) and how to `publish` what all processes found. Both run in
    eval mode, without gradients, and with random streams of their own, seeded by name and epoch. Forward hooks are set
    with `watch` and are removed after each point. An error in either, on any process, is met by all of them alike, as
    `config.on_error` says; a point that is skipped, by schedule or by error, keeps the last values.

    Attributes:
        name: as in `callbacks.<name>`; logged keys start with it.
        config: settings; `on_error` is read here.
        schedule: when to measure.
        metric_names: metrics that `publish` returns, without the name in front; NaN is logged before the first point.
        seconds: spent so far, the end included; goes on counting in a resumed run.
        work_done: units of work so far.
        last_point: number of the epoch (from 1) of the last point that succeeded.
        ended: whether what is left at the end has been done in this process.
    """

    metric_names: tuple[str, ...] = ()

    def __init__(self, name: str, config: CallbackConfig, schedule: Schedule) -> None:
        self.name, self.config, self.schedule = name, config, schedule
        self.seconds = 0.0
        self.work_done = 0
        self.last_point = 0
        self.ended = False
        self.values: dict[str, float] = dict.fromkeys(self.metric_names, math.nan)
        self._handles: list[RemovableHandle] = []

    @abstractmethod
    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Found:
        """Measure after epoch number `epoch` (from 1) on this process; no communication between processes in here."""

    @abstractmethod
    def publish(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: Found) -> Mapping[str, float]:
        """Join what the processes found, write it down (first process only), return metrics equal on all processes.

        Whatever waits for other processes comes first: an error before it would leave them waiting.
        """

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Do what is left when the training has ended: by default, measure once more if the last epoch was no point."""
        if self.last_point != trainer.current_epoch:
            self.take_point(trainer, module, trainer.current_epoch)

    def take_point(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        """Measure and publish; raises on every process if that failed on any."""
        found: list[Found] = []
        self.agreed(trainer, lambda: found.append(self.measure(trainer, module, epoch)))
        values: dict[str, float] = {}
        self.agreed(trainer, lambda: values.update(self.publish(trainer, module, epoch, found[0])))
        self.values |= {key: float(value) for key, value in values.items()}
        self.last_point = epoch

    def agreed(self, trainer: pl.Trainer, work: Callable[[], object]) -> None:
        """Do `work`, which must not wait for other processes after it can fail; raise on all if it failed on any."""
        fault: Exception | None = None
        try:
            work()
        except Exception as error:
            fault = error
        if trainer.strategy.reduce_boolean_decision(fault is not None, all=False):
            raise fault or InstrumentError("it failed on another process")

    def watch(self, layer: torch.nn.Module, hook: Callable[..., Any]) -> None:
        """Call `hook(layer, inputs, output)` at each forward pass of a layer until this point is over."""
        self._handles.append(layer.register_forward_hook(hook))

    @property
    def state_key(self) -> str:
        """Name under which checkpoints keep the state; two instruments of one class do not share it."""
        return f"instrument:{self.name}"

    def state_dict(self) -> dict[str, Any]:
        """Return the last values, seconds and work so far, as plain data."""
        counts = {"work_done": self.work_done, "last_point": self.last_point}
        return {"values": dict(self.values), "seconds": self.seconds, **counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the last values, seconds and work so far."""
        self.values |= state_dict["values"]
        self.seconds, self.work_done = float(state_dict["seconds"]), int(state_dict["work_done"])
        self.last_point = int(state_dict["last_point"])

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure if the schedule says so; log the last values and the seconds so far."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        epoch = trainer.current_epoch + 1
        if self.schedule.due(epoch, self.work_done):
            self.work_done += self.schedule.work_per_point
            self._in_isolation(trainer, pl_module, epoch, lambda: self.take_point(trainer, pl_module, epoch))
        pl_module.log_dict(self.logged, on_step=False, on_epoch=True, batch_size=1)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do what is left, on the clock of the instrument and within that of the training."""
        if not self.schedule.at_end or trainer.interrupted:
            return
        self.ended = True
        self._in_isolation(trainer, pl_module, trainer.current_epoch, lambda: self.finish(trainer, pl_module))
        for logger in trainer.loggers:
            logger.log_metrics(self.logged, step=trainer.global_step)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do what is left of a run that was stopped after its last epoch: there is no training then, nor its end."""
        if trainer.fit_loop.skip and not self.ended:
            self.on_train_end(trainer, pl_module)

    @property
    def logged(self) -> dict[str, float]:
        """Last values and seconds so far, under their full names."""
        return {f"{self.name}/{key}": value for key, value in {**self.values, "seconds": self.seconds}.items()}

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remove what hooks are left."""
        self.unwatch()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Remove what hooks are left; Lightning calls no teardown after an error."""
        self.unwatch()

    def unwatch(self) -> None:
        """Remove all hooks set by `watch`."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _in_isolation(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, work: Callable[[], None]
    ) -> None:
        """Do `work` in isolation and on the clock; an error becomes a warning unless `on_error` is `raise`."""
        started = time.perf_counter()
        try:
            with isolated(module, zlib.crc32(f"{self.name}/{epoch}".encode()), module.device):
                work()
        except Exception as error:
            if self.config.on_error == "raise":
                raise
            text = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(f"callbacks.{self.name}: epoch {epoch} is skipped: {text}", stacklevel=2)
        finally:
            self.unwatch()
            self.seconds += time.perf_counter() - started


def measured_now(trainer: pl.Trainer, monitor: str) -> bool:
    """Whether a logged metric is of this epoch: that of an instrument keeps its last value between two points."""
    name = monitor.partition("/")[0]
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    found = [callback for callback in callbacks if isinstance(callback, Instrument) and callback.name == name]
    return all(instrument.last_point == trainer.current_epoch + 1 for instrument in found)
