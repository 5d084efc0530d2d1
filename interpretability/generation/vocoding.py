"""Generated excerpts as sound: waveforms as they are, features through a vocoder that is handed in and named."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.prior import Prior

Invert = Callable[[Tensor], Tensor]
"""Features (B, ...) -> waveforms (B, N)."""


@dataclass(frozen=True)
class Vocoder:
    """How features become sound, and what it is called where the sound is shown."""

    name: str
    invert: Invert


@dataclass(frozen=True, eq=False)
class Generated:
    """Excerpts of latents.

    Attributes:
        excerpts: (B, ...) as the prior decodes them.
        waveform: (B, N); None for features without a vocoder.
        sample_rate: in Hz.
        vocoding: how the waveform was made.
    """

    excerpts: Tensor
    waveform: Tensor | None
    sample_rate: int
    vocoding: str


@torch.no_grad()
def generated(prior: Prior, latent: Tensor, vocoder: Vocoder | None = None) -> Generated:
    """Decode latents (B, ...) and make them heard.

    Raises:
        InputError: A vocoder that gives anything but finite waveforms (B, N).
    """
    excerpts = prior.decode(latent)
    rate = prior.sound.sample_rate
    if prior.sound.kind == "waveform":
        return Generated(excerpts, excerpts.flatten(1), rate, "none: the prior makes waveforms")
    if vocoder is None:
        return Generated(excerpts, None, rate, "none: features without a vocoder")
    waveform = vocoder.invert(excerpts)
    if waveform.ndim != 2 or len(waveform) != len(excerpts) or not bool(waveform.isfinite().all()):
        raise InputError(f"vocoder '{vocoder.name}' gives shape {tuple(waveform.shape)}, not finite waveforms")
    return Generated(excerpts, waveform, rate, vocoder.name)


def mel_griffin_lim(
    mel: Tensor,
    n_fft: int,
    hop: int,
    linear: Callable[[Tensor], Tensor] = torch.exp,
    power: float = 1.0,
    iterations: int = 100,
    seed: int = 0,
) -> Vocoder:
    """Return the paper's vocoder: pseudo-inverse of the mel matrix, negative values to 0, Griffin and Lim (1984).

    Args:
        mel: (F, M) matrix from n_fft // 2 + 1 frequency bins to M bands.
        n_fft: of a Hann window as long.
        hop: in samples.
        linear: from features to mel values, such as `torch.exp` for ln-mel.
        power: 1 where bands add magnitudes, 2 where they add squares.
        iterations: of the phases, from random ones.
        seed: of these.

    Raises:
        InputError: A matrix of another number of bins.
    """
    if mel.shape[0] != n_fft // 2 + 1:
        raise InputError(f"a mel matrix of {mel.shape[0]} bins does not belong to a transform of {n_fft}")
    inverse = torch.linalg.pinv(mel.double()).float()  # (M, F)

    def invert(features: Tensor) -> Tensor:
        bands = linear(features.reshape(len(features), -1, features.shape[-1]).float())
        energy = torch.einsum("bmt,mf->bft", bands, inverse.to(bands)).clamp_min(0)
        return griffin_lim(energy.pow(1 / power), n_fft, hop, iterations, seed)

    return Vocoder(f"Griffin-Lim, {iterations} iterations", invert)


def griffin_lim(magnitude: Tensor, n_fft: int, hop: int, iterations: int, seed: int) -> Tensor:
    """Return waveforms (B, (T - 1) hop) whose spectra come near magnitudes (B, F, T)."""
    window = torch.hann_window(n_fft, device=magnitude.device)
    random = torch.Generator().manual_seed(seed)
    phase = torch.rand(magnitude.shape, generator=random).to(magnitude) * 2 * torch.pi
    spectrum = torch.polar(magnitude, phase)
    for _ in range(iterations):
        waveform = torch.istft(spectrum, n_fft, hop, window=window)
        again = torch.stft(waveform, n_fft, hop, window=window, return_complex=True, pad_mode="constant")
        spectrum = torch.polar(magnitude, again.angle())
    return torch.istft(spectrum, n_fft, hop, window=window)
