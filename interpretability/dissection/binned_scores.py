"""AUPRC and F1 of values that are not kept, from a fixed number of bins."""

import torch
from torch import Tensor

from interpretability.dissection.scores import Scores, f1_at, found_at
from interpretability.dissection.unit_blocks import unit_blocks

BINS = 128
REACH = 3.7
"""The outermost bins begin where asinh of the standardised value is so large: 20 deviations from the mean."""
TOLERANCE = {10: 0.06, 25: 0.04, 100: 0.02}
"""Largest difference from the exact AUPRC where so many clips of the scoring half or more have the concept.

The mean difference is below a sixth of it, the largest of F1 below twice as much.
"""


class BinnedScores:
    """The same scores from 128 bins of each unit and pole, for values that are not kept: O(U) memory.

    Bins are even on asinh((a - mean) / deviation): fine where most values lie, and wide enough for any outlier. Exact
    zeros of a rectified unit are one tie and have a bin of their own; within the others, clips count as evenly mixed.
    """

    def __init__(self, mean: Tensor, std: Tensor, rectified: Tensor, candidate: Tensor) -> None:
        """Begin with mean and deviation (U,) of other clips, units that are never negative (U,), concepts (U, 2)."""
        self.mean, self.std = mean, std.masked_fill(std == 0, 1.0)
        self.rectified, self.candidate = rectified, candidate
        self.counts = torch.zeros(len(mean), 2, 2, BINS, dtype=torch.int32, device=mean.device)

    def update(self, values: Tensor, positive: Tensor, known: Tensor | None) -> None:
        """Count values (B, U) of clips that have the concepts (B, M) or not, and of which they are known (B, M)."""
        n = len(values)
        for block in unit_blocks(values.shape[1], 4 * n):
            v = values[:, block].T.double()
            z = ((v - self.mean[block, None]) / self.std[block, None]).asinh()
            bins = ((z + REACH) / (2 * REACH) * (BINS - 1)).long().clamp(0, BINS - 2) + 1
            bins = bins.masked_fill(self.rectified[block, None] & (v <= 0), 0)
            concept = self.candidate[block].clamp_min(0)  # (u, 2)
            has = positive.T[concept].long()  # (u, 2, B)
            counted = torch.ones_like(has) if known is None else known.T[concept].long()
            places = (torch.arange(2, device=v.device)[:, None] * 2 + has) * BINS + bins[:, None]
            self.counts[block].flatten(1).scatter_add_(1, places.flatten(1), counted.flatten(1).int())

    def result(self, share: Tensor) -> Scores:
        """Return the scores (U, 2) of high and low poles, which mark a `share` (U, 2) of the clips."""
        tie = torch.zeros(BINS, dtype=torch.bool, device=self.counts.device)
        tie[0] = True
        parts = []
        for block in unit_blocks(len(self.counts), 8 * BINS):
            high = _binned(self.counts[block, 0].double().flip(-1), tie.flip(0), share[block, 0])
            low = _binned(self.counts[block, 1].double(), tie, share[block, 1])
            parts.append([torch.stack(pair, dim=1) for pair in zip(high, low, strict=True)])
        return Scores(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _binned(counts: Tensor, tie: Tensor, share: Tensor) -> Scores:
    """Scores (U,) of counts (U, 2, bins) of clips without and with the concept, best bin first.

    The i-th of p hits in a bin with n others comes, on average, after i n / (p + 1) of them; the sum of its precision
    over i is the integral from 1/2 to p + 1/2.
    """
    others, hits = counts[:, 0], counts[:, 1]
    found, upto = hits.cumsum(dim=1), counts.sum(dim=1).cumsum(dim=1)
    a, b, c = found - hits, upto - hits - others, 1 + others / (hits + 1)

    def integral(x: Tensor | float) -> Tensor:
        return x / c + (a / c - b / c.square()) * (b + c * x).log()

    mixed = integral(hits + 0.5) - integral(0.5)
    precision = torch.where(tie, hits * found / upto.clamp_min(1), mixed)
    n_hits, n_known = found[:, -1], upto[:, -1]
    marked = share.to(n_known) * n_known
    f1 = f1_at(found_at(marked, upto, found, torch.ones_like(upto, dtype=torch.bool)), n_hits, marked)
    return Scores((precision.sum(dim=1) / n_hits).clamp_max(1), n_hits / n_known, f1)
