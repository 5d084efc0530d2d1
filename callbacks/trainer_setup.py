"""The Trainer of a run: which callbacks, loggers and plugins it gets."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import Logger

from callbacks.banded_checkpoints import BandedCheckpoints
from callbacks.candidate_epochs import Band
from callbacks.checkpointing import AtomicCheckpointIO, RunCheckpoints, mode_of
from callbacks.finite_loss import FiniteLoss
from callbacks.interruption import TerminateAsInterrupt
from callbacks.metrics_csv import MetricsCSV
from callbacks.progress import EpochProgress
from callbacks.replica_agreement import ReplicaAgreement, UnevenDDPStrategy
from callbacks.reproducibility import EpochSeeds
from callbacks.test_predictions import TestPredictions
from callbacks.time_profile import TimeProfile
from callbacks.wandb_run import close_wandb, start_wandb
from configs.compose import to_plain
from configs.registry import component
from configs.schema import Config
from report.run_folder import RunFolder
from report.run_opening import is_first_process

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule


def build_trainer(
    config: Config,
    folder: RunFolder,
    datamodule: "AudioDataModule",
    loggers: list[Logger],
    extra_callbacks: Sequence[pl.Callback],
    auto_monitor: str | None = None,
) -> pl.Trainer:
    """Return a Trainer with the callbacks every run has, those the configuration enables, and `extra_callbacks`.

    `auto_monitor` is the metric of the model that chooses the checkpoint where `trainer.monitor` leaves it open.
    """
    settings = config.trainer
    usual = auto_monitor or ("val/map" if datamodule.multi_label else "val/accuracy")
    monitor = usual if settings.monitor == "auto" else settings.monitor
    checkpoints = checkpoints_of(config, folder, datamodule, monitor, usual)
    callbacks = [
        TerminateAsInterrupt(),
        EpochSeeds(config.seed),
        ReplicaAgreement(),
        FiniteLoss(lambda index: datamodule.clip("train", index).name),
        TestPredictions(datamodule, folder.predictions),
        *chosen_callbacks(config),
        *extra_callbacks,
        EpochProgress(checkpoints, bar=settings.progress),
        checkpoints,
    ]
    if settings.early_stopping is not None:
        stopping = EarlyStopping(
            monitor,
            mode=mode_of(monitor),
            patience=settings.early_stopping,
            check_on_train_epoch_end=True,
            check_finite=monitor.startswith("val/"),  # an instrument may have nothing to say of an epoch
        )
        callbacks.append(stopping)
    ddp = settings.strategy == "ddp" or (settings.strategy == "auto" and settings.devices > 1)
    return pl.Trainer(
        default_root_dir=folder.path,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy=UnevenDDPStrategy() if ddp else settings.strategy,
        precision=settings.precision,  # type: ignore[arg-type]  # Lightning checks the text
        max_epochs=settings.max_epochs,
        limit_train_batches=settings.limit_train_batches,
        limit_val_batches=settings.limit_val_batches,
        gradient_clip_val=settings.gradient_clip or None,
        deterministic=settings.deterministic,
        callbacks=callbacks,
        logger=loggers,
        plugins=[AtomicCheckpointIO()],
        profiler=TimeProfile(),
        use_distributed_sampler=False,  # the data module shards by itself, without repeating clips
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def checkpoints_of(
    config: Config, folder: RunFolder, datamodule: "AudioDataModule", monitor: str, usual: str
) -> RunCheckpoints:
    """Return the callback that keeps the best epoch by `monitor`, within a band of the `usual` metric if asked for."""
    settings = config.trainer
    if settings.within_standard_errors is None:
        return RunCheckpoints(folder, monitor)
    n_clips, limit = len(datamodule.dataset("val")), settings.limit_val_batches
    heard = limit * n_clips if isinstance(limit, float) else limit * config.data.batch_size * settings.devices
    return BandedCheckpoints(folder, monitor, Band(usual, settings.within_standard_errors, min(n_clips, int(heard))))


def chosen_callbacks(config: Config) -> list[pl.Callback]:
    """Return the registered callbacks that `callbacks.<name>.enabled` switches on, each made from its settings."""
    chosen = []
    for field in dataclasses.fields(config.callbacks):
        settings = getattr(config.callbacks, field.name)
        if settings.enabled:
            chosen.append(component("callback", field.name).load()(settings))
    return chosen


@contextlib.contextmanager
def open_loggers(config: Config, folder: RunFolder, first_step: int) -> Iterator[list[Logger]]:
    """Yield metrics.csv and, where it is switched on, Weights & Biases; both are closed whatever happens.

    Args:
        config: of the run.
        folder: of the run.
        first_step: step of the checkpoint a run resumes from; rows of metrics.csv after it are taken again.
    """
    table = MetricsCSV(folder.metrics)
    table.forget_from(first_step)
    failed = True
    try:
        wandb_logger = start_wandb(config.logger, folder, to_plain(config)) if is_first_process() else None
        yield [table] if wandb_logger is None else [table, wandb_logger]
        failed = False
    finally:
        close_wandb(failed)
