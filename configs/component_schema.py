"""Settings of the models whose decisions are sums of components. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import above_zero, at_least, below_one, within
from configs.model_schema import ModelConfig


@dataclass
class NMFConfig:
    """How the dictionary is learned from frames of the training split."""

    beta: float = 1.0
    """Beta-divergence: 2 is Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito."""
    sparsity: float = 0.2
    """Weight mu of the l1 penalty on the activations."""
    updates: int = 200
    """Multiplicative updates of dictionary and activations."""
    frames: int = 20000
    """Frames drawn from the training split."""
    batch_frames: int | None = None
    """Frames per mini-batch; none updates on all frames at once."""
    per_class: bool = False
    """Whether each class learns its own share of the components."""
    noise_components: int = 0
    """Additional components held fixed at the spectrum of background noise."""
    seeds: int = 1
    """Random starts tried; the one with the lowest objective is kept."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "model.nmf", 0, ("sparsity", "noise_components"))
        yield from at_least(self, "model.nmf", 1, ("updates", "frames", "batch_frames", "seeds"))
        if self.batch_frames is not None and self.batch_frames > self.frames:
            yield f"model.nmf.batch_frames={self.batch_frames} must not exceed model.nmf.frames={self.frames}"


@dataclass
class ComponentsConfig(ModelConfig):
    """What every model has whose decisions are sums of the contributions of NMF components."""

    n_components: int = 64
    """Components K of the dictionary."""
    dictionary: str | None = None
    """File of a learned dictionary; none learns one at the start of the training."""
    nmf: NMFConfig = field(default_factory=NMFConfig)
    """How the dictionary is learned."""
    decoder: Literal["compact", "light", "paper", "generic"] = "light"
    """Network from maps to activations: compact, light (twice it), the paper's, or generic (3 M parameters)."""
    pooling: Literal["statistics", "attention", "class_attention", "max", "mean"] = "statistics"
    """How the activations of a component are summed up over time."""
    attention_from: Literal["activations", "maps"] = "activations"
    """What attention over time is computed from; with maps the network that is read chooses the frames unseen."""
    dropout: float = 0.2
    """Share of components muted while training, so that no decision hangs on a single one."""
    reconstruction_weight: float = 5.0
    """Weight alpha of the reconstruction error ||X - WH||^2 in the loss."""
    sparsity_weight: float = 0.02
    """Weight beta of the l1 norm of the activations in the loss."""
    train_dictionary: bool = False
    """Whether the dictionary is trained too, projected after each step, or stays as learned."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from above_zero(self, "model", ("n_components",))
        yield from at_least(self, "model", 0, ("reconstruction_weight", "sparsity_weight"))
        yield from below_one(self, "model", ("dropout",))
        if self.attention_from == "maps" and "attention" not in self.pooling:
            yield (
                f"model.attention_from=maps needs model.pooling=attention or class_attention, not {self.pooling}, "
                "which has no attention"
            )


@dataclass
class ByDesignConfig(ComponentsConfig):
    """A classifier whose logits are sums of the contributions of NMF components."""

    name: str = "by_design"
    """Classifier, by its registered name."""
    decoder: Literal["compact", "light", "paper", "generic"] = "compact"
    """Network from maps to activations: compact, light (twice it), the paper's, or generic (3 M parameters)."""
    auxiliary_weight: float = 0.5
    """Weight of the classification by the trunk's own linear head, used in training only; 0 leaves it out."""
    label_smoothing: float = 0.0
    """Share of each target spread evenly over the classes."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 0, ("auxiliary_weight",))
        yield from below_one(self, "model", ("label_smoothing",))


@dataclass
class NMFLinearConfig(ComponentsConfig):
    """Baseline: a linear classifier on the activations of an NMF dictionary that knows nothing of the classes."""

    name: str = "nmf_linear"
    """Classifier, by its registered name."""
    nmf: NMFConfig = field(default_factory=lambda: NMFConfig(beta=2.0))
    """How the dictionary is learned."""
    reconstruction_weight: float = 0.0
    """Weight alpha of the reconstruction error ||X - WH||^2 in the loss, where the dictionary is trained."""
    ridge: float = 0.01
    """Weight lambda2 of the squared activations, which makes the sparse codes unique."""
    steps: int = 80
    """Steps of the accelerated gradient that finds the sparse codes."""
    dictionary_rate: float = 0.1
    """Share of each step of the optimizer that a trained dictionary follows."""
    label_smoothing: float = 0.0
    """Share of each target spread evenly over the classes."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from above_zero(self, "model", ("ridge", "steps"))
        yield from within(self, "model", 0, 1, ("dictionary_rate",))
        yield from below_one(self, "model", ("label_smoothing",))
        if self.attention_from == "maps":
            yield f"model.attention_from=maps needs a network that makes maps; model.name={self.name} has none"
        if self.nmf.beta != 2:
            yield f"model.nmf.beta={self.nmf.beta:g} must be 2: model.name={self.name} computes Euclidean sparse codes"


@dataclass
class TaskDrivenNMFConfig(NMFLinearConfig):
    """Baseline: the same with a dictionary trained for the task (Mairal et al. 2012; Bisot et al. 2017)."""

    name: str = "task_driven_nmf"
    """Classifier, by its registered name."""
    train_dictionary: bool = True
    """Whether the dictionary is trained too, projected after each step, or stays as learned."""
