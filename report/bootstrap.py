"""Means over clips with bootstrap intervals, for many columns at once and with clips that have no value."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
"""Bootstrap resamples of the clips."""
Values = NDArray[np.float64]


class Figure(NamedTuple):
    """Mean of n clips, its 95 % percentile bootstrap interval, and how many of the n have no value.

    Mean and interval are NaN where no clip has one.
    """

    mean: float
    low: float
    high: float
    n: int
    undefined: int


def figures(columns: Mapping[str, Values], seed: int = 0, draws: int = DRAWS) -> dict[str, Figure]:
    """Return mean and interval of columns (n,) over the same clips; NaN marks a clip without a value.

    All columns are resampled alike. Resamples without any value are left out of the interval.
    """
    if not columns:
        return {}
    table = np.stack([np.asarray(values, dtype=np.float64) for values in columns.values()], axis=1)
    n = len(table)
    if n == 0:
        return {name: Figure(np.nan, np.nan, np.nan, 0, 0) for name in columns}
    known = np.isfinite(table)
    filled = np.where(known, table, 0.0)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(axis=0) / known.sum(axis=0)
        resampled = (counts @ filled) / (counts @ known)
    result = {}
    for place, name in enumerate(columns):
        undefined = int(n - known[:, place].sum())
        if undefined == n:
            result[name] = Figure(np.nan, np.nan, np.nan, n, undefined)
            continue
        low, high = np.nanpercentile(resampled[:, place], [2.5, 97.5])
        result[name] = Figure(float(means[place]), float(low), float(high), n, undefined)
    return result


def paired(first: Values, second: Values, seed: int = 0, draws: int = 10_000) -> Figure:
    """Return the mean of `first` - `second` (n,) over the clips in which both have a value, with its interval."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return figures({"": difference}, seed, draws)[""]


def excludes_zero(figure: Figure) -> bool:
    """Whether the interval lies on one side of zero."""
    return bool(figure.low > 0 or figure.high < 0)
