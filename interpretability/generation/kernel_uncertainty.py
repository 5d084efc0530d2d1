"""Interval of a kernel distance over what was generated."""

import torch
from torch import Tensor

from interpretability.generation.feature_moments import as_rows, check_count
from interpretability.generation.frechet_uncertainty import Band
from interpretability.generation.kernel_distance import kernel_distance, lengths, median_distance


def kernel_band(reference: Tensor, generated: Tensor, deviations: float = 1.645) -> Band:
    """Jackknife interval of `kernel_distance` over the generated vectors (m, D); the reference (n, D) is as it is.

    Leaving one out keeps the distance unbiased, which drawing with replacement does not: a vector drawn twice is
    at no distance from itself.

    Args:
        reference: real features.
        generated: the others.
        deviations: half width in standard errors; 1.645 for 90 %.

    Raises:
        InputError: Fewer than three generated vectors, or two real ones.
    """
    real, made = as_rows(reference), as_rows(generated)
    check_count(len(made), 3)
    unit, m = median_distance(real), len(made)
    value = float(kernel_distance(real, made, unit))
    if not bool(unit > 0):
        return Band(torch.nan, torch.nan, torch.nan)
    own, across = lengths(made, made).sum(dim=1), lengths(made, real).mean(dim=1)
    # What changes of the distance when vector j is left out; the part within the reference stays.
    left = 2 * (across.sum() - across) / (m - 1) - (own.sum() - 2 * own) / ((m - 1) * (m - 2))
    error = float(((m - 1) / m * (left - left.mean()).square().sum()).sqrt() / unit)
    return Band(value - deviations * error, value, value + deviations * error)
