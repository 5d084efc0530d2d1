"""Training of the generator of spectrograms of Mishra et al. (2019), and what it shares with the autoencoder."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError
from configs.gan_spectrogram_schema import SpectrogramGANConfig, SpectrogramGeneratorConfig
from datamodules.batch import Batch
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.prior import Prior
from interpretability.generation.vocoding import Vocoder
from models.gan_excerpts import Excerpts
from models.gan_generators import GeneratorTraining
from models.gan_training import AdversarialTraining
from models.spectrogram_gan import SpectrogramCritic, SpectrogramGenerator


class SpectrogramTraining(GeneratorTraining):
    """A generator of log-mel excerpts from latents z ~ N(0, I)."""

    kind = "spectrograms"
    reach = 2.0  # of N(0, I), two deviations
    settings: SpectrogramGeneratorConfig
    generator: SpectrogramGenerator

    def new_generator(self) -> SpectrogramGenerator:
        """Return the generator of the configured size."""
        s = self.settings
        self.excerpts = Excerpts(self.front_end, s)
        self.sound = self.excerpts.sound
        return SpectrogramGenerator(self.sound.shape[1], s.frames, s.latents, s.channels, self.excerpts.floor)

    @property
    def n_samples(self) -> int:
        """Length of an excerpt in samples."""
        return self.excerpts.n_samples

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Measure mean and deviation of the bands on training clips; checkpoints keep them.

        Raises:
            InputError: Clips shorter than an excerpt, or that do not vary.
        """
        if self.settings.standardised:
            excerpts = self.excerpts.sample(datamodule, self.settings.measured_clips)
            for network in (self.generator, self.average.module):
                assert isinstance(network, SpectrogramGenerator)  # noqa: S101 (AveragedModel hides the type)
                network.scale.measure(excerpts)
        return {}

    def latents(
        self,
        n: int,
        categories: Tensor | None = None,
        level: float = 1.0,
        random: torch.Generator | None = None,
    ) -> tuple[Tensor, None]:
        """Draw latents (n, n_latents) from N(0, I) on the module's device; there are no categories.

        Raises:
            InputError: Categories were asked for.
        """
        if categories is not None:
            raise InputError(f"this generator has no codes: it was trained as model.name={self.config.model.name}")
        return torch.randn(n, self.settings.latents, generator=random).to(self.device), None

    def real(self, batch: Batch, seed: int | None = None) -> Tensor:
        """Excerpts (B, 1, M, T) of clips."""
        return self.excerpts.of(batch, seed)

    def seen(self, clips: Tensor) -> Tensor:
        """Standardised features (B, 1, M, T), which networks are given."""
        return self.generator.scale.standardise(clips)

    def features(self, clips: Tensor) -> Tensor:
        """The excerpts themselves, as rows (B, D)."""
        return clips.float().flatten(1)

    def prior(self, code: Tensor | None = None) -> Prior:
        """Return the prior of features, latents normal; the first ones may be held at a `code` (c,)."""
        name = self.config.model.name
        return GaussianLatent(self.average.module, self.settings.latents, self.sound, code=code, name=name)

    def vocoder(self) -> Vocoder:
        """Return what makes excerpts heard."""
        return self.excerpts.vocoder()


class SpectrogramGANTraining(SpectrogramTraining, AdversarialTraining):
    """The paper's recipe: WGAN-GP with weight 10, Adam with beta1 0.9 for the critic and 0.5 for the generator."""

    settings: SpectrogramGANConfig
    critic: SpectrogramCritic
    betas = ((0.9, 0.999), (0.5, 0.999))

    @property
    def rate(self) -> float:
        """Learning rate of Adam, for critic and generator."""
        return self.settings.rate

    def new_critic(self, n_outputs: int) -> SpectrogramCritic:
        """Return a critic of the configured size."""
        s = self.settings
        return SpectrogramCritic(self.sound.shape[1], s.frames, s.channels, n_outputs)
