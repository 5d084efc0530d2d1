"""Building blocks of the sound scenes: random draws, partials, damped resonances, noise. NumPy only.

Everything is given in Hz and seconds and drawn before it is sampled, so that one scene is the same sound at every
sample rate. Only ``Generator.random`` of a Philox stream is drawn (53 bits of each raw word), which does not change
between NumPy versions; the arithmetic is in float64.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

HIGHEST_PARTIAL = 7500.0
"""No sinusoid of a scene is higher than this (Hz), so that 16 kHz is rate enough for all of them."""


class Draws:
    """Random numbers that depend on a key of non-negative integers and on nothing else."""

    def __init__(self, *key: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))

    def uniform(self, low: float, high: float) -> float:
        """One number in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def octaves(self, low: float, high: float) -> float:
        """One number in [low, high), uniform in its logarithm: for frequencies and durations."""
        return low * float(np.exp2(np.log2(high / low) * self.uniform(0.0, 1.0)))

    def integer(self, low: int, high: int) -> int:
        """One integer from low to high, both included."""
        return low + int(self.uniform(0.0, high - low + 1.0))

    def chance(self, probability: float) -> bool:
        """True with the probability given."""
        return self.uniform(0.0, 1.0) < probability

    def array(self, n: int, low: float = 0.0, high: float = 1.0) -> Samples:
        """(n,) numbers in [low, high); the first m of n are those that m alone would be."""
        return low + (high - low) * self._generator.random(n)

    def child(self) -> "Draws":
        """An independent stream: what it draws, however much, leaves this one as it is."""
        return Draws(*(int(word) for word in self.array(2, 0.0, 2.0**32)))


class Canvas:
    """A clip of ``seconds`` at ``rate`` (Hz) onto which events are added; ``samples`` (n,) is the result."""

    def __init__(self, seconds: float, rate: int) -> None:
        self.seconds, self.rate = seconds, rate
        self.samples: Samples = np.zeros(round(seconds * rate))

    def count(self, seconds: float) -> int:
        """Number of samples in ``seconds``, at least one."""
        return max(1, round(seconds * self.rate))

    def time(self, seconds: float) -> Samples:
        """Time in seconds of each sample of an event that lasts ``seconds``."""
        return np.arange(self.count(seconds)) / self.rate

    def add(self, start: float, event: Samples) -> None:
        """Add an event (m,) from ``start`` (s); what lies beyond the end is cut, with a short fade."""
        first = round(start * self.rate)
        room = len(self.samples) - first
        if first < 0 or room <= 0:
            return
        if len(event) > room:
            event = event[:room] * edges(room, 0, self.count(0.005))
        self.samples[first : first + len(event)] += event


def edges(n: int, attack: int, release: int) -> Samples:
    """(n,) ones with raised-cosine edges of ``attack`` and ``release`` samples, shortened to fit."""
    shape = np.ones(n)
    attack, release = min(attack, n // 2), min(release, n // 2)
    if attack:
        shape[:attack] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(attack) + 0.5) / attack)
    if release:
        shape[n - release :] = 0.5 + 0.5 * np.cos(np.pi * (np.arange(release) + 0.5) / release)
    return shape


def phase_of(frequency: Samples, rate: int) -> Samples:
    """Phase (rad) of a tone whose frequency (Hz) is given for each sample."""
    return np.cumsum(frequency) * (2.0 * np.pi / rate)


def harmonics(phase: Samples, weights: Samples) -> Samples:
    """sum_k weights[k - 1] sin(k phase), by Clenshaw's recurrence: one sine and one cosine whatever the number."""
    twice = 2.0 * np.cos(phase)
    last, before = np.zeros_like(phase), np.zeros_like(phase)
    for weight in weights[::-1]:
        before *= -1.0
        before += twice * last
        before += weight
        last, before = before, last
    return last * np.sin(phase)


def ringing(frequency: float, decay: float, n: int, rate: int) -> NDArray[np.complex128]:
    """(n,) exp((2 pi i f - 1 / decay) t): a damped resonance, ``decay`` (s) its time constant.

    Computed as an outer product of two short tables, 20 times cheaper than n exponentials.
    """
    step = (2j * np.pi * frequency - 1.0 / decay) / rate
    block = int(np.sqrt(n)) + 1
    fine = np.exp(step * np.arange(block))
    coarse = np.exp(step * block * np.arange(-(-n // block)))
    table: NDArray[np.complex128] = np.multiply.outer(coarse, fine).ravel()[:n]
    return table


def noise(draws: Draws, n: int, rate: int, amplitude: Callable[[Samples], Samples], highest: float) -> Samples:
    """(n,) noise of random phases whose spectrum has ``amplitude`` of frequency (Hz) up to ``highest`` (Hz).

    Phases are drawn from low to high frequency: two rates give the same noise in the band they share.
    """
    bins = min(n // 2, int(highest * n / rate)) + 1
    angle = draws.array(bins, 0.0, 2.0 * np.pi)
    size = amplitude(np.arange(bins, dtype=np.float64) * (rate / n))
    spectrum = np.zeros(n // 2 + 1, dtype=np.complex128)
    spectrum.real[:bins] = size * np.cos(angle)
    spectrum.imag[:bins] = size * np.sin(angle)
    spectrum[0] = 0.0
    # numpy scales the inverse by 1 / n; undone, so that a band of noise has one level at every rate
    samples: Samples = np.fft.irfft(spectrum, n) * float(n)
    return samples


def wander(draws: Draws, n: int, seconds: float, slowest: float, fastest: float) -> Samples:
    """(n,) smooth curve within [-1, 1]: three slow sinusoids of ``slowest`` to ``fastest`` Hz."""
    grid = np.linspace(0.0, seconds, max(2, round(seconds * 100)) + 1)
    curve = np.zeros_like(grid)
    for weight in (0.5, 0.3, 0.2):
        curve += weight * np.sin(2 * np.pi * (draws.octaves(slowest, fastest) * grid + draws.uniform(0.0, 1.0)))
    fine: Samples = np.interp(np.arange(n) * (seconds / n), grid, curve)
    return fine
