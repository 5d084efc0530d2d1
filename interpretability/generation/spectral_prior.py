"""Magnitudes of the data, phases free: a prior without training (MACO, Fel et al. 2023), for log-mel and waveforms."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.feature_moments import check_count
from interpretability.generation.prior import Sound, kept


class SpectralPrior:
    """Excerpts whose Fourier magnitudes are the mean ones of real excerpts; only their phases are searched.

        x = profile + IFFT( mean |FFT(x_real - profile)| exp(i phase) )

    Features are transformed over bands and frames, waveforms over time. The profile is the mean of each band, which a
    log-mel has for its level and tilt, and is 0 for waveforms. As a real signal has a symmetric spectrum, phases that
    mirror others follow them, and those of the mean and of the highest frequencies stay 0: every excerpt has exactly
    the magnitudes of the data (but where it is raised to the floor). Fel et al. optimise images; the profile is ours.
    """

    def __init__(self, excerpts: Tensor, sound: Sound, floor: float | None = None, name: str = "spectral") -> None:
        """Measure magnitudes.

        Args:
            excerpts: real ones (n, *sound.shape).
            sound: what one is; the last two axes of features are bands and frames, those before have length 1.
            floor: smallest value of a feature, such as ln(1e-7); None for none.
            name: for tables.

        Raises:
            InputError: Fewer than two excerpts, another shape, or excerpts that are all constant.
        """
        check_count(len(excerpts))
        if tuple(excerpts.shape[1:]) != tuple(sound.shape):
            raise InputError(f"excerpts of shape {tuple(excerpts.shape[1:])} are not {sound.shape}")
        self.n_axes = 1 if sound.kind == "waveform" else 2
        if math.prod(sound.shape[: -self.n_axes]) != 1:
            raise InputError(f"a spectral prior has one channel, and excerpts have shape {sound.shape}")
        self._lengths = sound.shape[-self.n_axes :]
        self._axes = tuple(range(-self.n_axes, 0))
        real = excerpts.detach().reshape(-1, *self._lengths)
        self.profile = kept(real.mean(dim=(0, 2))[:, None] if self.n_axes == 2 else real.new_zeros(1))
        self.magnitude = kept(torch.fft.rfftn(real - self.profile, dim=self._axes).abs().mean(dim=0))
        if not bool(self.magnitude.flatten()[1:].amax() > 0) or not bool(self.magnitude.isfinite().all()):
            raise InputError("a spectral prior needs excerpts that vary and are finite")
        self.sound, self.floor, self.name = sound, floor, name
        self.latent_shape: tuple[int, ...] = tuple(self.magnitude.shape)
        self.modules: Sequence[nn.Module] = ()

    def phases(self, latent: Tensor) -> Tensor:
        """Return the phases of a real signal: antisymmetric where a column of the half spectrum is its own mirror."""
        columns = [0, -1] if self._lengths[-1] % 2 == 0 else [0]
        out = latent.clone()
        for column in columns:
            if self.n_axes == 1:
                out[..., column] = 0
                continue
            rows = latent[..., column]
            bands = rows.shape[-1]
            half = rows[..., 1 : (bands + 1) // 2]
            middle = [torch.zeros_like(rows[..., :1])] if bands % 2 == 0 else []
            out[..., column] = torch.cat([torch.zeros_like(rows[..., :1]), half, *middle, -half.flip(-1)], dim=-1)
        return out

    def decode(self, latent: Tensor) -> Tensor:
        """Return excerpts (B, *sound.shape) of phases (B, bands, frames // 2 + 1), or (B, samples // 2 + 1)."""
        spectrum = torch.polar(self.magnitude.to(latent).expand_as(latent), self.phases(latent))
        out: Tensor = torch.fft.irfftn(spectrum, s=self._lengths, dim=self._axes) + self.profile.to(latent)
        out = out.reshape(len(latent), *self.sound.shape)
        return out if self.floor is None else out.clamp_min(self.floor)

    def log_prior(self, latent: Tensor) -> Tensor:
        """Return zeros (B,): all phases are equally likely, and a lane's weight changes nothing."""
        zeros: Tensor = 0 * latent.flatten(1).sum(dim=1)
        return zeros

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw phases from U(-pi, pi)."""
        return (torch.rand(n, *self.latent_shape, generator=generator) * 2 - 1) * math.pi

    def project(self, latent: Tensor) -> Tensor:
        """Return the same phases between -pi and pi."""
        wrapped: Tensor = torch.remainder(latent + math.pi, 2 * math.pi) - math.pi
        return wrapped
