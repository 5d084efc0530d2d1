"""How a response grows with what is varied: the same few figures for latents, stimuli and edits."""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.correlation import interval


@dataclass(frozen=True)
class Estimate:
    """Mean over items with its 95 % bootstrap interval over them, NaN with fewer than two."""

    mean: float
    low: float
    high: float

    @property
    def is_zero(self) -> bool:
        """Return whether the interval has zero in it, or does not exist."""
        return not (self.low > 0 or self.high < 0)


@dataclass(frozen=True, eq=False)
class DoseEffect:
    """Responses of K items at S values."""

    values: Tensor
    """(S,) of what is varied."""
    curve: Tensor
    """(S,) mean response over items."""
    low: Tensor
    """(S,) 95 % interval of the mean, by Student's t."""
    high: Tensor
    rank: Estimate
    """Spearman's rho of response and value within each item: 1 if it only grows."""
    slope: Estimate
    """Least-squares slope within each item, per unit of the value."""
    total: Estimate
    """Response at the last value minus that at the first."""
    half: float
    """Value at which half of the total effect is reached; NaN where there is no effect."""
    n: int


def dose_effect(responses: Tensor, values: Tensor, draws: int = 2000, seed: int = 0) -> DoseEffect:
    """Return what responses (K, S) of K items do over values (S,); items with a NaN are left out.

    Raises:
        InputError: Other shapes, fewer than two different values, or no item without NaN.
    """
    if responses.ndim != 2 or responses.shape[1] != len(values) or len(set(values.tolist())) < 2:
        raise InputError(
            f"responses {tuple(responses.shape)} to {len(values)} values: they have to be (items, values), and "
            "the values have to differ"
        )
    kept = responses.double()[responses.isfinite().all(dim=1)]
    if not len(kept):
        raise InputError("no item has a response at every value: the response is undefined")
    at = values.double()
    centred = at - at.mean()
    slopes = (kept - kept.mean(dim=1, keepdim=True)) @ centred / centred.square().sum()
    curve, low, high = mean_band(kept)
    total = estimate(kept[:, -1] - kept[:, 0], draws, seed)
    rank = estimate(rank_correlations(kept, at), draws, seed)
    half = float("nan") if total.is_zero else _crossing(at, curve, float(curve[0] + curve[-1]) / 2)
    return DoseEffect(values, curve, low, high, rank, estimate(slopes, draws, seed), total, half, len(kept))


def mean_band(items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean over items (K, ...) and its 95 % interval by Student's t, NaN of one item."""
    mean = items.mean(dim=0)
    if len(items) < 2:
        return mean, torch.full_like(mean, torch.nan), torch.full_like(mean, torch.nan)
    reach = float(stats.t.ppf(0.975, len(items) - 1)) * items.std(dim=0) / len(items) ** 0.5
    return mean, mean - reach, mean + reach


def estimate(items: Tensor, draws: int = 2000, seed: int = 0) -> Estimate:
    """Return the mean of items (K,) with its interval; items that are NaN are left out."""
    kept = items.double()[items.isfinite()]
    if not len(kept):
        return Estimate(float("nan"), float("nan"), float("nan"))
    return Estimate(float(kept.mean()), *interval(kept, draws, seed))


def rank_correlations(responses: Tensor, values: Tensor) -> Tensor:
    """Return Spearman's rho of each row (K, S) with values (S,); NaN for a row that does not move."""
    ranks = torch.as_tensor(stats.rankdata(responses.numpy(), axis=1))
    of_values = torch.as_tensor(stats.rankdata(values.numpy())).double()
    x = ranks - ranks.mean(dim=1, keepdim=True)
    y = of_values - of_values.mean()
    scale = (x.square().sum(dim=1) * y.square().sum()).sqrt()
    return (x @ y) / scale.where(scale > 0, torch.nan)


def _crossing(at: Tensor, curve: Tensor, level: float) -> float:
    """Return the first value at which a curve passes a level, between two of its points by a straight line."""
    above = curve - level
    for i in range(len(at) - 1):
        a, b = float(above[i]), float(above[i + 1])
        if a == 0:
            return float(at[i])
        if a * b <= 0:
            return float(at[i]) + a / (a - b) * float(at[i + 1] - at[i])
    return float("nan")
