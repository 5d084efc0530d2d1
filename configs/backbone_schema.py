"""Settings of backbones: the networks between features and maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from configs.checks import at_least, below_one
from configs.data_schema import FrontEndConfig


@dataclass
class BackboneConfig:
    """Settings that every backbone has; a plugin's backbone extends this class."""

    name: str = "???"
    """Network between features and maps, by its registered name."""

    HEARS_WAVEFORMS: ClassVar[bool] = False
    """Whether its features are the samples themselves (front_end.features=waveform)."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from ()

    def front_end_problems(self, front_end: FrontEndConfig) -> Iterator[str]:
        """Yield one sentence per front-end setting that this backbone cannot be used with."""
        if self.HEARS_WAVEFORMS and front_end.features != "waveform":
            yield f"backbone.name={self.name} hears the waveform itself; give front_end.features=waveform"
        if front_end.features == "waveform" and not self.HEARS_WAVEFORMS:
            yield f"backbone.name={self.name} sees spectrograms; front_end.features=waveform is for waveform_cnn"


TO_BE_GIVEN = "?"
"""Weights of an experiment that makes no sense without some."""


@dataclass
class PretrainedConfig(BackboneConfig):
    """A backbone that may start from weights; they were learned from one front end and mean nothing to another."""

    weights: str | None = None
    """Weights to start from: a run of ours (folder or checkpoint) or a published file; none starts at random."""
    frozen: bool = False
    """Whether the backbone keeps its weights and stays in eval mode, or is trained on."""

    PUBLISHED: ClassVar[dict[str, Any]] = {}
    """Front-end settings that the published weights were learned with."""

    @property
    def from_run(self) -> bool:
        """Whether `weights` names a run folder or a checkpoint of ours, not a published file."""
        path = Path(self.weights or "").expanduser()
        return path.suffix == ".ckpt" or (path / "config.yaml").is_file()

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        if self.frozen and self.weights is None:
            yield f"backbone.frozen=true needs backbone.weights=FILE: an untrained {self.name} has nothing to keep"
        if self.weights == TO_BE_GIVEN:
            yield (
                "backbone.weights is missing: give published weights, or a run to start from, such as "
                "runs/esc10_masked_spectrogram/RUN, which python train.py experiment=esc10_masked_spectrogram trains"
            )

    def front_end_problems(self, front_end: FrontEndConfig) -> Iterator[str]:
        """Yield one sentence that names each setting in which the front end is not the published weights' own."""
        yield from super().front_end_problems(front_end)
        if not self.weights or self.from_run:
            return  # a run's own front end is compared when it is read
        different = [
            f"front_end.{name}={getattr(front_end, name)} (published: {value})"
            for name, value in {"features": "log_mel", **self.PUBLISHED}.items()
            if getattr(front_end, name) != value
        ]
        if different:
            yield f"backbone.weights of {self.name} were learned with another front end: {', '.join(different)}"


@dataclass
class SmallCNNConfig(PretrainedConfig):
    """A small convolutional network that trains from scratch in minutes on two cores."""

    from_run = True  # nobody publishes weights for it

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
        yield from super().problems()
        yield from at_least(self, "backbone", 1, ("width",))
        yield from at_least(self, "backbone", 2, ("blocks",))
        yield from below_one(self, "backbone", ("dropout",))


