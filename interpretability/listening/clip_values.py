"""What every metric returns: one value for each clip, and for how many clips there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Deviation = Literal[
    "second_softmax", "class_zero", "log_subtraction", "eleven_points", "relevance_by_maximum", "at_most_five"
]
"""What others' published code does differently; figures made with it are comparable with theirs, and with no others.

`second_softmax`: the average drop is computed on probabilities that are put through a softmax once more.
`class_zero`: input fidelity counts the clips predicted as class number 0. `log_subtraction`: what is left without a
part is the difference of two log-spectra, not the sound without the part. (All three: SpeechBrain's recipes.)
`eleven_points`: area under precision and recall from eleven thresholds. `relevance_by_maximum`: relevance is divided by
its maximum, which turns signs where it is negative. `at_most_five`: of the components above the threshold only the five
most relevant count. (All three: the code of Parekh et al. 2022.)
"""


@dataclass(frozen=True, eq=False)
class ClipValues:
    """A metric of n clips (or of n classes, where a metric says so).

    A clip on which the metric has no meaning (nothing was explained, nothing could be gained) holds NaN: it is counted
    in `n` and in `undefined`, and left out of means and medians. Nothing is ever left out without being counted.

    Attributes:
        values: (n,) float64, NaN where undefined.
    """

    values: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", self.values.detach().double())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n(self) -> int:
        """Number of clips, undefined ones included."""
        return len(self.values)

    @property
    def undefined(self) -> int:
        """Number of clips without a value."""
        return int(self.values.isnan().sum())

    @property
    def mean(self) -> float:
        """Mean over the defined clips; NaN where there is none."""
        return float(self.values.nanmean())

    @property
    def median(self) -> float:
        """Median over the defined clips, halfway between the middle two of an even number; NaN where there is none."""
        defined = self.values[~self.values.isnan()]
        return float(defined.quantile(0.5)) if len(defined) else float("nan")

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over the defined clips; NaN for fewer than two."""
        defined = self.values[~self.values.isnan()]
        return float(defined.std() / len(defined) ** 0.5) if len(defined) > 1 else float("nan")

    @property
    def summary(self) -> dict[str, float]:
        """Mean, median, n and undefined, by these names."""
        return {"mean": self.mean, "median": self.median, "n": float(self.n), "undefined": float(self.undefined)}

    def where(self, defined: Tensor) -> "ClipValues":
        """Return the values of the clips that are `defined` (n,) bool; the others become undefined."""
        return ClipValues(self.values.masked_fill(~defined.to(self.values.device), torch.nan))


def joined(parts: Sequence[ClipValues]) -> ClipValues:
    """Values of several batches of clips as those of one."""
    return ClipValues(torch.cat([part.values for part in parts]))


def of_label(scores: Tensor, labels: Tensor) -> Tensor:
    """Scores (B,) of the class `labels` (B,) in each clip, from (B, C); or (B, G) from (B, G, C)."""
    index = labels.to(scores.device).reshape(-1, *[1] * (scores.ndim - 1)).expand(*scores.shape[:-1], 1)
    return scores.gather(-1, index).squeeze(-1)
