"""Copying (reduplication): in which layer the two halves of /baba/ are the same thing twice.

The halves of a reduplicated word are compared in each layer, aligned to fractions of a step. Any two syllables are
alike to some degree, so that the similarity of one's halves stands beside that of halves from different items.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.effects import Estimate, estimate
from interpretability.layers.time_base import TimeBase

MIN_STEPS = 3
"""Steps of a half below which a layer is too slow."""


@dataclass(frozen=True)
class Copying:
    """How alike two halves are in one layer; where `unheard` says why, nothing was computed."""

    layer: str
    same: Estimate
    """Correlation of the first and second half of the same item."""
    different: Estimate
    """Of the first half of one item and the second of another."""
    copied: Estimate
    """The first minus the second, item by item: above 0 where the layer has the copy."""
    unheard: str | None = None


def halves(
    values: Tensor, of: TimeBase, sample_rate: float, starts: tuple[float, float] | Tensor, seconds: float
) -> tuple[Tensor, Tensor]:
    """Return two stretches of a layer's values (B, C, T) or (B, T), (B, C, P) each, P steps from each start in seconds.

    The second is read at the same distances from its start as the first, between steps by straight lines. Starts of
    each item (B, 2) are read so too, a step apart, from each.
    """
    maps = values[:, None] if values.ndim == 2 else values
    if isinstance(starts, Tensor):
        steps = torch.arange(int(seconds * sample_rate / float(of.jump)) + 1)
        one, two = (of.step(starts[:, side] * sample_rate)[:, None] + steps for side in (0, 1))
        return _read(maps, one), _read(maps, two)
    first = torch.ceil(of.step(starts[0] * sample_rate))
    count = int(torch.floor(of.step((starts[0] + seconds) * sample_rate))) - int(first) + 1
    at = first + torch.arange(max(count, 0))
    shift = (starts[1] - starts[0]) * sample_rate / float(of.jump)
    return _read(maps, at), _read(maps, at + shift)


def copying(
    layer: str,
    values: Tensor,
    of: TimeBase,
    sample_rate: float,
    starts: tuple[float, float] | Tensor,
    seconds: float,
    draws: int = 2000,
    seed: int = 0,
) -> Copying:
    """Compare the halves of reduplicated items in a layer.

    Args:
        layer: its name.
        values: maps (K, C, T) of the layer, or its series (K, T).
        of: its clock.
        sample_rate: of the sound, Hz.
        starts: seconds at which the two syllables start; (K, 2) where items have starts of their own.
        seconds: length of a syllable.
        draws: of the bootstrap over items.
        seed: of the bootstrap and of the partners.

    Each half is compared by Pearson's r over channels and steps, each without its mean over items, so that what all
    first, or all second, syllables share does not count. With one item there is no different one and no mean over
    items: `different` is NaN.

    Raises:
        InputError: A syllable that starts before the sound or ends after the layer.
    """
    nan = Estimate(float("nan"), float("nan"), float("nan"))
    end = float(of.centre + of.jump * values.shape[-1]) / sample_rate
    lowest, highest = float(torch.as_tensor(starts).min()), float(torch.as_tensor(starts).max())
    if lowest < 0 or highest + seconds > end + float(of.jump) / sample_rate:
        raise InputError(f"layer '{layer}': a syllable of {seconds:g} s at {highest:g} s does not lie in its {end:g} s")
    one, two = (half.double().flatten(1) for half in halves(values, of, sample_rate, starts, seconds))
    steps = one.shape[1] // (values.shape[1] if values.ndim == 3 else 1)
    if steps < MIN_STEPS:
        return Copying(layer, nan, nan, nan, f"the layer has {steps} steps in a syllable, and {MIN_STEPS} are needed")
    if len(one) > 1:
        one, two = (half - half.mean(dim=0, keepdim=True) for half in (one, two))
    same = _pearson(one, two)
    if len(one) < 2:
        return Copying(layer, estimate(same), nan, nan)
    partners = torch.stack([_pearson(one, two.roll(shift, dims=0)) for shift in range(1, min(len(one), 20))])
    different = partners.nanmean(dim=0)
    alike, other, copied = (estimate(x, draws, seed) for x in (same, different, same - different))
    return Copying(layer, alike, other, copied)


def repeat_lag(series: Tensor, of: TimeBase, sample_rate: float, shortest: float, longest: float) -> Tensor:
    """Return the lag in seconds (B,) at which each series (B, T) repeats itself most: where its copy lies.

    The normalised autocorrelation's highest value between two lags; NaN for a series that does not move.

    Raises:
        InputError: No lag of the layer lies between the two.
    """
    step = float(of.jump) / sample_rate
    first, last = max(1, round(shortest / step)), min(series.shape[1] - MIN_STEPS, round(longest / step))
    if last < first:
        raise InputError(f"no lag from {shortest:g} to {longest:g} s exists in a layer of {step:g} s a step")
    x = series.double()
    scores = torch.stack([_pearson(x[:, :-lag], x[:, lag:]) for lag in range(first, last + 1)])
    best = scores.nan_to_num(-2).max(dim=0)
    return torch.where(best.values > -2, (best.indices + first) * step, torch.nan)


def reduplicated(
    bursts: Tensor, vowels: Tensor, sample_rate: int, syllable: float = 0.25, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return synthetic words (K, N) of two syllables: the same twice, two different ones, and one alone.

    A syllable is 60 ms of noise about its burst frequency, then a vowel: a pulse train of 120 Hz through a resonance.
    The second syllable of a copy has noise of its own, as a speaker has.

    Args:
        bursts: (K,) Hz.
        vowels: (K,) Hz of the resonance.
        sample_rate: Hz.
        syllable: seconds.
        seed: of the noise.
    """
    random = torch.Generator().manual_seed(seed)
    first, again, bare = (_syllables(bursts, vowels, sample_rate, syllable, random) for _ in range(3))
    other = _syllables(bursts.roll(1), vowels.roll(1), sample_rate, syllable, random)
    return torch.cat([first, again], 1), torch.cat([first, other], 1), torch.cat([bare, torch.zeros_like(bare)], 1)


