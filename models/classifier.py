"""What every classifier of the project shares: analysis of a batch, losses, metrics, optimizer."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from configs.compose import to_plain
from configs.schema import Config
from datamodules.batch import Batch
from models.backbones import Backbone
from models.front_end import FrontEnd
from models.label_metrics import KnownAveragePrecision
from models.spec_augment import spec_augment
from models.trained_backbone import start_backbone

UNKNOWN = -1  # label of a class that nobody annotated in a clip; metrics leave it out


class Analysis(NamedTuple):
    """What the front end makes of B clips.

    `spectrum` complex (B, F, T); `features` (B, 1, M, T), or (B, 1, 1, N) of a waveform; `n_steps` (B,) steps
    of the features that hold sound; `mask` (B, T) says which frames do. These two are None where no clip is padded.
    `waveform` (B, N) is what was analysed, where it is known.
    """

    spectrum: Tensor
    features: Tensor
    n_steps: Tensor | None
    mask: Tensor | None
    waveform: Tensor | None = None


class Response(Protocol):
    """Whatever a classifier returns for a batch: it has logits (B, C)."""

    @property
    def logits(self) -> Tensor:
        """Class scores (B, C) before softmax or sigmoid."""


R = TypeVar("R", bound=Response)


class AudioClassifier(pl.LightningModule, ABC, Generic[R]):
    """Front end of a run, with the training, validation and test steps around whatever classifies.

    Checkpoints carry the configuration, class names and label type as plain data under `hyper_parameters`. `decides`
    says whether the logits are answers that were learned.
    """

    decides: ClassVar[bool] = True

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__()
        plain = {"config": to_plain(config), "class_names": list(class_names), "multi_label": multi_label}
        self.save_hyperparameters(plain, logger=False)
        self.config, self.class_names, self.multi_label = config, tuple(class_names), multi_label
        self.front_end = FrontEnd(config.front_end)
        self.val_metrics = self.new_metrics("val/")
        self.test_metrics = self.new_metrics("test/")

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        return len(self.class_names)

    def new_metrics(self, prefix: str) -> MetricCollection:
        """Accuracy, or macro average precision over the known labels of the classes that occur (multi-label)."""
        metric: Metric
        if self.multi_label:
            metric = KnownAveragePrecision(self.class_names, of=f"{prefix}map", unknown=UNKNOWN)
            return MetricCollection({"map": metric}, prefix=prefix)
        metric = MulticlassAccuracy(self.n_classes, average="micro")
        return MetricCollection({"accuracy": metric}, prefix=prefix)

    @property
    def monitor(self) -> str:
        """Validation metric that chooses the checkpoint where the configuration leaves it open."""
        return "val/map" if self.multi_label else "val/accuracy"

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Learn from the training clips what has to be known before the first step, and return figures of it.

        `datamodule` is the run's; files for other runs go into the folder `keep_in`. By default the backbone takes the
        weights that its settings name, and nothing else is needed.

        Raises:
            InputError: Weights that cannot be read or do not fit.
        """
        backbone = getattr(self, "backbone", None)
        if isinstance(backbone, Backbone):
            start_backbone(backbone, self.config)
        return {}

    @abstractmethod
    def respond(self, analysis: Analysis) -> R:
        """Classify analysed clips."""

    def analyse(self, waveform: Tensor, length: Tensor | None = None) -> Analysis:
        """Waveforms (B, N), of which `length` (B,) samples are sound (None: all) -> spectrum, features and masks."""
        with torch.autocast(waveform.device.type, enabled=False):
            sound = self.front_end.normalize(waveform.float())
            spectrum = self.front_end.stft(sound)
            features = self.front_end.features(spectrum, sound)
        if length is None or bool((length >= waveform.shape[-1]).all()):
            return Analysis(spectrum, features, None, None, waveform)
        mask = torch.arange(spectrum.shape[-1], device=length.device) < self.front_end.n_frames(length)[:, None]
        return Analysis(spectrum, features, self.front_end.n_steps(length), mask, waveform)

    def forward(self, waveform: Tensor, length: Tensor | None = None) -> Tensor:
        """Logits (B, C) of waveforms (B, N) in [-1, 1] at the run's sample rate."""
        return self.respond(self.analyse(waveform, length)).logits

    def loss_terms(self, response: R, analysis: Analysis, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms of the loss by name; their sum is minimised."""
        return {"classification": self.classification_loss(response.logits.float(), batch)}

    def classification_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, or the sum over classes of binary cross-entropy, from the labels that are known (multi-label).

        Where some labels are unknown, the mean over the known ones stands for the others, so that the loss of partially
        labelled data weighs as much beside the other terms.
        """
        smoothing: float = getattr(self.config.model, "label_smoothing", 0.0)
        if not self.multi_label:
            return F.cross_entropy(logits, batch.target, label_smoothing=smoothing)
        target = batch.target.float() * (1 - smoothing) + 0.5 * smoothing
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        known = torch.ones_like(loss) if batch.observed is None else batch.observed.to(loss.dtype)
        return self.n_classes * (loss * known).sum() / known.sum().clamp_min(1)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step on augmented clips; the single terms go to the log and to whoever watches for non-finite ones."""
        analysis = self.analyse(batch.waveform, batch.length)
        augmentation = self.config.augmentation
        if augmentation.enabled and self.config.front_end.features != "waveform":
            features = spec_augment(analysis.features, batch, augmentation, self.config.seed, self.current_epoch)
            analysis = analysis._replace(features=features)
        response = self.respond(analysis)
        terms = self.loss_terms(response, analysis, batch)
        loss = torch.stack(list(terms.values())).sum()
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch), prog_bar=True)
        if len(terms) > 1:
            detached = {f"train/{name}": term.detach() for name, term in terms.items()}
            self.log_dict(detached, on_step=False, on_epoch=True, batch_size=len(batch))
        self.watch_training(response, terms, batch_idx)
        return {"loss": loss, "terms": {name: term.detach() for name, term in terms.items()}}

    def watch_training(self, response: R, terms: dict[str, Tensor], batch_idx: int) -> None:
        """Log what a model wants known about its own training step; nothing by default."""

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metric of validation clips."""
        self.evaluate(batch, "val", self.val_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Loss and metric of test clips; returns their logits for whoever writes them down."""
        return {"logits": self.evaluate(batch, "test", self.test_metrics)[1].logits}

    def evaluate(self, batch: Batch, split: str, metrics: MetricCollection) -> tuple[Analysis, R]:
        """Update a split's metrics with one batch and log its loss; every clip counts once on any number of ranks."""
        analysis = self.analyse(batch.waveform, batch.length)
        response = self.respond(analysis)
        metrics.update(response.logits.float(), metric_target(batch))
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=len(batch), prog_bar=split == "val")
        terms = self.loss_terms(response, analysis, batch)
        losses = {"loss": torch.stack(list(terms.values())).sum(), **(terms if len(terms) > 1 else {})}
        named = {f"{split}/{name}": value for name, value in losses.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)
        return analysis, response

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with linear warm-up and cosine decay per step; weight decay on matrices and kernels only."""
        settings = self.config.optimizer
        trained = [(name, p) for name, p in self.named_parameters() if p.requires_grad]
        decayed = [p for name, p in trained if p.ndim > 1 and not name.endswith("dictionary")]
        kept = {id(p) for p in decayed}
        plain = [p for _, p in trained if id(p) not in kept]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        total = int(self.trainer.estimated_stepping_batches)
        warm_up = max(1, round(settings.warmup_share * total))

        def rate(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, total - warm_up))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def metric_target(batch: Batch) -> Tensor:
    """Targets as metrics take them: (B,) classes, or (B, C) labels with `UNKNOWN` where nobody annotated."""
    target = batch.target.long()
    return target if batch.observed is None else target.masked_fill(~batch.observed, UNKNOWN)
