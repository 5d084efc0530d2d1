"""Settings of backbones and of the black box; models made of components have theirs in `component_schema`."""

from collections.abc import Iterator
from dataclasses import dataclass

from configs.checks import at_least, below_one


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
class ModelConfig:
    """Settings that every model has; a plugin's model extends this class."""

    name: str = "???"
    """Classifier, by its registered name."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()


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
