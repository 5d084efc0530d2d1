"""What a layer's correlation with a property would be if the layer carried nothing of it: two nulls from the data.

The third, and the hardest, is the same layer of the untrained network: `correlation.gain`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.layers.correlation import clip_correlations, correlate, fisher_mean, shifted


@dataclass(frozen=True, eq=False)
class Null:
    """Mean correlations (D,) of D draws in which nothing is carried."""

    draws: Tensor

    @property
    def mean(self) -> float:
        """Return their mean; NaN where none is defined."""
        found = self.draws[self.draws.isfinite()]
        return float(found.mean()) if len(found) else float("nan")

    @property
    def band(self) -> tuple[float, float]:
        """Return the middle 95 % of them; NaN where fewer than two are defined."""
        found = self.draws[self.draws.isfinite()]
        if len(found) < 2:
            return float("nan"), float("nan")
        low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=found.dtype)).tolist()
        return low, high

    def p_value(self, r: float) -> float:
        """Return the share of draws at least as far from zero as r, counting r itself."""
        found = self.draws[self.draws.isfinite()]
        return (1 + int((found.abs() >= abs(r)).sum())) / (1 + len(found))


def shuffled_pairs(
    layer: Tensor, contour: Tensor, valid: Tensor, max_lag: int = 0, draws: int = 40, seed: int = 0
) -> Null:
    """Return the null of wrong partners: the layer of one clip, the property of another.

    It is not zero where all clips have the shape of a word: what is left is what any clip shares with any other. Points
    count that are inside both clips. Arguments as `correlate`; one clip has no wrong partner, and all draws are NaN.
    """
    random = torch.Generator().manual_seed(seed)
    n = len(layer)
    found = []
    for _ in range(draws if n > 1 else 0):
        order = torch.randperm(n, generator=random)
        partner = torch.empty_like(order)
        partner[order] = order.roll(1)  # one cycle: nobody is their own partner
        found.append(_best(layer[partner], contour, valid & valid[partner], max_lag))
    return Null(torch.tensor(found or [torch.nan], dtype=torch.float64))


def phase_randomised(
    layer: Tensor, contour: Tensor, valid: Tensor, max_lag: int = 0, draws: int = 40, seed: int = 0
) -> Null:
    """Return the null of surrogates: series of the same spectrum as the layer's in each clip, with random phases.

    It tells how often two slow curves agree because both are slow. Arguments as `correlate`.
    """
    random = torch.Generator().manual_seed(seed)
    found = [_best(made, contour, valid, max_lag) for made in surrogates(layer, valid, draws, random)]
    return Null(torch.tensor(found or [torch.nan], dtype=torch.float64))


def surrogates(series: Tensor, valid: Tensor, draws: int, random: torch.Generator) -> Tensor:
    """Return series (draws, N, P) of the same mean and spectrum on the valid points of each clip; NaN elsewhere."""
    out = torch.full((draws, *series.shape), torch.nan, dtype=torch.float64)
    for row, (values, inside) in enumerate(zip(series.double(), valid & series.isfinite(), strict=True)):
        kept = values[inside]
        if len(kept) < 3:
            continue
        spectrum = torch.fft.rfft(kept)
        phases = 2 * torch.pi * torch.rand(draws, len(spectrum), generator=random, dtype=torch.float64)
        phases[:, 0] = 0
        if len(kept) % 2 == 0:
            phases[:, -1] = 0  # the Nyquist bin is real
        out[:, row, inside] = torch.fft.irfft(spectrum * torch.exp(1j * phases), len(kept))
    return out


def _best(layer: Tensor, contour: Tensor, valid: Tensor, max_lag: int) -> float:
    if max_lag:
        return correlate(layer, contour, valid, max_lag, draws=2).r
    return fisher_mean(clip_correlations(shifted(layer, 0), contour, valid))
