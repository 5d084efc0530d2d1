"""Synthetic sounds with one property that varies: what a unit is played to find what it is tuned to.

All stimuli of a set have the same length, the same level (RMS) and soft edges; they differ in the property alone.
Nothing of them folds over at the Nyquist frequency: noise and clicks are made in the frequency domain, harmonics above
it are left out. Noise and phases are drawn from fixed seeds, so that a set is the same everywhere.

A front end that normalises the peak of a clip undoes the common level: there, stimuli are matched by peak instead.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError

LEVEL = -26.0  # dB RMS re full scale
FADE = 0.01  # seconds of the raised-cosine edges
SECONDS = 2.0
TOP = 0.9  # share of the Nyquist frequency up to which stimuli go
LOWEST = 62.5  # Hz
SEED = 20_240_616

CARRIER = 1000.0  # Hz of modulated tones, and the middle of a sweep
MODULATION_RATES = tuple(2 ** (step / 2) for step in range(15))  # 1 to 128 Hz, two to the octave
CLICK_RATES = tuple(2 ** (step / 2) for step in range(13))  # 1 to 64 per second
SWEEP_SPEEDS = tuple(sign * 2 ** (step / 2) for sign in (-1, 1) for step in range(-2, 6))  # 0.5 to 5.7 octaves/s
SWEEP_REACH = 3.0  # octaves that a sweep covers at most; a fast one is repeated


@dataclass(frozen=True, eq=False)
class Stimuli:
    """S sounds that differ in one property.

    Attributes:
        name: of the set, such as "tones".
        waveform: (S, N) in [-1, 1].
        x: (S,) the property, ascending.
        unit: of `x`, such as "Hz".
        sample_rate: in Hz.
        log_x: whether equal steps of the property are equal ratios, so that widths are told in octaves.
    """

    name: str
    waveform: Tensor
    x: Tensor
    unit: str
    sample_rate: int
    log_x: bool = True

    def __len__(self) -> int:
        return len(self.waveform)


def tones(frequencies: Sequence[float], sample_rate: int, seconds: float = SECONDS) -> Stimuli:
    """Sine tones at `frequencies` in Hz.

    Raises:
        InputError: A frequency that is not between 0 and the Nyquist frequency.
    """
    x = _axis("tones", frequencies, below=sample_rate / 2)
    return _set("tones", torch.sin(2 * math.pi * x[:, None] * _time(sample_rate, seconds)), x, "Hz", sample_rate)


def harmonic_complexes(fundamentals: Sequence[float], sample_rate: int, seconds: float = SECONDS) -> Stimuli:
    """All harmonics of each fundamental in Hz up to 90 % of the Nyquist frequency, falling by 6 dB an octave.

    Raises:
        InputError: A fundamental that has no harmonic below the limit.
    """
    x = _axis("harmonic_complexes", fundamentals, below=TOP * sample_rate / 2)
    time, top = _time(sample_rate, seconds), TOP * sample_rate / 2
    rows = []
    for fundamental in x.tolist():
        n = torch.arange(1, math.floor(top / fundamental) + 1, dtype=torch.float64)
        # Phases of Schroeder (1970) keep the crest low, which would otherwise differ between fundamentals.
        phase = math.pi * n.square() / len(n)
        wave = torch.zeros_like(time)
        for k, start in zip(n.tolist(), phase.tolist(), strict=True):
            wave += torch.sin(2 * math.pi * k * fundamental * time + start) / k
        rows.append(wave)
    return _set("harmonic_complexes", torch.stack(rows), x, "Hz", sample_rate)


def sweeps(speeds: Sequence[float], sample_rate: int, seconds: float = SECONDS, centre: float = CARRIER) -> Stimuli:
    """Exponential sweeps at `speeds` in octaves per second, up (positive) or down, within the same octaves.

    Each covers `SWEEP_REACH` octaves around `centre` Hz, or what its time allows, and starts again where it ends.

    Raises:
        InputError: A speed of zero, or a range that passes the Nyquist frequency.
    """
    x = torch.tensor(sorted(speeds), dtype=torch.float64)
    if not len(x) or not torch.isfinite(x).all() or (x == 0).any():
        raise InputError(f"stimuli sweeps: speeds {tuple(speeds)} must be octaves per second other than 0")
    if centre * 2 ** (SWEEP_REACH / 2) >= sample_rate / 2:
        raise InputError(f"stimuli sweeps: {centre:g} Hz is too high a centre at {sample_rate} Hz; give a lower one")
    time = _time(sample_rate, seconds)
    rows = []
    for speed in x.tolist():
        reach = min(SWEEP_REACH, abs(speed) * seconds)
        octaves = torch.remainder(speed * time, math.copysign(reach, speed)) - math.copysign(reach / 2, speed)
        rows.append(torch.sin(2 * math.pi * torch.cumsum(centre * 2**octaves, 0) / sample_rate))
    return _set("sweeps", torch.stack(rows), x, "octaves/s", sample_rate, log_x=False)


def click_trains(rates: Sequence[float], sample_rate: int, seconds: float = SECONDS) -> Stimuli:
    """Clicks at `rates` per second, the first after half an interval; each is flat up to 90 % of the Nyquist frequency.

    Raises:
        InputError: A rate that is not positive, leaves no two clicks in the clip or is above 1/20 of the sample rate.
    """
    x = _axis("click_trains", rates, below=sample_rate / 20)
    if float(x[0]) * seconds < 2:
        raise InputError(f"stimuli click_trains: {float(x[0]):g} per second leave no two clicks in {seconds:g} s")
    n = round(seconds * sample_rate)
    frequency = torch.fft.rfftfreq(n, 1 / sample_rate, dtype=torch.float64)
    edge, nyquist = TOP * sample_rate / 2, sample_rate / 2
    band = 0.5 + 0.5 * torch.cos(math.pi * ((frequency - edge) / (nyquist - edge)).clamp(0, 1))
    band[0] = 0.0
    rows = []
    for rate in x.tolist():
        times = (torch.arange(math.floor(seconds * rate), dtype=torch.float64) + 0.5) / rate
        phase = torch.zeros_like(frequency, dtype=torch.complex128)
        for time in times.tolist():
            phase += torch.polar(torch.ones_like(frequency), -2 * math.pi * frequency * time)
        rows.append(torch.fft.irfft(band * phase, n))
    return _set("click_trains", torch.stack(rows), x, "clicks/s", sample_rate)


def amplitude_modulated(
    rates: Sequence[float], sample_rate: int, seconds: float = SECONDS, carrier: float = CARRIER, depth: float = 1.0
) -> Stimuli:
    """A tone of `carrier` Hz whose amplitude is 1 + depth sin(2 pi rate t).

    Raises:
        InputError: Side bands that pass 0 Hz or the Nyquist frequency.
    """
    x = _axis("amplitude_modulated", rates, below=min(carrier, sample_rate / 2 - carrier))
    time = _time(sample_rate, seconds)
    envelope = 1 + depth * torch.sin(2 * math.pi * x[:, None] * time)
    wave = envelope * torch.sin(2 * math.pi * carrier * time)
    return _set("amplitude_modulated", wave, x, "Hz", sample_rate)


def frequency_modulated(
    rates: Sequence[float], sample_rate: int, seconds: float = SECONDS, carrier: float = CARRIER, cents: float = 100.0
) -> Stimuli:
    """A tone of `carrier` Hz whose frequency swings by `cents` (hundredths of a semitone) up and down, a vibrato.

    Raises:
        InputError: Frequencies or side bands that pass 0 Hz or the Nyquist frequency.
    """
    swing = carrier * (2 ** (cents / 1200) - 1)
    x = _axis("frequency_modulated", rates, below=min(carrier, sample_rate / 2 - carrier) - swing)
    time = _time(sample_rate, seconds)
    index = swing / x[:, None]
    wave = torch.sin(2 * math.pi * carrier * time - index * torch.cos(2 * math.pi * x[:, None] * time))
    return _set("frequency_modulated", wave, x, "Hz", sample_rate)


def noise_bands(
    centres: Sequence[float], sample_rate: int, seconds: float = SECONDS, octaves: float = 1 / 3
) -> Stimuli:
    """Noise `octaves` wide around each centre in Hz: equal magnitudes inside, nothing outside, random phases.

    Raises:
        InputError: A band that passes the Nyquist frequency or holds no frequency of the clip.
    """
    x = _axis("noise_bands", centres, below=sample_rate / 2 * 2 ** (-octaves / 2))
    n = round(seconds * sample_rate)
    frequency = torch.fft.rfftfreq(n, 1 / sample_rate, dtype=torch.float64)
    phase = 2 * math.pi * torch.rand(len(frequency), generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    inside = (torch.log2(frequency.clamp_min(1e-9) / x[:, None]).abs() <= octaves / 2) & (frequency > 0)
    if not inside.any(dim=1).all():
        empty = float(x[~inside.any(dim=1)][0])
        raise InputError(
            f"stimuli noise_bands: the band around {empty:g} Hz holds no frequency of a {seconds:g} s clip"
        )
    return _set(
        "noise_bands", torch.fft.irfft(torch.polar(inside.double(), phase.expand_as(inside)), n), x, "Hz", sample_rate
    )


def frequency_axis(sample_rate: int, per_octave: int = 3, lowest: float = LOWEST) -> list[float]:
    """Frequencies in Hz from `lowest` to 80 % of the Nyquist frequency, `per_octave` to the octave."""
    steps = math.floor(per_octave * math.log2(0.8 * sample_rate / 2 / lowest))
    return [lowest * 2 ** (step / per_octave) for step in range(steps + 1)]


STIMULI: dict[str, Callable[[int, float], Stimuli]] = {
    "tones": lambda rate, seconds: tones(frequency_axis(rate), rate, seconds),
    "noise_bands": lambda rate, seconds: noise_bands(frequency_axis(rate), rate, seconds),
    "harmonic_complexes": lambda rate, seconds: harmonic_complexes(
        [f for f in frequency_axis(rate) if f <= 2000], rate, seconds
    ),
    "sweeps": lambda rate, seconds: sweeps(SWEEP_SPEEDS, rate, seconds),
    "click_trains": lambda rate, seconds: click_trains([r for r in CLICK_RATES if r * seconds >= 2], rate, seconds),
    "amplitude_modulated": lambda rate, seconds: amplitude_modulated(MODULATION_RATES, rate, seconds),
    "frequency_modulated": lambda rate, seconds: frequency_modulated(MODULATION_RATES, rate, seconds),
}
"""Name -> the usual set of it, at a sample rate in Hz and a length in seconds."""


def standard_stimuli(
    sample_rate: int, seconds: float = SECONDS, names: Sequence[str] = tuple(STIMULI)
) -> dict[str, Stimuli]:
    """Return the usual sets by name.

    Raises:
        InputError: An unknown name, or a rate or length that a set cannot be made at.
    """
    unknown = [name for name in names if name not in STIMULI]
    if unknown:
        raise InputError(f"stimuli {unknown[0]}: there is no such set; known: {', '.join(STIMULI)}")
    return {name: STIMULI[name](sample_rate, seconds) for name in names}


def _axis(name: str, values: Sequence[float], below: float) -> Tensor:
    x = torch.tensor(sorted(values), dtype=torch.float64)
    if not len(x) or not bool(((x > 0) & (x < below)).all()):
        shown = ", ".join(f"{value:g}" for value in values) or "none"
        raise InputError(f"stimuli {name}: values must lie above 0 and below {below:g}, got {shown}")
    return x


def _time(sample_rate: int, seconds: float) -> Tensor:
    return torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate


def _set(name: str, wave: Tensor, x: Tensor, unit: str, sample_rate: int, log_x: bool = True) -> Stimuli:
    """Soften the edges, match the levels; a set that would clip is turned down as a whole."""
    ramp = torch.sin(math.pi / 2 * torch.linspace(0, 1, max(2, round(FADE * sample_rate)), dtype=torch.float64)) ** 2
    if wave.shape[-1] < 2 * len(ramp):
        raise InputError(
            f"stimuli {name}: clips of {wave.shape[-1] / sample_rate:g} s are too short; give 0.1 s or more"
        )
    wave = wave.clone()
    wave[:, : len(ramp)] *= ramp
    wave[:, -len(ramp) :] *= ramp.flip(0)
    wave = wave * 10 ** (LEVEL / 20) / wave.square().mean(dim=1, keepdim=True).sqrt()
    wave = wave / wave.abs().max().clamp_min(1.0)
    return Stimuli(name, wave.float(), x.float(), unit, sample_rate, log_x)
