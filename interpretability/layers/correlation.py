"""How a layer's series follows an acoustic property, within each clip.

Points of one clip depend on each other and levels differ between clips, so that one correlation over all points of all
clips, as published, says little. Here each clip gives one correlation over its part that is not padding; clips are
averaged by Fisher's z, and the interval comes from resampling clips.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.layers.resampling import linear_at
from interpretability.layers.time_base import TimeBase

MIN_POINTS = 5
"""Points of a clip without which its correlation is undefined."""
LIMIT = 1 - 1e-6
"""Magnitude of a correlation at most, so that Fisher's z is finite."""
FAST = 250.0
"""Rate (Hz) of a layer from which on it has an envelope; a slower one is an envelope."""
WINDOW = 0.025
"""Seconds of an envelope's window."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Mean over clips, with what it is made of."""

    r: float
    """Mean correlation by Fisher's z; NaN where no clip has one."""
    low: float
    high: float
    """95 % interval from resampling clips; NaN with fewer than two clips."""
    clips: Tensor
    """Correlation of each clip (N,) float64, NaN where undefined."""
    lag: int = 0
    """Points by which the layer comes after the property, where a lag was sought."""

    @property
    def n(self) -> int:
        """Return the number of clips that have a correlation."""
        return int(self.clips.isfinite().sum())


def clip_correlations(layer: Tensor, contour: Tensor, valid: Tensor) -> Tensor:
    """Return Pearson's r of each clip (N,) float64.

    Args:
        layer: (N, P), on the points of the contour.
        contour: (N, P), NaN where the property does not exist.
        valid: (N, P) bool, without padding.

    A clip with fewer than 5 points where both exist, or in which one of them does not move, is NaN.
    """
    x, y = layer.double(), contour.double()
    both = valid & x.isfinite() & y.isfinite()
    count = both.sum(dim=1)
    x, y = (_centred(values, both, count) for values in (x, y))
    scale = (x.square().sum(dim=1) * y.square().sum(dim=1)).sqrt()
    defined = (count >= MIN_POINTS) & (scale > 0)
    r = (x * y).sum(dim=1) / scale.where(defined, torch.ones_like(scale))
    return torch.where(defined, r.clamp(-1, 1), torch.nan)


def correlate(
    layer: Tensor, contour: Tensor, valid: Tensor, max_lag: int = 0, draws: int = 2000, seed: int = 0
) -> Correlation:
    """Return the mean correlation of clips, as `clip_correlations`, with its interval.

    With `max_lag` above 0, the layer is moved against the property by up to so many points, and the lag of the largest
    magnitude is taken, one for all clips. A null to compare with has to seek its lag as well (`nulls`).
    """
    tried = [clip_correlations(shifted(layer, lag), contour, valid) for lag in range(-max_lag, max_lag + 1)]
    best = max(range(len(tried)), key=lambda i: abs(fisher_mean(tried[i])) if tried[i].isfinite().any() else -1.0)
    clips = tried[best]
    low, high = interval(fisher_z(clips[clips.isfinite()]), draws, seed)
    return Correlation(fisher_mean(clips), _tanh(low), _tanh(high), clips, best - max_lag)


def gain(trained: Tensor, untrained: Tensor, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Return |mean r| of a trained network minus that of an untrained one, with its 95 % interval over clips.

    The sign of a layer's series is free, so that magnitudes count.

    Args:
        trained: correlations of clips (N,).
        untrained: those of the same clips.
        draws: resamples.
        seed: of the resamples.
    """
    both = trained.isfinite() & untrained.isfinite()
    if not both.any():
        return float("nan"), float("nan"), float("nan")
    pair = torch.stack([fisher_z(trained[both]), fisher_z(untrained[both])])

    def difference(means: Tensor) -> Tensor:
        return means[0].tanh().abs() - means[1].tanh().abs()

    if pair.shape[1] < 2:
        return float(difference(pair.mean(dim=1))), float("nan"), float("nan")
    found = difference(pair[:, resamples(pair.shape[1], draws, seed)].mean(dim=2))
    low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=found.dtype)).tolist()
    return float(difference(pair.mean(dim=1))), low, high


def envelopes(series: Tensor, of: TimeBase, sample_rate: float, seconds: Tensor) -> dict[str, Tensor]:
    """Return what of a layer's series (N, T) follows a contour, at the contour's points `seconds` (N, P): (N, P) each.

    "mean" is the running mean over 25 ms, "ripple" the root mean square about it. A layer below 250 Hz is an envelope
    itself and gives "mean" only.
    """
    rate = of.rate(sample_rate)
    values, at = series.double(), seconds.double() * sample_rate
    if rate < FAST:
        return {"mean": linear_at(values, of, at)}
    width = min(max(round(WINDOW * rate) | 1, 3), values.shape[1] | 1)
    mean = _running_mean(values, width)
    offset = values.mean(dim=1, keepdim=True)
    power = _running_mean((values - offset).square(), width) - (mean - offset).square()
    return {"mean": linear_at(mean, of, at), "ripple": linear_at(power.clamp_min(0).sqrt(), of, at)}


def shifted(series: Tensor, lag: int) -> Tensor:
    """Return a series (N, P) read `lag` points later; NaN where there is none."""
    out = torch.full_like(series, torch.nan)
    points = series.shape[1]
    if abs(lag) < points:
        out[:, max(-lag, 0) : points - max(lag, 0)] = series[:, max(lag, 0) : points - max(-lag, 0)]
    return out


def fisher_z(r: Tensor) -> Tensor:
    """Return Fisher's z of correlations."""
    return torch.atanh(r.clamp(-LIMIT, LIMIT))


def fisher_mean(r: Tensor) -> float:
    """Return the mean of correlations by Fisher's z, without those that are NaN; NaN if all are."""
    z = fisher_z(r[r.isfinite()])
    return _tanh(float(z.mean())) if len(z) else float("nan")


def resamples(n: int, draws: int, seed: int) -> Tensor:
    """Return bootstrap indices (draws, n)."""
    return torch.randint(n, (draws, n), generator=torch.Generator().manual_seed(seed))


def interval(values: Tensor, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over items (N,); NaN with fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    means = values.double()[resamples(len(values), draws, seed)].mean(dim=1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return low, high


def _centred(values: Tensor, both: Tensor, count: Tensor) -> Tensor:
    values = values.where(both, torch.zeros_like(values))
    mean = values.sum(dim=1) / count.clamp_min(1)
    centred = (values - mean[:, None]).where(both, torch.zeros_like(values))
    still = centred.abs().amax(dim=1) <= 1e-9 * mean.abs()  # rounding of a constant is no movement
    return centred.where(~still[:, None], torch.zeros_like(centred))


def _running_mean(values: Tensor, width: int) -> Tensor:
    padded = torch.nn.functional.pad(values[:, None], (width // 2 + 1, width // 2), mode="replicate")[:, 0]
    sums = padded.cumsum(dim=1)
    return (sums[:, width:] - sums[:, :-width]) / width


def _tanh(z: float) -> float:
    return float(torch.tanh(torch.tensor(z, dtype=torch.float64)))
