"""The Gaussian that fits real excerpts best: a prior of features whose fit is one decomposition, no training."""

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.feature_moments import check_count
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.prior import Sound, kept

COMPONENTS = 512
"""Components at most. Of 4,416 values of sound scenes they hold 92 % of the variance."""
PER_COMPONENT = 4
"""Excerpts for each component at least, as the spread along fewer is hardly known."""
SPARE, ROUNDS = 16, 2
"""Directions beyond the wanted ones, and rounds of iteration, of the randomised decomposition."""
ROUNDING = 1e-5
"""Deviation, relative to the largest value, below which excerpts are all the same."""


class PrincipalComponents(nn.Module):
    """Latents z ~ N(0, I) -> excerpts of the mean and covariance of real ones: mean + sum of z_k sd_k axis_k.

    Probabilistic principal components (Tipping and Bishop 1999) without the noise. A step of the same length moves
    every direction in proportion to how far real excerpts spread along it, so that a search goes where sounds differ.
    """

    def __init__(
        self, excerpts: Tensor, components: int = COMPONENTS, floor: float | None = None, seed: int = 0
    ) -> None:
        """Fit.

        Args:
            excerpts: real ones (n, *shape).
            components: at most; there are `PER_COMPONENT` excerpts for each.
            floor: smallest value that is decoded; None for none.
            seed: of the decomposition.

        Raises:
            InputError: Fewer than two excerpts, or excerpts that are all the same or not finite.
        """
        super().__init__()
        check_count(len(excerpts))
        rows = excerpts.detach().flatten(1).float()
        if not bool(rows.isfinite().all()):
            raise InputError("a prior of principal components needs excerpts that are finite")
        self.shape, self.floor = tuple(excerpts.shape[1:]), floor
        count = max(1, min(components, len(rows) // PER_COMPONENT, rows.shape[1]))
        self.mean: Tensor
        self.axes: Tensor
        mean = rows.mean(dim=0)
        axes, spread = principal_axes(rows - mean, count, torch.Generator().manual_seed(seed))
        if not bool(spread[0] > ROUNDING * rows.abs().amax()):
            raise InputError("a prior of principal components needs excerpts that differ from one another")
        held = float(spread.square().sum() / (rows - mean).square().sum() * (len(rows) - 1))
        self.explained = min(held, 1.0)
        self.register_buffer("mean", kept(mean))
        self.register_buffer("axes", kept(spread[:, None] * axes))

    @property
    def n_latents(self) -> int:
        """Number of components."""
        return len(self.axes)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, n_latents) -> excerpts (B, *shape)."""
        out: Tensor = (self.mean + latents @ self.axes).reshape(len(latents), *self.shape)
        return out if self.floor is None else out.clamp_min(self.floor)


def principal_prior(
    excerpts: Tensor, sound: Sound, floor: float | None = None, components: int = COMPONENTS, name: str = "principal"
) -> GaussianLatent:
    """Return the prior of principal components of real excerpts (n, *sound.shape) of features.

    Raises:
        InputError: Waveforms, whose components say nothing, another shape, or excerpts that do not vary.
    """
    if sound.kind != "features":
        raise InputError("a prior of principal components is one of features, and this network hears waveforms")
    if tuple(excerpts.shape[1:]) != tuple(sound.shape):
        raise InputError(f"excerpts of shape {tuple(excerpts.shape[1:])} are not {sound.shape}")
    decoder = PrincipalComponents(excerpts, components, floor).eval()
    return GaussianLatent(decoder, decoder.n_latents, sound, name=name)


def principal_axes(centred: Tensor, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the first axes (count, D) of centred rows (n, D) and the deviations (count,) along them.

    By randomised subspace iteration (Halko et al. 2011, algorithm 4.4), since all axes would take minutes.
    """
    n, width = centred.shape
    basis = torch.randn(width, min(count + SPARE, n, width), generator=random).to(centred)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, values, turned = torch.linalg.svd(centred @ basis, full_matrices=False)
    return (basis @ turned.T).T[:count], values[:count] / (n - 1) ** 0.5
