"""The input itself as the latent: no prior but regularisers. What adversarial patterns look like comes out of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.prior import Sound, kept


def total_variation(sound: Tensor, n_axes: int) -> Tensor:
    """Return the mean absolute step to the next value (B,), over the last `n_axes` axes."""
    steps = [sound.diff(dim=-axis).abs().flatten(1).mean(dim=1) for axis in range(1, n_axes + 1)]
    return torch.stack(steps).sum(dim=0)


def lp_norm(sound: Tensor, p: float) -> Tensor:
    """Return mean |x|^p (B,)."""
    return sound.abs().pow(p).flatten(1).mean(dim=1)


def smoothed(white: Tensor, n_axes: int, decay: float) -> Tensor:
    """Divide the spectrum over the last `n_axes` axes by (1 + f / f_1)^decay, f_1 the lowest frequency; std is kept.

    Steps along fast changes become as much smaller as these are rarer in natural sounds (Olah et al. 2017).
    """
    if decay == 0:
        return white
    lengths = white.shape[-n_axes:]
    grid = torch.zeros(*lengths[:-1], lengths[-1] // 2 + 1, device=white.device, dtype=white.dtype)
    for axis, length in enumerate(lengths):
        numbers = torch.fft.rfftfreq(length) if axis == n_axes - 1 else torch.fft.fftfreq(length)
        shape = [1] * n_axes
        shape[axis] = -1
        grid = grid + (numbers.to(grid) * max(lengths)).square().reshape(shape)
    gain = (1 + grid.sqrt()).pow(-decay)
    # A real spectrum has all but its first and, where the length is even, last column twice.
    twice = torch.full_like(gain, 2.0)
    twice[..., 0] = 1
    if lengths[-1] % 2 == 0:
        twice[..., -1] = 1
    gain = gain / ((gain.square() * twice).sum() / twice.sum()).sqrt()
    axes = tuple(range(-n_axes, 0))
    out: Tensor = torch.fft.irfftn(torch.fft.rfftn(white, dim=axes) * gain, s=lengths, dim=axes)
    return out


class InputSpace:
    """Excerpts x = mean + deviation * smoothed(z), z ~ N(0, I): every value of the input is free.

    Its log prior is minus the regularisers (each with its own weight), on z-scored values, so that one weight fits
    features of any unit. Jitter is the transform of a lane (`transforms.shifted`).
    """

    def __init__(
        self,
        sound: Sound,
        mean: Tensor | float = 0.0,
        deviation: Tensor | float = 1.0,
        variation: float = 1.0,
        norm: float = 1.0,
        p: float = 2.0,
        decay: float = 0.0,
        floor: float | None = None,
        name: str = "input space",
    ) -> None:
        """Describe the space.

        Args:
            sound: what one excerpt is.
            mean: of the data, broadcast to `sound.shape`, such as (bands, 1) for bands x frames.
            deviation: of the data, in the same shape, above 0.
            variation: weight of the total variation.
            norm: weight of mean |x|^p.
            p: of the norm.
            decay: of the frequency-dependent smoothing; 0 leaves z as it is, 1 is usual.
            floor: smallest value of a feature; None for none.
            name: for tables.

        Raises:
            InputError: A deviation that is not positive, or shapes that do not fit.
        """
        self.mean, self.deviation = (kept(torch.as_tensor(value, dtype=torch.float32)) for value in (mean, deviation))
        if not bool((self.deviation > 0).all()):
            raise InputError("the deviation of the input space has to be above 0 everywhere; a band is constant")
        for part, what in ((self.mean, "mean"), (self.deviation, "deviation")):
            try:
                part.expand(sound.shape)
            except RuntimeError:
                raise InputError(f"a {what} of shape {tuple(part.shape)} does not fit excerpts {sound.shape}") from None
        self.sound, self.name, self.floor = sound, name, floor
        self.variation, self.norm, self.p, self.decay = variation, norm, p, decay
        self.latent_shape = sound.shape
        self.modules: Sequence[nn.Module] = ()
        self.n_axes = 1 if sound.kind == "waveform" else 2

    def _scored(self, latent: Tensor) -> Tensor:
        return smoothed(latent, self.n_axes, self.decay)

    def decode(self, latent: Tensor) -> Tensor:
        """Return excerpts (B, *sound.shape)."""
        out = self.mean.to(latent) + self.deviation.to(latent) * self._scored(latent)
        return out if self.floor is None else out.clamp_min(self.floor)

    def log_prior(self, latent: Tensor) -> Tensor:
        """Return minus the weighted regularisers (B,)."""
        scored = self._scored(latent)
        return -(self.variation * total_variation(scored, self.n_axes) + self.norm * lp_norm(scored, self.p))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw (n, *sound.shape) from N(0, I)."""
        return torch.randn(n, *self.latent_shape, generator=generator)

    def project(self, latent: Tensor) -> Tensor:
        """All inputs are allowed."""
        return latent
