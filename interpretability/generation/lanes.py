"""Settings of a search side by side: each a lane of one batch, all from the same starting latents."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError


@dataclass(frozen=True)
class Lane:
    """One setting of the search.

    Attributes:
        lr: Adam's step size.
        weight: of the prior's log prior; the paper's lambda.
        transform: strength of the jitter, as a share of the duration (`transforms.shifted`).
    """

    lr: float
    weight: float = 0.0
    transform: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        if not self.lr > 0 or self.weight < 0 or not 0 <= self.transform <= 1:
            raise InputError(f"{self}: lr has to be above 0, weight not below 0, transform from 0 to 1")

    @property
    def name(self) -> str:
        """The setting in words."""
        jitter = f", transform {self.transform:g}" if self.transform else ""
        return f"lr {self.lr:g}, weight {self.weight:g}{jitter}"


def grid(
    lrs: Sequence[float], weights: Sequence[float] = (0.0,), transforms: Sequence[float] = (0.0,)
) -> tuple[Lane, ...]:
    """Return the lanes of all combinations."""
    return tuple(itertools.starmap(Lane, itertools.product(lrs, weights, transforms)))


PUBLISHED_STEPS = (100, 500, 1000)
PUBLISHED_SEEDS = 50


def published_lanes() -> tuple[Lane, ...]:
    """Return the nine lanes of Mishra et al. (2019); snapshots at `PUBLISHED_STEPS` make their 27 settings of them."""
    return grid((0.1, 0.01, 0.001), (0.1, 0.01, 0.001))


@dataclass(frozen=True)
class Halving:
    """Which share of the lanes goes on after the first snapshots (Jamieson and Talwalkar 2016).

    Attributes:
        snapshots: number of snapshots after which lanes are dropped; never after the last one.
        share: of the lanes that stay: 0.5 makes 3 of 5 of 9.
        least: lanes that always stay.
    """

    snapshots: int = 2
    share: float = 0.5
    least: int = 2

    def stays(self, ranks: Tensor) -> Tensor:
        """Return positions of the lanes that go on, best first, by their scores (L,), lower is better."""
        count = max(self.least, -int(-len(ranks) * self.share // 1))
        return ranks.nan_to_num(nan=torch.inf).sort(stable=True).indices[:count]


class LaneAdam:
    """Adam (Kingma and Ba 2015) on rows of latents, each with its own step size; rows may be left out of a step.

    Element-wise, so that a row does the same alone as in any company.
    """

    def __init__(
        self, latent: Tensor, lr: Tensor, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        """Begin.

        Args:
            latent: (B, ...) latents.
            lr: (B,) step sizes.
            betas: decays of the two averages; the paper's.
            eps: added to the root.
        """
        self.lr, self.betas, self.eps = lr, betas, eps
        self.first, self.second = torch.zeros_like(latent), torch.zeros_like(latent)
        self.steps = torch.zeros(len(latent), device=latent.device, dtype=torch.float64)

    def ascend(self, latent: Tensor, gradient: Tensor, rows: Tensor) -> Tensor:
        """Return latents (r, ...) one step up the gradient (r, ...); `rows` (r,) are their positions."""
        a, b = self.betas
        self.steps[rows] += 1
        self.first[rows] = a * self.first[rows] + (1 - a) * gradient
        self.second[rows] = b * self.second[rows] + (1 - b) * gradient.square()
        shape = (-1,) + (1,) * (latent.ndim - 1)
        count = self.steps[rows]
        one, two = ((1 - beta**count).to(latent).reshape(shape) for beta in (a, b))
        slope = (self.first[rows] / one) / ((self.second[rows] / two).sqrt() + self.eps)
        return latent + self.lr[rows].to(latent).reshape(shape) * slope
