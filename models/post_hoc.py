"""The post-hoc interpreter: NMF components read from a frozen classifier, which answer as it does."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection

from configs.schema import Config, PostHocConfig
from datamodules.batch import Batch
from models.classifier import Analysis, metric_target
from models.component_classifier import ComponentClassifier
from models.fidelity_metric import FidelityMetric
from models.interpreter import open_classifier
from models.masked_hearing import differentiable_selection, masking_terms, with_mixtures
from models.nmf_bottleneck import BottleneckOutput, NMFBottleneck
from models.nmf_dictionary import Dictionary
from models.nmf_learning import random_dictionary
from models.training_frames import training_frames


class PostHocInterpreter(ComponentClassifier):
    """Theta(H) of Parekh et al. 2022: L = L_fidelity + alpha L_NMF + beta ||H||_1, H read from a frozen classifier f.

    Nothing of f is trained, and f decides nothing here: the logits are those of the interpreter, sums over components,
    and `classified` has f's own. Checkpoints hold f, so that they load without the run that is explained.
    """

    settings: PostHocConfig

    def __init__(
        self,
        config: Config,
        class_names: tuple[str, ...],
        multi_label: bool,
        classifier: nn.Module | None = None,
        explained: dict[str, Any] | None = None,
    ) -> None:
        """Open the classifier, and build the interpreter on the maps of its layers; errors as `open_classifier`.

        Args:
            config: of the run.
            class_names: of the run's data.
            multi_label: whether a clip may hold several classes.
            classifier: network to explain, in place of what `model.explains` names.
            explained: how a checkpoint describes its classifier, in place of both.
        """
        super().__init__(config, class_names, multi_label)
        settings = self.settings
        self.frozen, self.taps = open_classifier(self, settings, classifier, explained)
        self.bottleneck = NMFBottleneck(settings, self.taps.shapes, self.front_end.n_bins, self.n_classes, multi_label)
        self.val_fidelity = FidelityMetric(multi_label)
        self.test_fidelity = FidelityMetric(multi_label, shuffled=True)
        self.classifier_metrics = self.new_metrics("test/classifier_")

    @property
    def classifier(self) -> nn.Module:
        """The classifier that is explained, as it was given: one of ours, or any module from waveforms to scores."""
        return self.frozen.module

    @property
    def monitor(self) -> str:
        """Validation fidelity: top-1, or its AUPRC for multi-label data."""
        return "val/fidelity_auprc" if self.multi_label else "val/fidelity_top1"

    def classified(self, waveform: Tensor, length: Tensor | None = None) -> Tensor:
        """Logits (B, C) of the classifier that is explained, for waveforms (B, N) in [-1, 1]."""
        return self.frozen(waveform, length)  # type: ignore[no-any-return]

    def find_dictionary(self, datamodule: Any, keep_in: Path | None) -> Dictionary:  # noqa: ANN401
        """Learn or read the dictionary, or draw the one of the control."""
        if self.settings.control == "none":
            return super().find_dictionary(datamodule, keep_in)
        frames = partial(training_frames, self.front_end, datamodule, seed=self.config.seed)
        settings = self.settings
        return random_dictionary(frames, settings.n_components, settings.nmf, self.front_end.settings, self.config.seed)

    def respond(self, analysis: Analysis) -> BottleneckOutput:
        """Let the classifier hear clips, and decide a second time by the components active in its maps."""
        with torch.no_grad(), self.taps.of(self.frozen) as maps:
            explained = self.frozen.respond(analysis, self.front_end)
        output: BottleneckOutput = self.bottleneck(maps, analysis.spectrum.shape[-1], analysis.mask)
        return output._replace(explained=explained)

    def loss_terms(self, response: BottleneckOutput, analysis: Analysis, batch: Batch) -> dict[str, Tensor]:
        """Infidelity, alpha times the mean squared error of W H, beta times the mean activation; no labels."""
        doubled = self.settings.fidelity_doubled_from
        weight = self.settings.fidelity_weight * (2 if doubled is not None and self.current_epoch >= doubled else 1)
        assert response.explained is not None  # noqa: S101 - narrows the type
        fidelity = weight * infidelity(response.logits.float(), response.explained, self.multi_label)
        terms = {"fidelity": fidelity} | self.component_terms(response.activations, analysis)
        return terms | self.masked_terms(response, analysis) if self.settings.masking_weight else terms

    def masked_terms(self, response: BottleneckOutput, analysis: Analysis) -> dict[str, Tensor]:
        """What f says of the parts that components keep and leave of clips; every other clip while training, for time.

        The class explained is the one f decides for, of several (multi-label) the likeliest.
        """
        settings, some = self.settings, slice(None, None, 2 if self.training else 1)
        assert response.explained is not None and response.unmuted is not None  # noqa: S101, PT018 - narrows the types
        labels = response.explained[some].argmax(dim=1)
        n_frames, frames = (
            None if of is None else of[some].repeat_interleave(2, 0) for of in (analysis.n_steps, analysis.mask)
        )

        def hear(parts: Tensor) -> Tensor:
            heard = Analysis(parts, self.front_end.features(parts), n_frames, frames)
            return self.frozen.respond(heard, self.front_end)

        with torch.autocast(response.logits.device.type, enabled=False):
            relevance = self.bottleneck.contributions(response.unmuted[some].float()).sum(dim=2)
            gains = differentiable_selection(relevance[torch.arange(len(labels), device=labels.device), labels])
            dictionary, H = self.bottleneck.dictionary, response.activations[some].float()
            found = masking_terms(hear, analysis.spectrum[some], dictionary, H, gains, labels, self.multi_label)
        weight = settings.masking_weight
        return {
            "masked_in": weight * found.kept,
            "masked_out": weight * found.left,
            "kept_energy": weight * settings.kept_energy_weight * found.energy,
        }

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step, on mixtures too where the settings ask for them."""
        return super().training_step(with_mixtures(batch, self.settings.mixture_share), batch_idx)

    def evaluate(self, batch: Batch, split: str, metrics: MetricCollection) -> tuple[Analysis, BottleneckOutput]:
        """Update the split's metrics: accuracy of the interpreter, its fidelity and, in the test, f's own accuracy."""
        analysis, response = super().evaluate(batch, split, metrics)
        assert response.explained is not None  # noqa: S101 - narrows the type
        metric = self.test_fidelity if split == "test" else self.val_fidelity
        metric.update(response.explained, response.logits)
        if split == "test":
            self.classifier_metrics.update(response.explained, metric_target(batch))
            self.log_dict(self.classifier_metrics, on_step=False, on_epoch=True, batch_size=len(batch))
        return analysis, response

    def on_validation_epoch_end(self) -> None:
        """Log the fidelity, by which the checkpoint is chosen."""
        self.log_fidelity("val", self.val_fidelity)

    def on_test_epoch_end(self) -> None:
        """Log the fidelity and that of shuffled activations."""
        self.log_fidelity("test", self.test_fidelity)

    def log_fidelity(self, split: str, metric: FidelityMetric) -> None:
        """Log the figures of a split and start anew."""
        figures: dict[str, float] = metric.compute()
        self.log_dict({f"{split}/{name}": value for name, value in figures.items()}, prog_bar=split == "val")
        metric.reset()


def infidelity(logits: Tensor, explained: Tensor, multi_label: bool) -> Tensor:
    """Cross-entropy of an interpreter's answers (B, C) to a classifier's (Parekh et al. 2022, sheet 1.7).

    Single-label: - mean_b sum_c softmax(f)_c log softmax(Theta)_c. Multi-label: the binary form, summed over the
    classes as all multi-label losses here, so C times the paper's.
    """
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits, explained.sigmoid(), reduction="none").sum(dim=1).mean()
    return F.cross_entropy(logits, explained.softmax(dim=-1))
