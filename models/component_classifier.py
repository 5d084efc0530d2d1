"""What classifiers made of components share: dictionary, loss terms, and the audit of their decisions."""

import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from configs.schema import ComponentsConfig, Config
from datamodules.batch import Batch
from interpretability.listening.decision_audit import audible_share, component_energy, relative_error
from models.classifier import Analysis, AudioClassifier, metric_target
from models.nmf import encode
from models.nmf_bottleneck import BottleneckOutput, NMFBottleneck
from models.nmf_dictionary import Dictionary
from models.nmf_learning import learn_dictionary
from models.training_frames import training_frames

AUDITED_CLIPS = 96  # test clips whose decision is taken apart; NMF's own activations take a second per five clips
ENCODING_UPDATES = 50  # after which NMF's own activations are within 0.02 % of where they settle
WATCH_EVERY = 20  # training steps between two measurements of the loss terms' shares of the gradient


class ComponentClassifier(AudioClassifier[BottleneckOutput]):
    """A classifier whose decision is the sum of `bottleneck.contributions`: by design, or to explain another.

    The dictionary is learned before the first step by `prepare`, or read from `model.dictionary`.
    """

    bottleneck: NMFBottleneck
    settings: ComponentsConfig

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__(config, class_names, multi_label)
        self.settings = cast(ComponentsConfig, config.model)
        self.swapped_metrics = self.new_metrics("test/nmf_activations_")

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Learn the dictionary from the training clips, or read it from `model.dictionary`.

        Args:
            datamodule: data of the run.
            keep_in: folder in which a learned dictionary is kept as `dictionary.pt`, for other runs to use.

        Returns:
            Figures of the dictionary for the summary of the run.

        Raises:
            InputError: No sound to learn from, or a dictionary file that does not fit this run.
        """
        super().prepare(datamodule, keep_in)
        started = time.perf_counter()
        dictionary = self.find_dictionary(datamodule, keep_in)
        self.bottleneck.set_dictionary(dictionary.atoms, dictionary.scale)
        return {
            "dictionary/relative_error": dictionary.relative_error,
            "dictionary/effective_components": dictionary.effective_components,
            "dictionary/seconds": time.perf_counter() - started,
        }

    def find_dictionary(self, datamodule: Any, keep_in: Path | None) -> Dictionary:  # noqa: ANN401
        """Return the dictionary of `model.dictionary`, or one learned from the training clips and kept in a folder."""
        settings = self.settings
        if settings.dictionary is not None:
            dictionary = Dictionary.load(settings.dictionary)
            dictionary.check(self.front_end.settings, settings.n_components)
            return dictionary
        frames = partial(training_frames, self.front_end, datamodule, seed=self.config.seed)
        dictionary = learn_dictionary(
            frames, self.class_names, settings.n_components, settings.nmf, self.front_end.settings, self.config.seed
        )
        if keep_in is not None:
            dictionary.save(keep_in / "dictionary.pt")
        return dictionary

    def component_terms(self, activations: Tensor, analysis: Analysis) -> dict[str, Tensor]:
        """Alpha times the mean squared error of W H, beta times the mean activation H (B, K, T)."""
        with torch.autocast(activations.device.type, enabled=False):
            activations = activations.float()
            target = self.front_end.log_magnitude(analysis.spectrum)
            error = squared_error(target, self.bottleneck.dictionary, activations) / target.shape[1]
            return {
                "reconstruction": self.settings.reconstruction_weight * mean_over_sound(error, analysis.mask),
                "sparsity": self.settings.sparsity_weight * mean_over_sound(activations, analysis.mask),
            }

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Loss and metric of test clips; for the first batches also how much of the decision is in the components."""
        analysis, response = self.evaluate(batch, "test", self.test_metrics)
        if batch_idx * len(batch) < AUDITED_CLIPS:
            self.audit(batch, analysis, response)
        return {"logits": response.logits}

    @torch.no_grad()
    def audit(self, batch: Batch, analysis: Analysis, response: BottleneckOutput) -> None:
        """Log what W H rebuilds, how loud the deciding components are, and what NMF's own activations would decide.

        `relative_error` and `nmf_relative_error` are ||X - W H||^2 / ||X||^2 with the model's and with NMF's
        activations; `audible_share` is the share of the predicted class's |A z| in components above -40 dB of the clip;
        `nmf_activations_accuracy` (or `_map`) is the metric when H is replaced by NMF's own.
        """
        target = self.front_end.log_magnitude(analysis.spectrum)
        nmf = self.settings.nmf
        own = encode(target, self.bottleneck.dictionary, nmf.beta, nmf.sparsity, updates=ENCODING_UPDATES)
        energy = component_energy(analysis.spectrum, self.bottleneck.dictionary, response.activations)
        relevance = self.bottleneck.contributions(response.pooled).sum(dim=2)
        predicted = relevance[torch.arange(len(batch)), response.logits.argmax(dim=-1)]
        rebuilt, rebuilt_by_nmf = (self.bottleneck.reconstruction(h) for h in (response.activations, own))
        figures = {
            "test/relative_error": relative_error(target, rebuilt, analysis.mask),
            "test/nmf_relative_error": relative_error(target, rebuilt_by_nmf, analysis.mask),
            "test/audible_share": audible_share(predicted, energy),
        }
        means = {name: values.mean() for name, values in figures.items()}
        self.log_dict(means, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)
        if self.settings.attention_from == "activations":
            swapped = self.bottleneck.decide(own, analysis.mask)
            self.swapped_metrics.update(swapped.logits, metric_target(batch))
            self.log_dict(self.swapped_metrics, on_step=False, on_epoch=True, batch_size=len(batch))

    def watch_training(self, response: BottleneckOutput, terms: dict[str, Tensor], batch_idx: int) -> None:
        """Log each loss term's share of the gradient that reaches the activations."""
        if batch_idx % WATCH_EVERY or not response.activations.requires_grad:
            return
        norms = {
            name: torch.autograd.grad(term, response.activations, retain_graph=True, allow_unused=True)[0]
            for name, term in terms.items()
        }
        sizes = {name: g.float().norm() for name, g in norms.items() if g is not None}
        total = torch.stack(list(sizes.values())).sum().clamp_min(1e-20)
        shares = {f"train/gradient_share/{name}": size / total for name, size in sizes.items()}
        self.log_dict(shares, on_step=False, on_epoch=True, batch_size=1)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Step, then put a trained dictionary back on its constraint."""
        super().optimizer_step(*args, **kwargs)
        if self.settings.train_dictionary:
            self.bottleneck.project_dictionary()


def squared_error(target: Tensor, dictionary: Tensor, activations: Tensor) -> Tensor:
    """||x - W h||^2 of every frame (B, 1, T), for X (B, F, T), W (F, K) and H (B, K, T).

    Written out as ||x||^2 - 2 h . (W'x) + h . (W'W h), it never forms W H: three times faster than with it on a CPU,
    most of that in the backward pass. It is rounded at about 1e-6 ||x||^2, so that an exact rebuild may lie below 0.
    """
    size = torch.linalg.vector_norm(target, dim=1, keepdim=True).square()
    rebuilt = (dictionary.T @ dictionary) @ activations - 2 * (dictionary.T @ target)
    error: Tensor = size + (rebuilt * activations).sum(dim=1, keepdim=True)
    return error


def mean_over_sound(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of (B, R, T) over rows and the frames of `mask` (B, T) that hold sound."""
    if mask is None:
        return values.mean()
    keep = mask[:, None, :].to(values.dtype)
    return (values * keep).sum() / (keep.sum() * values.shape[1])
