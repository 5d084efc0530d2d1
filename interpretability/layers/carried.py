"""What a layer carries of a sound's acoustic properties: its correlation, beside the three nulls that it has to beat.

The sound is the input of a classifier or the output of a generator; the table is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.correlation import Correlation, correlate, envelopes, gain
from interpretability.layers.nulls import Null, phase_randomised, shuffled_pairs
from interpretability.layers.published_statistics import PublishedCorrelation, concatenated_pearson
from interpretability.layers.resampling import band_limited
from interpretability.layers.time_base import TimeBase

NYQUIST_NEEDED: Mapping[str, float] = {
    "intensity": 10.0,
    "f0": 450.0,
    "voicing": 450.0,
    "harmonicity": 450.0,
    "f1": 1000.0,
    "f2": 2500.0,
    "f3": 3500.0,
    "centroid": 2000.0,
}
"""Property -> Nyquist limit (Hz) without which it cannot be measured on a layer's own series."""


@dataclass(frozen=True, eq=False)
class Contour:
    """One acoustic property of N clips over time."""

    name: str
    values: Tensor
    """(N, P), NaN where the property does not exist: F0 where nothing is voiced."""
    seconds: Tensor
    """(N, P) or (P,) where its points lie; clips may have grids of their own."""
    rate_needed: float = 10.0
    """Steps per second that a layer has to have to follow it."""


@dataclass(frozen=True, eq=False)
class Carried:
    """One layer against one property; where `unheard` says why, nothing was computed."""

    layer: str
    contour: str
    envelope: str
    """What of the series: "mean", or "ripple" about it in layers of 250 Hz and more."""
    found: Correlation | None = None
    untrained: Correlation | None = None
    gain: tuple[float, float, float] | None = None
    """|r| minus that of the untrained network, with its 95 % interval over clips."""
    shuffled: Null | None = None
    surrogate: Null | None = None
    published: PublishedCorrelation | None = None
    """Pearson's r over all points of all clips, as in the paper: for comparison only."""
    unheard: str | None = None


def carried(
    layer: str,
    series: Tensor,
    of: TimeBase,
    contour: Contour,
    lengths: Tensor,
    sample_rate: float,
    untrained: Tensor | None = None,
    max_lag: int = 0,
    draws: int = 40,
    seed: int = 0,
) -> list[Carried]:
    """Return what a layer carries of a property, one row for each envelope of its series.

    Args:
        layer: its name.
        series: (N, T) of the N clips.
        of: its clock.
        contour: the property of the same clips.
        lengths: true samples of each clip (N,); what lies beyond is padding and does not count.
        sample_rate: of the sound, Hz.
        untrained: series of the same clips in the untrained network.
        max_lag: points of the contour by which the layer may come later or earlier.
        draws: of each null.
        seed: of the nulls and intervals.

    Raises:
        InputError: Series and contours of different clips.
    """
    if len(series) != len(contour.values) or len(lengths) != len(series):
        raise InputError(
            f"layer '{layer}' has {len(series)} clips, '{contour.name}' {len(contour.values)} and the lengths "
            f"{len(lengths)}: they have to be the same clips"
        )
    if (reason := too_slow(of, sample_rate, rate=contour.rate_needed)) or (reason := _missing(contour)):
        return [Carried(layer, contour.name, "mean", unheard=reason)]
    seconds = contour.seconds.double().expand(contour.values.shape)
    valid = (seconds >= 0) & (seconds * sample_rate <= (lengths[:, None] - 1))
    curves = envelopes(series, of, sample_rate, seconds)
    before = envelopes(untrained, of, sample_rate, seconds) if untrained is not None else {}
    rows = []
    for name, curve in curves.items():
        found = correlate(curve, contour.values, valid, max_lag, seed=seed)
        null = correlate(before[name], contour.values, valid, max_lag, seed=seed) if name in before else None
        more = gain(found.clips, null.clips, seed=seed) if null is not None else None
        shuffled = shuffled_pairs(curve, contour.values, valid, max_lag, draws, seed)
        surrogates = phase_randomised(curve, contour.values, valid, max_lag, draws, seed)
        published = concatenated_pearson(curve, contour.values, valid)
        rows.append(Carried(layer, contour.name, name, found, null, more, shuffled, surrogates, published))
    return rows


def too_slow(of: TimeBase, sample_rate: float, rate: float = 0.0, nyquist: float = 0.0) -> str | None:
    """Return why a layer is too slow for what needs a rate or a Nyquist limit (Hz); None if it is not."""
    has = of.rate(sample_rate)
    needed = max(rate, 2 * nyquist)
    if has >= needed:
        return None
    return f"the layer has {has:g} steps per second, and {needed:g} are needed"


@dataclass(frozen=True, eq=False)
class Measured:
    """A property read from a layer's own series, as if it were a sound; None and the reason where it cannot be."""

    values: Tensor | None
    unheard: str | None = None


def measured_on_layer(
    series: Tensor,
    of: TimeBase,
    sample_rate: float,
    length: int,
    name: str,
    measure: Callable[[Tensor], Tensor],
    nyquist_needed: float | None = None,
) -> Measured:
    """Measure a property of a layer's series, band-limited and on the sound's clock, without its offset.

    Args:
        series: (N, T) of the layer.
        of: its clock.
        sample_rate: of the sound, Hz.
        length: samples of the sound.
        name: of the property.
        measure: from waveforms (N, length) at the sound's rate to the property (N, P).
        nyquist_needed: Hz; that of `NYQUIST_NEEDED` if None, where the property is listed.
    """
    needed = NYQUIST_NEEDED.get(name, 0.0) if nyquist_needed is None else nyquist_needed
    if reason := too_slow(of, sample_rate, nyquist=needed):
        return Measured(None, reason)
    sound = band_limited(series, of, length)
    return Measured(measure(sound - sound.mean(dim=1, keepdim=True)))


def _missing(contour: Contour) -> str | None:
    if torch.isfinite(contour.values).any():
        return None
    return f"no clip has a '{contour.name}': it is undefined in all of them"
