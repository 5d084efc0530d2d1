"""A variational autoencoder of log-mel excerpts (Kingma & Welling 2014): a prior that two cores train in minutes."""

import math
from typing import Any

import torch
from torch import Tensor

from configs.gan_spectrogram_schema import SpectrogramVAEConfig
from configs.schema import Config
from datamodules.batch import Batch
from models.spectrogram_gan import SpectrogramCritic
from models.spectrogram_gan_training import SpectrogramTraining


class SpectrogramVAETraining(SpectrogramTraining):
    """Decoder and encoder of the sizes of the spectrogram GAN's generator and critic.

    The deviation of the features around what is decoded is the best one for each batch (Rybkin et al. 2021, eq. 6), so
    that nothing has to be weighed by hand:

        loss = (D / 2 (ln(2 pi s^2) + 1) + weight KL(q(z | x) || N(0, I))) / D,   s^2 = mean squared error

    Attributes:
        encoder: standardised excerpts to mean and log-variance of latents.
    """

    settings: SpectrogramVAEConfig

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__(config, class_names, multi_label)
        s = self.settings
        self.encoder = SpectrogramCritic(self.sound.shape[1], s.frames, s.channels, 2 * s.latents)
        self.taken: Tensor
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))
        self._losses: list[Tensor] = []

    @property
    def n_steps(self) -> int:
        """Steps of the optimizer so far."""
        return int(self.taken)

    def encode(self, excerpts: Tensor) -> tuple[Tensor, Tensor]:
        """Excerpts (B, 1, M, T) -> mean and log-variance (B, n_latents) of their latents."""
        mean, log_variance = self.encoder(self.seen(excerpts)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def terms(self, excerpts: Tensor, decoder: Any, noise: Tensor) -> dict[str, Tensor]:  # noqa: ANN401 - a module
        """Return loss, mean squared error and divergence of excerpts (B, 1, M, T); noise (B, n_latents) is N(0, I)."""
        mean, log_variance = self.encode(excerpts)
        made = decoder(mean + (0.5 * log_variance).exp() * noise)
        error = (self.seen(made) - self.seen(excerpts)).square().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        values = math.prod(self.sound.shape)
        likelihood = 0.5 * (math.log(2 * math.pi) + (error + 1e-6).log() + 1)
        loss = likelihood + self.settings.kl_weight * divergence / values
        return {"loss": loss, "error": error, "divergence": divergence}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return the loss of excerpts of a batch."""
        excerpts = self.real(batch)
        noise = torch.randn(len(batch), self.settings.latents).to(self.device)
        terms = self.terms(excerpts, self.generator, noise)
        logged = {f"train/{name}": value.detach() for name, value in terms.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch))
        return {"loss": terms["loss"], "terms": {name: value.detach() for name, value in terms.items()}}

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ANN401 - Lightning's
        """Let the averaged weights follow."""
        self.taken += 1
        self.average.update_parameters(self.generator)

    def on_validation_epoch_start(self) -> None:
        """Forget the losses of an earlier validation."""
        super().on_validation_epoch_start()
        self._losses = []

    def keep_real(self, real: Tensor, batch: Batch) -> None:
        """Keep the loss of real excerpts at the means of their latents, too."""
        super().keep_real(real, batch)
        none = torch.zeros(len(real), self.settings.latents, device=real.device)
        self._losses.append(self.terms(real, self.average, none)["error"])

    def more_figures(self, made: Tensor, categories: Tensor | None) -> dict[str, float]:
        """Return the share of the features' variance that the autoencoder explains: 1 - error of standardised bands."""
        return {"explained": 1 - float(torch.stack(self._losses).mean())} if self._losses else {}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam for encoder and decoder."""
        return torch.optim.Adam([*self.generator.parameters(), *self.encoder.parameters()], self.settings.rate)
