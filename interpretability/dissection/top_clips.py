"""The clips that drive each unit most and least."""

from dataclasses import dataclass

from torch import Tensor


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
