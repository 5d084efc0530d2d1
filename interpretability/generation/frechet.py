"""Fréchet distance of Gaussians fitted to two sets of features, without matrix square roots.

    FD = |m_r - m_g|^2 + tr S_r + tr S_g - 2 tr (S_r^(1/2) S_g S_r^(1/2))^(1/2)      (Heusel et al. 2017)

With factors S = F^T F, such as the centred vectors over sqrt(n - 1), the last trace is the sum of the singular values
of F_g F_r^T: a matrix of the number of excerpts rather than of features, exact in float64 for any rank. For one feature
this is (m_r - m_g)^2 + (s_r - s_g)^2, the score of Mishra et al. (2019).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import FeatureMoments, as_rows, check_count

Side = Tensor | FeatureMoments
"""Feature vectors (n, D) or (n,), or their moments."""


class Spread(NamedTuple):
    """A Gaussian: mean (D,), and a factor (r, D) with covariance = factor^T factor."""

    mean: Tensor
    factor: Tensor


def spread(side: Side) -> Spread:
    """Return the Gaussian of a set, to be used for several distances.

    Raises:
        InputError: Fewer than two vectors, or entries that are not finite.
    """
    if isinstance(side, FeatureMoments):
        return Spread(side.mean, _root(side.covariance))
    rows = as_rows(side)
    check_count(len(rows))
    if len(rows) > rows.shape[1]:
        moments = FeatureMoments.of(rows)
        return Spread(moments.mean, _root(moments.covariance))
    mean = rows.mean(dim=0)
    return Spread(mean, (rows - mean) / (len(rows) - 1) ** 0.5)


def _root(covariance: Tensor) -> Tensor:
    """A factor (D, D) of a covariance; directions that rounding alone has filled are empty."""
    values, vectors = torch.linalg.eigh(covariance)
    least = values.amax().clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    root: Tensor = torch.where(values > least, values, 0.0).sqrt()[:, None] * vectors.T
    return root


def frechet_distance(reference: Side | Spread, generated: Side | Spread) -> Tensor:
    """Fréchet distance, a float64 scalar, at least 0.

    Args:
        reference: vectors, moments or Gaussian of real excerpts.
        generated: the same of generated ones.

    Raises:
        InputError: Fewer than two vectors on a side, or different numbers of features.
    """
    real = reference if isinstance(reference, Spread) else spread(reference)
    made = generated if isinstance(generated, Spread) else spread(generated)
    if real.mean.shape != made.mean.shape:
        raise InputError(f"{len(real.mean)} features of the reference, but {len(made.mean)} of what was generated")
    shift = (real.mean - made.mean).square().sum()
    spreads = real.factor.square().sum() + made.factor.square().sum()
    shared = torch.linalg.svdvals(made.factor @ real.factor.T).sum()
    distance: Tensor = (shift + spreads - 2 * shared).clamp_min(0)
    return distance


def gaps(reference: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """Gap of the means and of the spreads of one unit's activations (n,), in standard deviations of the reference.

    Both scalars are NaN for a reference that does not vary. FD = sd^2 (gap of means^2 + gap of spreads^2).

    Raises:
        InputError: Fewer than two activations on a side.
    """
    real, made = as_rows(reference)[:, 0], as_rows(generated)[:, 0]
    check_count(min(len(real), len(made)))
    deviation = torch.where(real.std() > 0, real.std(), torch.nan)
    return (made.mean() - real.mean()) / deviation, (made.std() - real.std()) / deviation
