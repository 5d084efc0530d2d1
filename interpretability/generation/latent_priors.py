"""Priors from a generator: any network from latents to features or waveforms, and how its latents were drawn."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.prior import Sound, kept

Penalty = Literal["l2", "typical"]
"""How latents are held near the prior."""


def l2_penalty(latent: Tensor) -> Tensor:
    """Return |z|^2 (B,), the term of Mishra et al. (2019); it pulls to the origin, where a Gaussian never is."""
    return latent.flatten(1).square().sum(dim=1)


def typical_penalty(latent: Tensor) -> Tensor:
    """Return (|z| / sqrt(d) - 1)^2 (B,): 0 on the shell where nearly all of a d-dimensional Gaussian lies."""
    flat = latent.flatten(1)
    off: Tensor = ((flat.square().sum(dim=1) + 1e-12).sqrt() / flat.shape[1] ** 0.5 - 1).square()
    return off


PENALTIES: dict[Penalty, Callable[[Tensor], Tensor]] = {"l2": l2_penalty, "typical": typical_penalty}


class GaussianLatent:
    """Latents z ~ N(0, I) of a generator; the first ones may be held at a code.

    Example:
        prior = GaussianLatent(generator, 128, Sound((80, 115), 22050))
    """

    def __init__(
        self,
        generator: nn.Module,
        n_latents: int,
        sound: Sound,
        penalty: Penalty = "typical",
        code: Tensor | None = None,
        name: str = "generator",
    ) -> None:
        """Wrap a generator.

        Args:
            generator: from latents (B, n_latents) to excerpts of `sound`, an axis of one channel more or less aside.
            n_latents: its latents, codes included.
            sound: what it gives.
            penalty: "typical", or "l2" as published.
            code: (c,) values that the first c latents keep.
            name: for tables.

        Raises:
            InputError: A penalty that does not exist, or a code that leaves no latent free.
        """
        if penalty not in PENALTIES:
            raise InputError(f"penalty='{penalty}': choose one of {', '.join(PENALTIES)}")
        self.code = torch.zeros(0) if code is None else kept(code).float()
        if self.code.ndim != 1 or len(self.code) >= n_latents:
            raise InputError(f"a code of shape {tuple(self.code.shape)} leaves none of {n_latents} latents free")
        self.generator, self.penalty, self.sound, self.name = generator, PENALTIES[penalty], sound, name
        self.modules: Sequence[nn.Module] = (generator,)
        self.latent_shape: tuple[int, ...] = (n_latents - len(self.code),)

    def decode(self, latent: Tensor) -> Tensor:
        """Return excerpts (B, *sound.shape) of the free latents (B, d).

        Raises:
            InputError: The generator gives another number of values.
        """
        code = self.code.to(latent).expand(len(latent), -1)
        out: Tensor = self.generator(torch.cat([code, latent], dim=1))
        shape = (len(latent), *self.sound.shape)
        without_channels = [tuple(n for n in s[1:] if n != 1) for s in (out.shape, shape)]
        if without_channels[0] != without_channels[1]:
            raise InputError(
                f"prior '{self.name}' decodes excerpts of shape {tuple(out.shape[1:])}, {self.sound.shape} are declared"
            )
        return out.reshape(shape)

    def log_prior(self, latent: Tensor) -> Tensor:
        """Return minus the penalty (B,)."""
        return -self.penalty(latent)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw (n, d) from N(0, I)."""
        return torch.randn(n, *self.latent_shape, generator=generator)

    def project(self, latent: Tensor) -> Tensor:
        """All latents are allowed."""
        return latent


class UniformLatent(GaussianLatent):
    """Latents z ~ U(-1, 1) of a generator, as those of WaveGAN; kept within `limit` after each step."""

    def __init__(
        self,
        generator: nn.Module,
        n_latents: int,
        sound: Sound,
        code: Tensor | None = None,
        limit: float = 1.0,
        name: str = "generator",
    ) -> None:
        """Wrap a generator, as `GaussianLatent`; a `limit` above 1 leaves what the generator was trained on."""
        super().__init__(generator, n_latents, sound, "l2", code, name)
        self.limit = limit

    def log_prior(self, latent: Tensor) -> Tensor:
        """Return minus |z|^2 (B,); inside the limits all are equally likely, and the term keeps off the corners."""
        return super().log_prior(latent)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw (n, d) from U(-1, 1)."""
        return torch.rand(n, *self.latent_shape, generator=generator) * 2 - 1

    def project(self, latent: Tensor) -> Tensor:
        """Return latents within the limit."""
        return latent.clamp(-self.limit, self.limit)
