"""A histogram of every unit whose range need not be known before, and which shards add up to exactly.

Bins are 2^e wide and start at multiples of it, so that two neighbours are one bin of the next width. Each unit begins
with the finest bins that hold its values and joins them two by two when a value falls outside. Where a histogram ends
depends on the lowest and highest value alone: neither on the order of the clips nor on how they are shared out.
"""

import torch
from torch import Tensor

from interpretability.dissection.unit_blocks import unit_blocks

BINS = 64
FINEST = 22
"""Bins are never finer than 2^-22 of the largest value, below which single precision tells no two apart."""
SMALLEST = 1e-30
"""Values below this are zero."""


class DyadicHistogram:
    """Counts of U units in 64 bins each, with their lowest and highest value."""

    def __init__(self, n_units: int, device: torch.device | str = "cpu") -> None:
        self.counts = torch.zeros(n_units, BINS, dtype=torch.int32, device=device)
        self.low = torch.full((n_units,), torch.inf, dtype=torch.float64, device=device)
        self.high = torch.full((n_units,), -torch.inf, dtype=torch.float64, device=device)

    def update(self, values: Tensor) -> None:
        """Count values (B, U)."""
        if not len(values):
            return
        self._widen(values.amin(dim=0).double(), values.amax(dim=0).double())
        exponent, first = self._bins()
        for block in unit_blocks(len(self.low), len(values)):
            places = _place(values[:, block].T.double(), exponent[block, None]) - first[block, None]
            self.counts[block].scatter_add_(1, places, torch.ones_like(places, dtype=torch.int32))

    def merge(self, other: "DyadicHistogram") -> None:
        """Add what another shard has counted."""
        joined = DyadicHistogram(len(self.low), self.low.device).load(other.state())
        joined._widen(self.low, self.high)
        self._widen(other.low, other.high)
        self.counts += joined.counts

    def result(self) -> tuple[Tensor, Tensor]:
        """Return counts (U, 64) int32 and the edges of the bins (U, 65) float64."""
        exponent, first = self._bins()
        edges = first[:, None].double() + torch.arange(BINS + 1, dtype=torch.float64, device=first.device)
        edges *= _power(exponent)[:, None]
        return self.counts, edges

    def state(self) -> dict[str, Tensor]:
        """Return everything that was counted, as tensors."""
        return {"counts": self.counts, "low": self.low, "high": self.high}

    def load(self, state: dict[str, Tensor]) -> "DyadicHistogram":
        """Take over what `state` returned; returns itself."""
        self.counts, self.low, self.high = (state[name].clone() for name in ("counts", "low", "high"))
        return self

    def _bins(self) -> tuple[Tensor, Tensor]:
        """Exponent (U,) of the width and number (U,) of the first bin, both from the range alone."""
        seen = self.high >= self.low
        low, high = self.low.masked_fill(~seen, 0.0), self.high.masked_fill(~seen, 0.0)
        largest = torch.maximum(low.abs(), high.abs()).clamp_min(SMALLEST)
        exponent = torch.frexp(torch.maximum((high - low) / BINS, largest * 2.0**-FINEST)).exponent.long() - 1
        for _ in range(3):  # the width that fits is at most two steps up: low need not lie on an edge
            spans = _place(high, exponent) - _place(low, exponent)
            exponent = exponent + (spans >= BINS)
        return exponent, _place(low, exponent)

    def _widen(self, low: Tensor, high: Tensor) -> None:
        """Let the range hold another one; the counts move to the new bins."""
        low, high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        changed = ((low < self.low) | (high > self.high)).nonzero().flatten()
        before = tuple(part[changed] for part in self._bins())
        self.low, self.high = low, high
        after = tuple(part[changed] for part in self._bins())
        for block in unit_blocks(len(changed), 2 * BINS):
            units = changed[block]
            exponent, first = (part[block, None] for part in before)
            shift = (after[0][block, None] - exponent).clamp_min(0)
            places = (first + torch.arange(BINS, device=first.device)) >> shift
            places = (places - after[1][block, None]).clamp(0, BINS - 1)  # bins outside are empty
            moved = torch.zeros(len(units), BINS, dtype=torch.int32, device=units.device)
            self.counts[units] = moved.scatter_add_(1, places, self.counts[units])


def _place(values: Tensor, exponent: Tensor) -> Tensor:
    """Number of the bin of width 2^exponent in which a value lies."""
    return (values * _power(-exponent)).floor().long()


def _power(exponent: Tensor) -> Tensor:
    """2^exponent in double precision, exactly."""
    return ((exponent + 1023) << 52).view(torch.float64)
