"""Settings of the generators of spectrograms, a GAN and an autoencoder. The sentence under a field is its `--help`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from configs.checks import above_zero, at_least, below_one
from configs.data_schema import DataConfig
from configs.gan_schema import AdversarialConfig, GeneratorConfig


@dataclass
class MusicFolderData(DataConfig):
    """Any folder of music, without labels: excerpts of the recordings in it and in the folders below."""

    labelled: ClassVar[bool] = False
    """Whether clips have classes."""
    name: str = "music_folder"
    """Dataset, by its registered name."""
    seconds: float | None = 2.4
    """Length in seconds of an excerpt as it is read; a generator cuts its own from it."""
    step: float | None = None
    """Seconds between the starts of two training excerpts of a recording; none puts them side by side."""
    validation_share: float = 0.1
    """Share of the training recordings kept for validation where the data name no validation split."""
    test_share: float = 0.1
    """Share of the recordings kept for the test."""
    evaluation_excerpts: int = 512
    """Excerpts of validation and of test, at most, evenly spread over their recordings."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from above_zero(self, "data", ("step", "test_share", "validation_share"))
        yield from below_one(self, "data", ("test_share",))
        yield from at_least(self, "data", 2, ("evaluation_excerpts",))
        if self.seconds is None:
            yield "data.name=music_folder needs data.seconds, the length of an excerpt"
        if self.root is None:
            yield "data.root is needed by data.name=music_folder: give a folder of music"


WIDTHS: dict[str, int] = {"published": 8, "small": 4}
"""Size of a spectrogram generator -> channels of its last map; its first one and the encoder's follow from it."""
GAN_RATES: dict[str, float] = {"published": 1e-5, "small": 5e-4}
VAE_RATES: dict[str, float] = {"published": 5e-4, "small": 2e-3}
"""Learning rates of the sizes: the small ones have minutes instead of days."""
INVERTIBLE = ("log_mel", "ln_mel")
"""Features that are generated, as their bands can be turned into a spectrum again."""


@dataclass
class SpectrogramGeneratorConfig(GeneratorConfig):
    """What generators of spectrograms share: excerpts of a fixed number of frames, of features a classifier sees."""

    size: Literal["published", "small"] = "published"
    """Published: maps of 128 to 8 channels, for a GPU. Small: half as many, minutes on two cores."""
    width: int | None = None
    """Channels of the generator's last map; none takes those of the size."""
    latents: int = 128
    """Latent variables of an excerpt."""
    frames: int = 115
    """Frames of an excerpt; 115 are those of the paper, 1.6 s at its front end."""
    cut: Literal["sound", "features"] = "sound"
    """Where excerpts are cut: from the sound, with a peak and edges of their own, or from a clip's features."""
    standardise: bool | None = None
    """Whether networks see each band with mean 0 and deviation 1; none: in the small size only, as published."""
    measured_clips: int = 256
    """Training clips from which mean and deviation of the bands are taken."""
    learning_rate: float | None = None
    """Learning rate of Adam; none takes that of the size."""

    @property
    def channels(self) -> int:
        """Channels of the generator's last map."""
        return WIDTHS[self.size] if self.width is None else self.width

    @property
    def standardised(self) -> bool:
        """Whether networks see standardised bands."""
        return self.size == "small" if self.standardise is None else self.standardise

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 1, ("width", "latents"))
        yield from at_least(self, "model", 2, ("frames", "measured_clips"))
        yield from above_zero(self, "model", ("learning_rate",))

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this file
        """Yield one sentence per setting of another group that a generator cannot be trained with."""
        yield from super().run_problems(config)
        front_end, seconds = config.front_end, config.data.seconds
        have = None if seconds is None else 1 + round(seconds * front_end.sample_rate) // front_end.hop_length
        if have is not None and have < self.frames:
            yield (
                f"model.frames={self.frames}: data.seconds={seconds:g} has {have} frames at "
                f"front_end.hop_length={front_end.hop_length}; take fewer frames or longer clips"
            )
        features = getattr(front_end, "features", "log_mel")
        if features not in INVERTIBLE:
            yield (
                f"front_end.features={features}: model.name={self.name} generates features that can be made heard; "
                f"choose {' or '.join(INVERTIBLE)}"
            )


@dataclass
class SpectrogramGANConfig(SpectrogramGeneratorConfig, AdversarialConfig):
    """The generator of Mishra et al. (2019): latents to log-mel excerpts, against a critic with gradient penalty."""

    name: str = "spectrogram_gan"
    """Generator, by its registered name."""

    @property
    def rate(self) -> float:
        """Learning rate of both optimizers."""
        return GAN_RATES[self.size] if self.learning_rate is None else self.learning_rate


@dataclass
class SpectrogramVAEConfig(SpectrogramGeneratorConfig):
    """A variational autoencoder of the same excerpts: minutes instead of days, and smoother sounds."""

    name: str = "spectrogram_vae"
    """Generator, by its registered name."""
    latents: int = 64
    """Latent variables of an excerpt."""
    standardise: bool | None = True
    """Whether networks see each band with mean 0 and deviation 1; none: in the small size only."""
    kl_weight: float = 1.0
    """Weight of the latents' distance from the prior; 1 is the bound on the likelihood."""
    collapse_distance: float = 0.05
    """Distance between generated clips, relative to real ones, below which the generator has collapsed."""

    @property
    def rate(self) -> float:
        """Learning rate of Adam."""
        return VAE_RATES[self.size] if self.learning_rate is None else self.learning_rate

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from above_zero(self, "model", ("kl_weight",))
