"""Settings of optimizer, trainer, logger and callbacks. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import above_zero, at_least, below_one


@dataclass
class OptimizerConfig:
    """AdamW with linear warm-up and cosine decay."""

    learning_rate: float = 4e-3
    """Learning rate at the end of the warm-up."""
    weight_decay: float = 1e-2
    """Decoupled weight decay."""
    warmup_share: float = 0.1
    """Share of all steps in which the rate rises linearly, before it falls to zero along a cosine."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from above_zero(self, "optimizer", ("learning_rate",))
        yield from at_least(self, "optimizer", 0, ("weight_decay",))
        yield from below_one(self, "optimizer", ("warmup_share",))


@dataclass
class TrainerConfig:
    """How long, on what and how exactly to train."""

    max_epochs: int = 20
    """Passes over the training split."""
    accelerator: str = "auto"
    """Kind of device: auto, cpu, gpu or another name Lightning knows."""
    devices: int = 1
    """Devices (or processes, on a CPU) to train on."""
    strategy: str = "auto"
    """How devices work together: auto, ddp or another name Lightning knows."""
    precision: str = "32-true"
    """Floating-point precision, such as 32-true, 16-mixed or bf16-mixed."""
    gradient_clip: float = 5.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    early_stopping: int | None = None
    """Epochs without a better monitored metric before training stops; none never stops early."""
    monitor: str = "auto"
    """Validation metric for the checkpoint; auto: accuracy, map (multi-label), fidelity (post_hoc), loss (others)."""
    within_standard_errors: float | None = None
    """Standard errors below the best accuracy that the epoch chosen by trainer.monitor may lie; none sets no bound."""
    deterministic: bool = True
    """Whether only algorithms that repeat exactly are used."""
    threads: int | None = None
    """CPU threads of one process; none leaves the choice to PyTorch."""
    progress: bool = True
    """Whether to show a progress bar."""
    limit_train_batches: float | int = 1.0
    """Training batches per epoch: a share written with a point (0.1) or a number (10)."""
    limit_val_batches: float | int = 1.0
    """Validation batches per epoch: a share written with a point (0.1) or a number (10)."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "trainer", 1, ("max_epochs", "devices", "early_stopping", "threads"))
        yield from at_least(self, "trainer", 0, ("gradient_clip", "within_standard_errors"))
        if self.within_standard_errors is not None and self.monitor == "auto":
            yield (
                f"trainer.within_standard_errors={self.within_standard_errors:g} needs trainer.monitor=METRIC, by "
                "which to choose among the epochs, such as faithfulness/input_fidelity"
            )
        for name in ("limit_train_batches", "limit_val_batches"):
            value = getattr(self, name)
            if value < 0 or (isinstance(value, float) and value > 1):
                yield f"trainer.{name}={value} must be a share from 0.0 to 1.0 or a whole number of batches"


@dataclass
class LoggerConfig:
    """Where the numbers go besides metrics.csv and summary.json."""

    wandb: Literal["offline", "online", "disabled"] = "offline"
    """Weights & Biases: kept in the run folder, sent as it goes, or off."""
    project: str = "soundglass"
    """Project of the run at Weights & Biases."""
    entity: str | None = None
    """User or team of the run at Weights & Biases; none takes the account's default."""
    tags: list[str] = field(default_factory=list)
    """Labels of the run at Weights & Biases."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()


@dataclass
class CallbackConfig:
    """Settings that every callback of the registry has."""

    enabled: bool = False
    """Whether the callback runs."""
    on_error: Literal["warn", "raise"] = "warn"
    """What an error inside the callback does: warn and skip the point, or stop the training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()


@dataclass
class CallbacksConfig:
    """One group of settings for each registered callback."""
