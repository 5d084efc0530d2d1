"""Unbiased kernel distance of two sets of features: right for few excerpts, where a Fréchet distance is not.

Its kernel is minus the distance of two vectors (Sejdinovic et al. 2013), which makes it the energy distance

    2 E|x - y| - E|x - x'| - E|y - y'|      (Székely and Rizzo 2013)

It is 0 for equal distributions alone, and however far sounds are, farther ones score worse. A Gaussian kernel does not
tell far from farther: beyond a few of its widths all that is left is how tight the sounds are, and wider ones seem
nearer.
"""

import torch
from torch import Tensor

from interpretability.generation.feature_moments import as_rows, check_count


def median_distance(reference: Tensor) -> Tensor:
    """Median distance between different vectors of the reference (n, D), the unit of length (scalar)."""
    rows = as_rows(reference)
    check_count(len(rows))
    return torch.pdist(rows).median()


def lengths(a: Tensor, b: Tensor) -> Tensor:
    """Distances (n, m) between vectors (n, D) and (m, D), exactly 0 between equal ones."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def kernel_distance(reference: Tensor, generated: Tensor, unit: Tensor | float | None = None) -> Tensor:
    """Unbiased energy distance, twice the squared maximum mean discrepancy of the distance kernel.

    Its mean is 0 for sets of one distribution, whatever their sizes, so that it may be negative. Copies of the middle
    of the reference are at about 0.4, sounds that lie k units beside it at about 2 (k - 1).

    Args:
        reference: real features (n, D) or (n,).
        generated: (m, D) or (m,).
        unit: of length; None takes the median distance within the reference, so that figures do not depend on the
            scale of the features.

    Returns:
        A float64 scalar; NaN where all vectors of the reference are equal.

    Raises:
        InputError: Fewer than two vectors on a side.
    """
    real, made = as_rows(reference), as_rows(generated)
    check_count(min(len(real), len(made)))
    length = median_distance(real) if unit is None else torch.as_tensor(unit, dtype=torch.float64)
    if not bool(length > 0):
        return torch.tensor(torch.nan, dtype=torch.float64)
    n, m = len(real), len(made)
    within = lengths(real, real).sum() / (n * (n - 1)) + lengths(made, made).sum() / (m * (m - 1))
    distance: Tensor = (2 * lengths(real, made).mean() - within) / length
    return distance
