"""Settings of the black box and of learning without labels; models made of components are in `component_schema`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from configs.checks import above_zero, at_least, below_one


@dataclass
class ModelConfig:
    """Settings that every model has; a plugin's model extends this class."""

    name: str = "???"
    """Classifier, by its registered name."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this file
        """Yield one sentence per setting of another group of `config` that this model cannot be used with."""
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


@dataclass
class MaskedSpectrogramConfig(ModelConfig):
    """Learns without labels: patches of the log-mel spectrogram are hidden from the backbone, and predicted."""

    name: str = "masked_spectrogram"
    """Model, by its registered name."""
    masked_share: float = 0.5
    """Share of the patches of a clip that are hidden."""
    patch_bands: int = 16
    """Mel bands of a patch."""
    patch_frames: int = 16
    """Frames of a patch."""
    width: int = 64
    """Channels of the decoder, which is thrown away after training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "model", 1, ("patch_bands", "patch_frames", "width"))
        yield from above_zero(self, "model", ("masked_share",))
        yield from below_one(self, "model", ("masked_share",))
