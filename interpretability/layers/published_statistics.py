"""The paper's own statistics, for comparison with its tables and nothing else (Begus & Zhou 2022, section IV).

Points of all items are strung together without an item level, so that intervals and p values are far too small, and two
unrelated words already correlate: read `correlation` for what holds.
"""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from configs.errors import InputError


@dataclass(frozen=True)
class PublishedCorrelation:
    """Pearson's r over all points of all items, as published; p takes points for independent, which they are not."""

    r: float
    p: float
    points: int


@dataclass(frozen=True)
class PublishedRegression:
    """Durations in the sound regressed on those in a layer, as published."""

    beta: float
    intercept: float
    t: float
    p: float
    adjusted_r2: float
    n: int


def concatenated_pearson(layer: Tensor, contour: Tensor, valid: Tensor) -> PublishedCorrelation:
    """Return r over the points of all items together.

    Args:
        layer: (N, P).
        contour: (N, P), NaN where the property does not exist.
        valid: (N, P) bool, without padding.

    NaN with fewer than three points, or where one side does not move.
    """
    both = valid & layer.isfinite() & contour.isfinite()
    x, y = layer[both].double(), contour[both].double()
    if len(x) < 3 or x.std() == 0 or y.std() == 0:
        return PublishedCorrelation(float("nan"), float("nan"), len(x))
    r, p = stats.pearsonr(x.numpy(), y.numpy())
    return PublishedCorrelation(float(r), float(p), len(x))


def duration_regression(layer: Tensor, sound: Tensor) -> PublishedRegression:
    """Return the linear model of durations (N,) s in the sound on those in a layer; items with a NaN are left out.

    Raises:
        InputError: Fewer than three items, or all durations in the layer alike.
    """
    both = layer.isfinite() & sound.isfinite()
    x, y = layer[both].double().numpy(), sound[both].double().numpy()
    n = len(x)
    if n < 3 or x.std() == 0:
        raise InputError(
            f"durations cannot be regressed: {n} items with both, or all of one length; 3 that differ are needed"
        )
    fit = stats.linregress(x, y)
    r2 = float(fit.rvalue) ** 2
    t = float(fit.slope / fit.stderr) if fit.stderr else float("inf")
    adjusted = 1 - (1 - r2) * (n - 1) / (n - 2)
    return PublishedRegression(float(fit.slope), float(fit.intercept), t, float(fit.pvalue), adjusted, n)


def time_normalised(contour: Tensor, valid: Tensor, points: int = 10) -> Tensor:
    """Return a contour (N, P) at `points` equal steps over the part of each item where it exists (N, points).

    10 points for F0 and intensity of a vowel, 40 for a voiced stretch in the paper. Gaps inside are bridged by straight
    lines; an item with fewer than two points is NaN.
    """
    out = torch.full((len(contour), points), torch.nan, dtype=torch.float64)
    for row, (values, inside) in enumerate(zip(contour.double(), valid & contour.isfinite(), strict=True)):
        (at,) = torch.nonzero(inside, as_tuple=True)
        if len(at) < 2:
            continue
        wanted = torch.linspace(float(at[0]), float(at[-1]), points, dtype=torch.float64)
        right = torch.searchsorted(at.double(), wanted).clamp(1, len(at) - 1)
        left = right - 1
        share = (wanted - at[left]) / (at[right] - at[left])
        out[row] = values[at[left]] * (1 - share) + values[at[right]] * share
    return out
