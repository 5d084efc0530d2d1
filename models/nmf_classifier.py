"""Baselines of the papers: a linear classifier on NMF activations, the dictionary as learned or trained for the task.

Both decide on exact sparse codes of the spectrogram, found without any network. Bisot et al. (2017) compare the two;
Parekh et al. (2024) compare theirs with both.
"""

from typing import Any

import torch
from torch import Tensor, nn

from configs.schema import Config, NMFLinearConfig
from datamodules.batch import Batch
from models.classifier import Analysis
from models.component_classifier import ComponentClassifier
from models.nmf_bottleneck import BottleneckOutput, NMFBottleneck
from models.sparse_coding import sparse_code


class CodedBottleneck(NMFBottleneck):
    """A bottleneck whose activations are the sparse codes of the spectrogram itself, in place of a decoder's."""

    def __init__(self, config: NMFLinearConfig, n_bins: int, n_classes: int, multi_label: bool) -> None:
        super().__init__(config, {}, n_bins, n_classes, multi_label)
        self.decoder = nn.Identity()  # there are no maps to decode; the codes pass it, so that units can be silenced
        self.sparsity, self.ridge, self.steps = config.nmf.sparsity, config.ridge, config.steps

    def forward(self, target: Tensor, mask: Tensor | None = None) -> BottleneckOutput:  # type: ignore[override]
        """Decide on the codes of X = log(1 + |S|) (B, F, T), of which `mask` (B, T) holds sound."""
        activations = self.decoder(sparse_code(target, self.dictionary, self.sparsity, self.ridge, self.steps))
        if mask is not None:
            activations = activations * mask[:, None, :].to(activations.dtype)
        return self.decide(activations, mask)


class NMFClassifier(ComponentClassifier):
    """Sparse codes, pooled over time, and a linear layer: `model.name=nmf_linear` and `task_driven_nmf`.

    `nmf_linear` trains the linear layer alone. `task_driven_nmf` also trains the dictionary through the codes by their
    implicit gradient on the active set (`models.sparse_coding`), with every column put back to unit norm and
    non-negative entries after each step (Mairal et al. 2012, algorithm 1; Bisot et al. 2017, section III-C).
    """

    settings: NMFLinearConfig

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__(config, class_names, multi_label)
        self.bottleneck = CodedBottleneck(self.settings, self.front_end.n_bins, self.n_classes, multi_label)

    def respond(self, analysis: Analysis) -> BottleneckOutput:
        """Classify by the sparse codes of the clips."""
        with torch.autocast(analysis.spectrum.device.type, enabled=False):
            target = self.front_end.log_magnitude(analysis.spectrum)
            output: BottleneckOutput = self.bottleneck(target, analysis.mask)
        return output

    def loss_terms(self, response: BottleneckOutput, analysis: Analysis, batch: Batch) -> dict[str, Tensor]:
        """Classification; with a trained dictionary and `model.reconstruction_weight`, also the error of W H."""
        terms = super().loss_terms(response, analysis, batch)
        if self.settings.train_dictionary and self.settings.reconstruction_weight:
            terms["reconstruction"] = self.component_terms(response.activations, analysis)["reconstruction"]
        return terms

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Step; a trained dictionary goes a share of the way only, then back on its constraint."""
        before = self.bottleneck.dictionary.detach().clone()
        super().optimizer_step(*args, **kwargs)
        if self.settings.train_dictionary:
            with torch.no_grad():
                self.bottleneck.dictionary.lerp_(before, 1 - self.settings.dictionary_rate)
            self.bottleneck.project_dictionary()
