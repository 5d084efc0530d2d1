"""Tones that a generator makes whatever it says: transposed convolutions repeat their input's rate in their output.

A network with random weights already whistles at k fs / prod(strides): 250, 500 and 125 Hz in the layer of 1 kHz of the
published one, inside the pitch range. An F0 close to such a tone is suspect, not found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.layers.time_base import TimeBase
from interpretability.power_spectrum import power_spectrum

NEAR = 0.02
"""Share of a tone's frequency within which an F0 is suspect."""
STANDING = 12.0
"""Decibels above the median of the spectrum from which on a tone stands out."""


@dataclass(frozen=True)
class Tone:
    """A tone that the strides of a network make."""

    hertz: float
    harmonic: int
    rate: float
    """Steps per second (Hz) of the layer whose rate it is a multiple of."""


def artefact_tones(
    of: TimeBase, earlier: Sequence[TimeBase], sample_rate: float, reach: int = 2, lowest: float = 20.0
) -> list[Tone]:
    """Return the tones k r up to a layer's Nyquist limit, low first, r the rates of the layers that it is made from.

    Args:
        of: clock of the layer that is looked at, or of the sound: `TimeBase()`.
        earlier: clocks of the layers before it, in samples of the sound; slower ones count.
        sample_rate: of the sound, Hz.
        reach: so many of the nearest slower rates; multiples of all would cover every pitch.
        lowest: Hz below which nothing is listed.
    """
    nyquist = of.nyquist(sample_rate)
    rates = sorted({base.rate(sample_rate) for base in earlier if base.jump > of.jump}, reverse=True)[:reach]
    found: dict[float, Tone] = {}
    for rate in rates:  # the fastest rate explains a tone first
        for k in range(1, int(nyquist / rate + 1e-9) + 1):
            if k * rate >= lowest:
                found.setdefault(k * rate, Tone(k * rate, k, rate))
    return [found[hertz] for hertz in sorted(found)]


def standing(series: Tensor, rate: float, tones: Sequence[Tone], decibels: float = STANDING) -> dict[Tone, float]:
    """Return those tones that do stand out of a layer's series (B, T), with dB above the median of the spectrum.

    `rate` is the layer's, in Hz. The power spectra of all clips are averaged, with a Hann window, offset removed.
    """
    values = series.double() - series.double().mean(dim=1, keepdim=True)
    window = torch.hann_window(values.shape[1], dtype=torch.float64, device=values.device)
    power = power_spectrum(torch.fft.rfft(values * window, dim=1)).mean(dim=0)
    floor = power[2:].median()
    found = {}
    for tone in tones:
        at = round(tone.hertz * values.shape[1] / rate)
        peak = power[max(at - 1, 0) : at + 2].max()
        if floor > 0 and (level := float(10 * torch.log10(peak / floor))) >= decibels:
            found[tone] = level
    return found


def suspect_pitch(f0: Tensor, tones: Sequence[Tone], near: float = NEAR) -> Tensor:
    """Return which values of F0 (any shape, Hz, NaN where unvoiced) lie within 2 % of a tone."""
    out = torch.zeros_like(f0, dtype=torch.bool)
    for tone in tones:
        out |= (f0 - tone.hertz).abs() <= near * tone.hertz
    return out
