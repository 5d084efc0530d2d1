"""From activations over time to a few named numbers per component: what a decision is made of.

All of them read non-negative activations (B, K, T), divided by each component's usual level so that components weigh
alike, and return (B, P, K): P named statistics, or one attention-weighted mean per class (P = C). Each statistic of a
component depends on that component alone, except that attention weights look at all of them.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMOOTHING = 9  # frames averaged by the smoothed statistics (0.2 s at the default hop)


def masked(activations: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Activations (B, K, T) with frames after the end of a clip at zero, and the number of valid frames (B, 1)."""
    if mask is None:
        return activations, activations.new_full((activations.shape[0], 1), activations.shape[-1])
    keep = mask[:, None, :].to(activations.dtype)
    return activations * keep, keep.sum(dim=-1)


class MaxPooling(nn.Module):
    """The loudest frame of each component."""

    names = ("maximum",)

    def forward(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> Tensor:
        """Activations (B, K, T), valid frames (B, T) -> (B, 1, K)."""
        return masked(activations, mask)[0].amax(dim=-1).unsqueeze(1)


class MeanPooling(nn.Module):
    """The mean over the valid frames of each component."""

    names = ("mean",)

    def forward(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> Tensor:
        """Activations (B, K, T), valid frames (B, T) -> (B, 1, K)."""
        kept, count = masked(activations, mask)
        return (kept.sum(dim=-1) / count).unsqueeze(1)


class StatisticsPooling(nn.Module):
    """How loud a component is at its peak, how loud on average, how steady and how abrupt.

    Each statistic is proportional to the component's level; log(1 + .) then gives weak components a voice. All are
    zero for a silent component.
    """

    names = ("maximum", "mean", "spread", "mean change", "largest change", "smoothed maximum", "smoothed spread")

    def forward(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> Tensor:
        """Activations (B, K, T), valid frames (B, T) -> (B, 7, K)."""
        return torch.log1p(self.statistics(activations, mask))

    def statistics(self, activations: Tensor, mask: Tensor | None) -> Tensor:
        """The seven statistics before the logarithm (B, 7, K); they scale with the activations."""
        kept, count = masked(activations, mask)
        change = torch.diff(kept, dim=-1).abs()
        if mask is not None:
            change = change * mask[:, None, 1:].to(change.dtype)
        smooth = smoothed(kept)
        if mask is not None:
            smooth = smooth * mask[:, None, :].to(smooth.dtype)
        mean = kept.sum(dim=-1) / count
        return torch.stack(
            [
                kept.max(dim=-1).values,
                mean,
                spread(kept, count, mask),
                change.sum(dim=-1) / (count - 1).clamp_min(1),
                change.max(dim=-1).values if change.shape[-1] else torch.zeros_like(mean),
                smooth.max(dim=-1).values,
                spread(smooth, count, mask),
            ],
            dim=1,
        )


class Smoothing(torch.autograd.Function):
    """Mean of the nine frames around each frame, with silence beyond the clip; it is its own derivative.

    Sums of two, four and eight make the sum of nine in four passes: five times as fast as pooling, gradient included.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(series: Tensor) -> Tensor:
        """Series (B, K, T) -> (B, K, T)."""
        padded = F.pad(series, (SMOOTHING // 2, SMOOTHING // 2))
        two = padded[..., :-1] + padded[..., 1:]
        four = two[..., :-2] + two[..., 2:]
        eight = four[..., :-4] + four[..., 4:]
        return (eight[..., :-1] + padded[..., 8:]) / SMOOTHING

    @staticmethod
    def setup_context(context: Any, inputs: Any, output: Any) -> None:  # noqa: ANN401 - PyTorch's signature
        """Keep nothing."""

    @staticmethod
    def jvp(context: Any, tangent: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's signature
        """Push of the series (B, K, T) -> push of the result."""
        return smoothed(tangent)

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's signature
        """Slope of the result (B, K, T) -> slope of the series."""
        return smoothed(slopes[0])


def smoothed(series: Tensor) -> Tensor:
    """Mean (B, K, T) of the nine frames around each frame, with silence beyond the clip."""
    mean: Tensor = Smoothing.apply(series)  # type: ignore[no-untyped-call]
    return mean


def spread(series: Tensor, count: Tensor, mask: Tensor | None) -> Tensor:
    """Standard deviation (B, K) over the `count` valid frames, exactly zero for silence and with a finite slope there.

    `series` (B, K, T) is zero outside `mask` (B, T). The mean is taken off first: the difference of two squares would
    lose a steady component's small variance to rounding.
    """
    centred = series - (series.sum(dim=-1) / count)[..., None]
    if mask is not None:
        centred = centred * mask[:, None, :].to(series.dtype)
    variance = centred.square().sum(dim=-1) / count
    floor = 1e-4  # sqrt(v + floor^2) - floor, written so that it is exactly zero at v = 0
    return variance / ((variance + floor**2).sqrt() + floor)


class AttentionPooling(nn.Module):
    """Gated attention over frames (Ilse et al. 2018, with the paper's ReLU gate): one weighting, or one per class.

    Weights come from the activations themselves, so that nothing but the components decides; given a `context` series
    (attention_from=maps) the black box chooses the frames.
    """

    def __init__(self, n_inputs: int, n_weightings: int = 1, width: int = 256, dropout: float = 0.0) -> None:
        super().__init__()
        self.names = ("attention",) if n_weightings == 1 else tuple(f"attention {c}" for c in range(n_weightings))
        self.dropout = nn.Dropout(dropout)
        self.value = nn.Conv1d(n_inputs, width, 1)
        self.gate = nn.Conv1d(n_inputs, width, 1)
        self.score = nn.Conv1d(width, n_weightings, 1)

    def weights(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> Tensor:
        """Weights (B, 1 or C, T) that sum to one over the valid frames."""
        read = self.dropout(activations if context is None else context)
        scores: Tensor = self.score(torch.tanh(self.value(read)) * F.relu(self.gate(read)))
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, :], -torch.inf)
        return scores.softmax(dim=-1)

    def forward(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> Tensor:
        """Activations (B, K, T), valid frames (B, T) -> (B, 1 or C, K)."""
        return torch.einsum("bpt,bkt->bpk", self.weights(activations, mask, context), activations)