@dataclass
class WaveformCNNConfig(PretrainedConfig):
    """A convolutional network on the waveform itself, built as the critic of WaveGAN is."""

    from_run = True  # nobody publishes weights for it
    HEARS_WAVEFORMS: ClassVar[bool] = True

    name: str = "waveform_cnn"
    """Network between features and maps, by its registered name."""
    width: int = 16
    """Channels of the first layer; each further layer doubles them."""
    layers: int = 5
    """Convolutions of 25 taps, each of which makes four steps into one."""
    dropout: float = 0.2
    """Share of values dropped before the decision while training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "backbone", 1, ("width",))
        yield from at_least(self, "backbone", 2, ("layers",))
        yield from below_one(self, "backbone", ("dropout",))


@dataclass
class VGGConfig(PretrainedConfig):
    """The VGG-like network of Parekh et al. (2022), with its published channels."""

    name: str = "vgg"
    """Network between features and maps, by its registered name."""
    dropout: float = 0.2
    """Share of values dropped while training."""

    # Kumar et al. hear the mel power, Parekh et al. the mel magnitude, both through these weights.
    PUBLISHED: ClassVar[dict[str, Any]] = {
        "sample_rate": 44100,
        "n_fft": 1024,
        "hop_length": 512,
        "n_mels": 128,
        "f_min": 0.0,
        "f_max": None,
    }

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from below_one(self, "backbone", ("dropout",))


@dataclass
class Cnn14Config(PretrainedConfig):
    """CNN14 of the PANNs (Kong et al. 2020), with its published channels."""

    name: str = "cnn14"
    """Network between features and maps, by its registered name."""

    PUBLISHED: ClassVar[dict[str, Any]] = {
        "sample_rate": 32000,
        "n_fft": 1024,
        "hop_length": 320,
        "n_mels": 64,
        "mel_of": "power",
        "f_min": 50.0,
        "f_max": 14000.0,
        "normalize": "none",
    }


@dataclass
class PatchTransformerConfig(PretrainedConfig):
    """A transformer on square patches of the mel spectrogram; sizes as published."""

    width: int = 768
    """Numbers that describe a patch."""
    layers: int = 12
    """Transformer layers."""
    heads: int = 12
    """Attention heads of a layer."""
    patch: int = 16
    """Mel bands and frames of a square patch."""
    dropout: float = 0.0
    """Share of values dropped while training."""

    PUBLISHED: ClassVar[dict[str, Any]] = {
        "sample_rate": 16000,
        "hop_length": 160,
        "n_mels": 128,
        "mel_of": "power",
        "normalize": "none",
    }

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "backbone", 1, ("width", "layers", "heads", "patch"))
        yield from below_one(self, "backbone", ("dropout",))
        if self.heads > 0 and self.width % self.heads:
            yield f"backbone.width={self.width} must be a multiple of backbone.heads={self.heads}"


@dataclass
class SpectrogramTransformerConfig(PatchTransformerConfig):
    """Audio spectrogram transformer (Gong et al. 2021) through the package transformers; sizes as published."""

    name: str = "spectrogram_transformer"
    """Network between features and maps, by its registered name."""
    weights: str | None = None
    """Local folder of a published checkpoint (config.json and weights) to start from; none starts at random."""
    stride: int = 10
    """Step between patches, in mel bands and frames."""
    frames: int = 1024
    """Frames of the input; shorter clips are padded to them, longer ones refused."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "backbone", 1, ("stride",))
        if self.frames < self.patch:
            yield f"backbone.frames={self.frames} must be at least backbone.patch={self.patch}"

    def front_end_problems(self, front_end: FrontEndConfig) -> Iterator[str]:
        """Yield one sentence per front-end setting that this backbone cannot be used with."""
        yield from super().front_end_problems(front_end)
        if front_end.n_mels < self.patch:
            yield f"front_end.n_mels={front_end.n_mels} must be at least backbone.patch={self.patch}"


@dataclass
class BEATsConfig(PatchTransformerConfig):
    """BEATs (Chen et al. 2023): a transformer on patches, learned from sounds without labels; sizes as published."""

    name: str = "beats"
    """Network between features and maps, by its registered name."""
    hidden: int = 3072
    """Units between the two matrices of a layer."""
    patch_width: int = 512
    """Numbers that the first convolution makes of a patch."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "backbone", 1, ("hidden", "patch_width"))

    def front_end_problems(self, front_end: FrontEndConfig) -> Iterator[str]:
        """Yield one sentence per front-end setting that this backbone cannot be used with."""
        yield from super().front_end_problems(front_end)
        if self.patch > 0 and front_end.n_mels % self.patch:
            yield f"front_end.n_mels={front_end.n_mels} must be a multiple of backbone.patch={self.patch}"
