"""What generated sounds are drawn from: one small interface for generators, input space and spectra."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from configs.errors import InputError


@dataclass(frozen=True)
class Sound:
    """What one decoded excerpt is.

    Attributes:
        shape: of one excerpt, such as (80, 115) bands x frames, (1, 64, 101), or (16384,) samples.
        sample_rate: in Hz, of the waveform or of the sound that the features are of.
        kind: "features" (the last two axes are bands and frames) or "waveform" (the last axis is samples).
        unit: of a feature's values, such as "ln mel", or of the waveform's, "full scale"; for captions.
    """

    shape: tuple[int, ...]
    sample_rate: int
    kind: Literal["features", "waveform"] = "features"
    unit: str = "log mel"


@runtime_checkable
class Prior(Protocol):
    """Sounds that may be generated, and how likely each is.

    Attributes:
        name: for tables and captions.
        latent_shape: of one latent.
        sound: what is decoded.
        modules: networks that decoding evaluates; they are put in eval mode and get no gradient.
    """

    name: str
    latent_shape: tuple[int, ...]
    sound: Sound
    modules: Sequence[nn.Module]

    def decode(self, latent: Tensor) -> Tensor:
        """Return the sounds (B, *sound.shape) of latents (B, *latent_shape); sums of it have gradients."""

    def log_prior(self, latent: Tensor) -> Tensor:
        """Return how likely latents are (B,), up to a factor and a constant: what a lane's `weight` multiplies."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n latents (n, *latent_shape) on the CPU."""

    def project(self, latent: Tensor) -> Tensor:
        """Return the nearest latents that are allowed, after each step."""


def kept(tensor: Tensor) -> Tensor:
    """Return a copy that may take part in gradients later, even if it was made in inference mode."""
    with torch.inference_mode(False):
        return tensor.detach().clone()


def weighs(prior: Prior, n: int = 16) -> bool:
    """Whether a prior finds some sounds likelier than others; if not, the weight of a lane changes nothing."""
    with torch.no_grad():
        values = prior.log_prior(prior.sample(n, torch.Generator().manual_seed(0)))
    return bool((values != values[0]).any())


def check_prior(prior: Prior, wanted: Sound, device: torch.device | None = None) -> None:
    """Compare what a prior decodes with what a network takes; decodes one latent.

    Raises:
        InputError: Another kind, rate or shape, or values that are not finite.
    """
    own, takes = prior.sound, wanted
    if own.kind != takes.kind:
        raise InputError(f"prior '{prior.name}' decodes {own.kind}, the network takes {takes.kind}")
    if own.sample_rate != takes.sample_rate:
        raise InputError(
            f"prior '{prior.name}' has sounds at {own.sample_rate} Hz, the network takes {takes.sample_rate} Hz; "
            "choose a prior that was trained at the network's rate"
        )
    latent = prior.sample(1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        decoded = prior.decode(latent if device is None else latent.to(device))
    for shape, whose in ((tuple(own.shape), "says that it decodes"), (tuple(decoded.shape[1:]), "decodes")):
        if shape != tuple(takes.shape):
            raise InputError(
                f"prior '{prior.name}' {whose} excerpts of shape {shape}, the network takes {tuple(takes.shape)}"
            )
    if not bool(decoded.isfinite().all()):
        raise InputError(f"prior '{prior.name}' decodes values that are not finite")
