"""Interval of a kernel distance over what was generated, or over the recordings on either side."""

from collections.abc import Sequence

import torch
from scipy.stats import t as students_t
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import as_rows, check_count
from interpretability.generation.frechet_uncertainty import Band, recording_numbers
from interpretability.generation.kernel_distance import kernel_distance, lengths, median_distance

RECORDINGS = 3
"""Recordings on either side below which a distance of clips has no interval."""


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


def recordings_band(
    reference: Tensor,
    generated: Tensor,
    reference_recordings: Sequence[object],
    generated_recordings: Sequence[object],
    level: float = 0.9,
) -> Band:
    """Kernel distance of clips, and its jackknife interval over the recordings of both sides.

    Clips of one recording are alike: they are not compared with each other within a side, so that the distance is
    unbiased for recordings, and are left out together. Errors of the two sides add up; the interval is that of
    Student's t with as many degrees of freedom as the side of fewer recordings has, less one.

    Args:
        reference: features (n, D) of clips.
        generated: (m, D) of others.
        reference_recordings: of each clip.
        generated_recordings: the same of the others.
        level: of the interval.

    Returns:
        The distance in median distances within the reference, as `mean`; `low` and `high` are NaN for fewer than three
        recordings on a side, as three clips of one recording do not show how far another one may be.

    Raises:
        InputError: Fewer than two recordings on a side, or lists of other lengths.
    """
    sides = [as_rows(reference), as_rows(generated)]
    groups = [recording_numbers(reference_recordings, len(sides[0]))]
    groups.append(recording_numbers(generated_recordings, len(sides[1])))
    counts = [int(group.max()) + 1 for group in groups]
    if min(counts) < 2:
        raise InputError(f"a distance needs clips of two recordings on each side, and there are {min(counts)}")
    unit = median_distance(sides[0])
    if not bool(unit > 0):
        return Band(torch.nan, torch.nan, torch.nan)
    within = [lengths(rows, rows) for rows in sides]
    apart = [group[:, None] != group[None] for group in groups]
    across = lengths(*sides)

    def distance(kept: Sequence[Tensor]) -> Tensor:
        """Of the clips (n,) and (m,) that are kept."""
        total = 2 * across[kept[0]][:, kept[1]].mean()
        for far, other, keep in zip(within, apart, kept, strict=True):
            total = total - far[keep][:, keep][other[keep][:, keep]].mean()
        return total / unit

    every = [torch.ones(len(rows), dtype=torch.bool) for rows in sides]
    value, variance = float(distance(every)), 0.0
    if min(counts) < RECORDINGS:
        return Band(torch.nan, value, torch.nan)
    for side, count in enumerate(counts):
        left = torch.stack([distance([*every[:side], groups[side] != i, *every[side + 1 :]]) for i in range(count)])
        variance += float((count - 1) / count * (left - left.mean()).square().sum())
    half = float(students_t.ppf((1 + level) / 2, min(counts) - 1)) * variance**0.5
    return Band(value - half, value, value + half)
