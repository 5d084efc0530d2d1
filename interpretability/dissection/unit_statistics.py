"""What is known of every unit of a layer after one pass over the probe set, and how it is gathered on the way.

Memory is O(K U + U M), whatever the number of clips. Shards of a distributed run add up to the whole.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.cross_moments import CrossMoments
from interpretability.dissection.dyadic_histogram import DyadicHistogram
from interpretability.dissection.read_out import Bounds, Reading
from interpretability.dissection.top_clips import TopClips, TopClipsAccumulator

STILL = 2.0**-20
"""Values that differ by less than this share of the largest are one value: batches of different sizes round so far."""


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """U units of one layer over the N clips of a probe set.

    Attributes:
        layer: dotted path.
        read_out: how a map became one number for each clip.
        n_clips: N.
        mean, std, low, high: (U,) float64 over clips; the deviation is that of the population (divided by N).
        top, bottom: clips with the highest and with the lowest values.
        correlation: (U, M) float64 Pearson correlation with every concept; 0 where unit or concept does not vary.
        histogram: (U, 64) int32 clips per bin.
        edges: (U, 65) float64 edges of the bins.
    """

    layer: str
    read_out: str
    n_clips: int
    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    top: TopClips
    bottom: TopClips
    correlation: Tensor
    histogram: Tensor
    edges: Tensor

    @property
    def n_units(self) -> int:
        """Number of units U."""
        return int(self.mean.shape[0])

    @property
    def dead(self) -> Tensor:
        """(U,) bool: units that give every clip the same value."""
        return still(self.low, self.high)

    @property
    def signed(self) -> Tensor:
        """(U,) bool: units that are ever negative, whose lowest values mean something of their own."""
        return self.low < 0


def still(low: Tensor, high: Tensor) -> Tensor:
    """Whether a unit (U,) whose values lie between `low` and `high` does not vary."""
    return high - low <= STILL * torch.maximum(low.abs(), high.abs())


class UnitAccumulator:
    """Gathers the statistics of the U units of one layer while clips stream by; clips belong to G groups."""

    def __init__(self, values: Tensor, scores: Tensor, n_groups: int, k: int, observed: bool) -> None:
        """Start with the first batch, whose means become the centres of the sums; `update` has to take it too.

        Args:
            values: (B, U) of the first batch.
            scores: (N, M) of all clips.
            n_groups: G.
            k: clips kept at either end.
            observed: whether some scores are unknown.
        """
        n_units = values.shape[1]
        self.top = TopClipsAccumulator(n_units, k, 1, values.device)
        self.bottom = TopClipsAccumulator(n_units, k, -1, values.device)
        self.histogram = DyadicHistogram(n_units, values.device)
        centre = scores.double().mean(dim=0).to(values.device)
        self.moments = CrossMoments(n_groups, values.double().mean(dim=0), centre, observed)

    def update(self, reading: Reading, index: Tensor, scores: Tensor, known: Tensor | None, group: Tensor) -> None:
        """Take B clips: what was read, their positions, scores (B, M), which are known (B, M), and groups (B,).

        Raises:
            InputError: Another number of units than before.
        """
        values = reading.values
        if values.shape[1] != len(self.top.keys):
            raise InputError(f"{values.shape[1]} units after {len(self.top.keys)}; a layer has to keep its units")
        self.top.update(values, reading.high, index)
        self.bottom.update(values, reading.low, index)
        self.histogram.update(values)
        self.moments.update(values, scores, known, group)

    @property
    def bounds(self) -> Bounds:
        """What a value has to reach so that its clip is kept."""
        return Bounds(self.top.bound, self.bottom.bound)

    def merge(self, other: "UnitAccumulator") -> None:
        """Add what was gathered of other clips of the same layer."""
        self.top.merge(other.top)
        self.bottom.merge(other.bottom)
        self.histogram.merge(other.histogram)
        self.moments.merge(other.moments)

    def result(self, layer: str, read_out: str) -> UnitStatistics:
        """Return the statistics of all clips so far."""
        mean, std = self.moments.moments()
        counts, edges = self.histogram.result()
        return UnitStatistics(
            layer=layer,
            read_out=read_out,
            n_clips=int(self.moments.count),
            mean=mean,
            std=std,
            low=self.histogram.low,
            high=self.histogram.high,
            top=self.top.result(),
            bottom=self.bottom.result(),
            correlation=self.moments.correlation()[0],
            histogram=counts,
            edges=edges,
        )

    def state(self) -> dict[str, Tensor]:
        """Return everything gathered, as tensors under flat names."""
        return {f"{name}.{key}": value for name in PARTS for key, value in getattr(self, name).state().items()}

    @classmethod
    def of_state(cls, state: dict[str, Tensor]) -> "UnitAccumulator":
        """Return an accumulator that goes on from what `state` returned; entries of other names are left alone."""
        keys, n = state["top.keys"], state["moments.n"]
        first, scores = torch.zeros(1, len(keys), device=keys.device), torch.zeros(1, n.shape[1], device=keys.device)
        made = cls(first, scores, 0, keys.shape[1], state["moments.unit"].shape[-1] > 1)
        for name in PARTS:
            own = {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{name}.")}
            getattr(made, name).load(own)
        return made


PARTS = ("top", "bottom", "histogram", "moments")
