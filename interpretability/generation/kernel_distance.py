"""Unbiased kernel distance of two sets of features: right for few excerpts, where a Fréchet distance is not."""

import torch
from torch import Tensor

from interpretability.generation.feature_moments import as_rows, check_count


def median_distance(reference: Tensor) -> Tensor:
    """Median distance between different vectors of the reference (n, D), the width of the kernel (scalar)."""
    rows = as_rows(reference)
    check_count(len(rows))
    return torch.pdist(rows).median()


def kernel_distance(reference: Tensor, generated: Tensor, bandwidth: Tensor | float | None = None) -> Tensor:
    """Unbiased squared maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012, equation 3).

    Its mean is 0 for sets of one distribution, whatever their sizes, so that it may be negative.

    Args:
        reference: real features (n, D) or (n,).
        generated: (m, D) or (m,).
        bandwidth: of the kernel exp(-d^2 / (2 b^2)); None takes the median distance within the reference, so that all
            sets that are compared with it have one kernel.

    Returns:
        A float64 scalar; NaN where all vectors of the reference are equal.

    Raises:
        InputError: Fewer than two vectors on a side.
    """
    real, made = as_rows(reference), as_rows(generated)
    check_count(min(len(real), len(made)))
    width = median_distance(real) if bandwidth is None else torch.as_tensor(bandwidth, dtype=torch.float64)
    if not bool(width > 0):
        return torch.tensor(torch.nan, dtype=torch.float64)

    def alike(a: Tensor, b: Tensor) -> Tensor:
        distance = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.exp(-distance.square() / (2 * width.square()))

    n, m = len(real), len(made)
    within = (alike(real, real).sum() - n) / (n * (n - 1)) + (alike(made, made).sum() - m) / (m * (m - 1))
    return within - 2 * alike(real, made).mean()
