"""The clips that drive each unit most and least, kept while the clips stream by."""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.dissection.unit_blocks import unit_blocks

EMPTY = torch.iinfo(torch.int64).min
"""Key of a place that no clip has taken yet."""
MASK = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class TopClips:
    """K clips of each of U units, the most extreme first; ties go to the clip that comes first in the probe set.

    Attributes:
        values: (U, K) float32 read-outs; NaN where there are fewer than K clips.
        clips: (U, K) int64 positions in the probe set; -1 where there are fewer.
        seconds: (U, K) float32 middle of the driving frame within the clip; NaN where the read-out has no frame.
    """

    values: Tensor
    clips: Tensor
    seconds: Tensor


class TopClipsAccumulator:
    """Keeps the K highest (`sign` 1) or lowest (-1) values of U units, in O(K U) memory.

    A value and its clip are packed into one integer that sorts as (value, earlier clip): no two are equal, so that the
    result does not depend on the order in which the clips come or on how they are shared out.
    """

    def __init__(self, n_units: int, k: int, sign: int, device: torch.device | str = "cpu") -> None:
        self.sign = sign
        self.keys = torch.full((n_units, k), EMPTY, dtype=torch.int64, device=device)
        self.seconds = torch.full((n_units, k), torch.nan, dtype=torch.float32, device=device)

    def update(self, values: Tensor, seconds: Tensor, index: Tensor) -> None:
        """Take the values (B, U) and driving seconds (B, U) of the clips at `index` (B,)."""
        for block in unit_blocks(len(self.keys), len(index) + self.keys.shape[1]):
            keys = _packed(self.sign * values[:, block].T.float(), index)
            rows = (keys.amax(dim=1) > self.keys[block, -1]).nonzero().flatten()
            if len(rows):
                self._keep(block.start + rows, keys[rows], seconds[:, block].T[rows].float())

    @property
    def bound(self) -> Tensor:
        """Value (U,) that a clip has to reach to be kept; -inf (or inf, for the lowest) while there is room."""
        last = self.keys[:, -1]
        return self.sign * _unpacked(last).masked_fill(last == EMPTY, -torch.inf)

    def merge(self, other: "TopClipsAccumulator") -> None:
        """Take what another shard has kept."""
        self._keep(torch.arange(len(self.keys), device=self.keys.device), other.keys, other.seconds)

    def _keep(self, rows: Tensor, keys: Tensor, seconds: Tensor) -> None:
        kept = torch.cat([self.keys[rows], keys], dim=1).topk(self.keys.shape[1], dim=1)
        self.seconds[rows] = torch.cat([self.seconds[rows], seconds], dim=1).gather(1, kept.indices)
        self.keys[rows] = kept.values

    def result(self) -> TopClips:
        """Return the clips that were kept, the most extreme first."""
        empty = self.keys == EMPTY
        values = self.sign * _unpacked(self.keys)
        return TopClips(
            values.masked_fill(empty, torch.nan), (MASK - (self.keys & MASK)).masked_fill(empty, -1), self.seconds
        )

    def state(self) -> dict[str, Tensor]:
        """Return everything that was kept, as tensors."""
        return {"keys": self.keys, "seconds": self.seconds}

    def load(self, state: dict[str, Tensor]) -> "TopClipsAccumulator":
        """Take over what `state` returned; returns itself."""
        self.keys, self.seconds = state["keys"].clone(), state["seconds"].clone()
        return self


def _packed(values: Tensor, index: Tensor) -> Tensor:
    """Values (..., B) of clips (B,) as integers in the order of the values, then of the clips from last to first.

    The bits of a float sort like an integer's once those of negative numbers are turned round.
    """
    bits = (values + 0.0).contiguous().view(torch.int32).long()  # + 0.0: minus zero is zero
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered << 32) | (MASK - index)


def _unpacked(keys: Tensor) -> Tensor:
    ordered = keys >> 32
    return torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).to(torch.int32).view(torch.float32)
