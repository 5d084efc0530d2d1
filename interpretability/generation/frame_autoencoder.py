"""Spectra of single frames by a few numbers: a small variational autoencoder (Kingma and Welling 2014)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from configs.errors import InputError
from interpretability.isolation import forked_randomness


@dataclass(frozen=True)
class FrameTraining:
    """How frames are learned.

    Attributes:
        latents: numbers of a frame.
        width: of both hidden layers of encoder and decoder.
        steps: of Adam.
        batch: frames of a step.
        rate: highest step size; it rises over the first tenth of the steps and falls to 0.
        weight: of the divergence from N(0, I); below 1, for it only has to keep latents of like frames together.
        seed: of weights, batches and noise.
    """

    latents: int = 8
    width: int = 128
    steps: int = 2000
    batch: int = 1024
    rate: float = 3e-3
    weight: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        if min(self.latents, self.width, self.steps, self.batch) < 1 or not self.rate > 0 or self.weight < 0:
            raise InputError(f"{self}: all have to be above 0, and weight not below 0")


class FrameCoder(nn.Module):
    """Standardised spectra of M bands to `latents` numbers and back, frame by frame.

    Attributes:
        latents: numbers of a frame.
        mean, deviation: (M,) of the bands.
    """

    def __init__(self, bands: int, latents: int, width: int) -> None:
        super().__init__()
        self.latents = latents
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("deviation", torch.ones(bands))
        self.encoder = _three_layers(bands, width, 2 * latents)
        self.decoder = _three_layers(latents, width, bands)

    def posterior(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised frames (..., M) -> mean and log-variance (..., latents)."""
        mean, log_variance = self.encoder(frames).chunk(2, dim=-1)
        return mean, log_variance.clamp(-12, 8)

    def encode(self, features: Tensor) -> Tensor:
        """Features (n, M, T) -> mean latents (n, T, latents)."""
        return self.posterior((features.transpose(1, 2) - self.mean) / self.deviation)[0]

    def decode(self, latent: Tensor) -> Tensor:
        """Latents (n, T, latents) -> features (n, M, T)."""
        frames: Tensor = self.decoder(latent) * self.deviation + self.mean
        return frames.transpose(1, 2)


def learn_frames(features: Tensor, training: FrameTraining) -> FrameCoder:
    """Train on all frames of excerpts (n, M, T), on their device; without a trace on the caller's random streams.

    The deviation of frames around what is decoded is the best one for each batch (Rybkin et al. 2021, eq. 6), so that
    error and divergence need no weighing by hand; the divergence comes in over the first third of the steps.

    Raises:
        InputError: Features that do not vary or are not finite.
    """
    frames = features.transpose(1, 2).flatten(0, 1).float()
    deviation = frames.std(dim=0)
    if not bool(frames.isfinite().all()) or not bool(deviation.mean() > 0):
        raise InputError("nothing can be learned of excerpts that do not vary or are not finite")
    with torch.inference_mode(False), torch.enable_grad(), forked_randomness(training.seed, frames.device):
        coder = FrameCoder(frames.shape[1], training.latents, training.width).to(frames.device)
        coder.mean.copy_(frames.mean(dim=0))
        # Bands that hardly vary would have their rounding magnified.
        coder.deviation.copy_(deviation.clamp_min(0.1 * float(deviation.mean())))
        _train(coder, (frames - coder.mean) / coder.deviation, training)
    return coder.requires_grad_(False).eval()


def _train(coder: FrameCoder, frames: Tensor, training: FrameTraining) -> None:
    adam = torch.optim.Adam(coder.parameters(), training.rate)
    for step in range(training.steps):
        done = (step + 1) / training.steps
        for group in adam.param_groups:
            group["lr"] = training.rate * min(10 * done, (1 - done) / 0.9 + 1e-3)
        batch = frames[torch.randint(len(frames), (training.batch,)).to(frames.device)]
        mean, log_variance = coder.posterior(batch)
        noise = torch.randn(mean.shape).to(mean)
        error = F.mse_loss(coder.decoder(mean + (0.5 * log_variance).exp() * noise), batch)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        weight = training.weight * min(1.0, 3 * done) / batch.shape[1]
        loss = 0.5 * (error + 1e-6).log() + weight * divergence
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()


def _three_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )
