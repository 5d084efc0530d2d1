"""Interval of a kernel distance over what was generated."""

import torch
from torch import Tensor

from interpretability.generation.feature_moments import as_rows, check_count
from interpretability.generation.frechet_uncertainty import Band
from interpretability.generation.kernel_distance import kernel_distance, median_distance


def kernel_band(reference: Tensor, generated: Tensor, deviations: float = 1.645) -> Band:
    """Jackknife interval of `kernel_distance` over the generated vectors (m, D); the reference (n, D) is as it is.

    Leaving one out keeps the distance unbiased, which drawing with replacement does not: a vector drawn twice is
    alike to itself.

    Args:
        reference: real features.
        generated: the others.
        deviations: half width in standard errors; 1.645 for 90 %.

    Raises:
        InputError: Fewer than three generated vectors, or two real ones.
    """
    real, made = as_rows(reference), as_rows(generated)
    check_count(len(made), 3)
    width, m = median_distance(real), len(made)
    value = float(kernel_distance(real, made, width))
    if not bool(width > 0):
        return Band(torch.nan, torch.nan, torch.nan)

    def alike(a: Tensor, b: Tensor) -> Tensor:
        distance = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.exp(-distance.square() / (2 * width.square()))

    own, across = alike(made, made).sum(dim=1) - 1, alike(made, real).mean(dim=1)
    # What changes of the distance when vector j is left out; the part within the reference stays.
    left = (own.sum() - 2 * own) / ((m - 1) * (m - 2)) - 2 * (across.sum() - across) / (m - 1)
    error = float(((m - 1) / m * (left - left.mean()).square().sum()).sqrt())
    return Band(value - deviations * error, value, value + deviations * error)
