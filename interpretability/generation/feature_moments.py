"""Number, mean and scatter of feature vectors, gathered batch by batch and added up over processes without rounding."""

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    """What a Gaussian knows of n vectors of D features, in float64.

    Sums of squares are kept about the mean (Chan, Golub and LeVeque 1979): raw sums lose the digits of a variance that
    is small beside the mean.

    Attributes:
        count: n, a scalar.
        mean: (D,).
        scatter: (D, D), sum over vectors of (x - mean) (x - mean)^T.
    """

    count: Tensor
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "FeatureMoments":
        """Return the moments of features (n, D), or of one feature (n,)."""
        x = as_rows(features)
        mean = x.mean(dim=0) if len(x) else x.new_zeros(x.shape[1])
        centred = x - mean
        return cls(torch.tensor(float(len(x)), dtype=torch.float64, device=x.device), mean, centred.T @ centred)

    @classmethod
    def empty(cls, n_features: int, device: torch.device | None = None) -> "FeatureMoments":
        """Return the moments of nothing, to begin with."""
        return cls.of(torch.zeros(0, n_features, dtype=torch.float64, device=device))

    def merged(self, other: "FeatureMoments") -> "FeatureMoments":
        """Return the moments of both sets together.

        Raises:
            InputError: Another number of features.
        """
        if other.mean.shape != self.mean.shape:
            raise InputError(f"{len(other.mean)} features cannot be added to {len(self.mean)}")
        count = self.count + other.count
        step = other.mean - self.mean
        share = torch.where(count > 0, other.count / count.clamp_min(1), count)
        scatter = self.scatter + other.scatter + torch.outer(step, step) * self.count * share
        return FeatureMoments(count, self.mean + step * share, scatter)

    @property
    def covariance(self) -> Tensor:
        """Unbiased covariance (D, D).

        Raises:
            InputError: Fewer than two vectors.
        """
        check_count(int(self.count))
        return self.scatter / (self.count - 1)


def as_rows(features: Tensor) -> Tensor:
    """Return features (n, D) or (n,) as float64 rows (n, D).

    Raises:
        InputError: Another shape, or an entry that is not finite.
    """
    rows = features.detach().double()
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2:
        raise InputError(f"features of shape {tuple(features.shape)} are not (n,) or (n, D)")
    if not bool(rows.isfinite().all()):
        bad = int((~rows.isfinite()).any(dim=1).nonzero()[0])
        raise InputError(f"features of excerpt {bad} are not finite")
    return rows


def check_count(count: int, least: int = 2) -> None:
    """Refuse sets too small for a spread.

    Raises:
        InputError: Fewer than `least` vectors.
    """
    if count < least:
        raise InputError(f"at least {least} excerpts are needed on each side, and there are {count}")
