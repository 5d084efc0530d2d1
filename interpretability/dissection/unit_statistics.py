"""What is known of every unit of a layer after one pass over the probe set."""

from dataclasses import dataclass

from torch import Tensor

from interpretability.dissection.top_clips import TopClips


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """U units of one layer over the N clips of a probe set.

    Attributes:
        layer: dotted path.
        read_out: how a map became one number for each clip.
        n_clips: N.
        mean, std, low, high: (U,) float64 over clips; the deviation is that of the population (divided by N).
        top, bottom: clips with the highest and with the lowest values.
        correlation: (U, M) float64 Pearson correlation with every concept; 0 for dead units and constant concepts.
        histogram: (U, 64) int64 clips per bin.
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
        return self.high == self.low

    @property
    def signed(self) -> Tensor:
        """(U,) bool: units that are ever negative, whose lowest values mean something of their own."""
        return self.low < 0
