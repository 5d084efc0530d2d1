"""Settings of backbones and models. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import above_zero, at_least, below_one


@dataclass
class BackboneConfig:
    """Settings that every backbone has; a plugin's backbone extends this class."""

    name: str = "???"
    """Network between features and maps, by its registered name."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()


@dataclass
class SmallCNNConfig(BackboneConfig):
    """A small convolutional network that trains from scratch in minutes on two cores."""

    name: str = "small_cnn"
    """Network between features and maps, by its registered name."""
    width: int = 16
    """Channels of the first block; each further block doubles them."""
    blocks: int = 4
    """Convolutional blocks, the first a single strided convolution; all but the second halve the resolution."""
    dropout: float = 0.2
    """Share of values dropped while training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "backbone", 1, ("width",))
        yield from at_least(self, "backbone", 2, ("blocks",))
        yield from below_one(self, "backbone", ("dropout",))


@dataclass
class VGGConfig(BackboneConfig):
    """The VGG-like network of Parekh et al. (2022), with its published channels."""

    name: str = "vgg"
    """Network between features and maps, by its registered name."""
    dropout: float = 0.2
    """Share of values dropped while training."""
    weights: str | None = None
    """File of weights to start from; none starts from random weights."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from below_one(self, "backbone", ("dropout",))


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
class ModelConfig:
    """Settings that every model has; a plugin's model extends this class."""

    name: str = "???"
    """Classifier, by its registered name."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()


@dataclass
class ByDesignConfig(ModelConfig):
    """A classifier whose logits are sums of the contributions of NMF components."""

    name: str = "by_design"
    """Classifier, by its registered name."""
    n_components: int = 64
    """Components K of the dictionary."""
    dictionary: str | None = None
    """File of a learned dictionary; none learns one at the start of the training."""
    nmf: NMFConfig = field(default_factory=NMFConfig)
    """How the dictionary is learned."""
    decoder: Literal["light", "paper"] = "light"
    """Network from maps to activations: the light one fits any clip length, the other is the paper's."""
    pooling: Literal["statistics", "attention", "class_attention", "max", "mean"] = "statistics"
    """How the activations of a component are summed up over time."""
    attention_from: Literal["activations", "maps"] = "activations"
    """What attention over time is computed from; with maps the backbone chooses the frames unseen."""
    dropout: float = 0.2
    """Share of components muted while training, so that no decision hangs on a single one."""
    reconstruction_weight: float = 5.0
    """Weight alpha of the reconstruction error ||X - WH||^2 in the loss."""
    sparsity_weight: float = 0.02
    """Weight beta of the l1 norm of the activations in the loss."""
    auxiliary_weight: float = 0.5
    """Weight of the classification by the trunk's own linear head, used in training only; 0 leaves it out."""
    train_dictionary: bool = False
    """Whether the dictionary is trained too, projected after each step, or stays as learned."""
    label_smoothing: float = 0.0
    """Share of each target spread evenly over the classes."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from above_zero(self, "model", ("n_components",))
        yield from at_least(self, "model", 0, ("reconstruction_weight", "sparsity_weight", "auxiliary_weight"))
        yield from below_one(self, "model", ("dropout", "label_smoothing"))
        if self.attention_from == "maps" and "attention" not in self.pooling:
            yield (
                f"model.attention_from=maps needs model.pooling=attention or class_attention, not {self.pooling}, "
                "which has no attention"
            )


@dataclass
class BlackBoxConfig(ModelConfig):
    """The same network with a linear head instead of the components: the twin to compare with."""

    name: str = "black_box"
    """Classifier, by its registered name."""
    dropout: float = 0.2
    """Share of the embedding dropped before the head while training."""
    label_smoothing: float = 0.0
    """Share of each target spread evenly over the classes."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from below_one(self, "model", ("dropout", "label_smoothing"))