def _syllables(bursts: Tensor, vowels: Tensor, rate: int, seconds: float, random: torch.Generator) -> Tensor:
    length, onset = round(seconds * rate), round(0.06 * rate)
    hertz = torch.fft.rfftfreq(length, 1 / rate)
    noise = torch.fft.rfft(torch.randn(len(bursts), length, generator=random))
    burst = torch.fft.irfft(noise * torch.exp(-(((hertz - bursts[:, None]) / 300) ** 2)), length)
    pulses = torch.zeros(length)
    pulses[onset :: round(rate / 120)] = 1
    vowel = torch.fft.irfft(torch.fft.rfft(pulses) / (1 + ((hertz - vowels[:, None]) / 100) ** 2), length)
    at = torch.arange(length)
    envelope = torch.sin(torch.pi * ((at - onset) / (length - onset)).clamp(0, 1))
    parts = burst * (at < onset), vowel * envelope
    return sum((0.3 * part / part.abs().amax(1, keepdim=True).clamp_min(1e-9) for part in parts), torch.zeros(1))


def _read(maps: Tensor, at: Tensor) -> Tensor:
    """Values (B, C, P) of maps (B, C, T) at steps (P,) or (B, P), between steps by straight lines."""
    at = at.expand(len(maps), -1).clamp(0, maps.shape[-1] - 1)
    low = at.floor().long().clamp(max=max(maps.shape[-1] - 2, 0))
    share = (at - low).to(maps.dtype)[:, None]
    high = (low + 1).clamp(max=maps.shape[-1] - 1)
    first, second = (maps.gather(-1, step[:, None].expand(-1, maps.shape[1], -1)) for step in (low, high))
    return first * (1 - share) + second * share


def _pearson(one: Tensor, two: Tensor) -> Tensor:
    x, y = (half - half.mean(dim=1, keepdim=True) for half in (one, two))
    scale = (x.square().sum(dim=1) * y.square().sum(dim=1)).sqrt()
    return (x * y).sum(dim=1) / scale.where(scale > 0, torch.nan)
