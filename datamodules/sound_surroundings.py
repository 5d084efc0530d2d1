"""What the sources of a sound scene are heard against: background, distractors and the planted hum. NumPy only."""

from collections.abc import Callable

import numpy as np

from datamodules.sound_synthesis import Canvas, Draws, Samples, edges, harmonics, noise, ringing, wander

HUM_PITCH = 120.0
"""Fundamental (Hz) of the planted hum: twice a mains frequency of 60 Hz."""


def background(draws: Draws, seconds: float, rate: int) -> Samples:
    """Noise (n,) whose power falls as 1 / f^slope, slope in 0.3..1.5, with a slow drift of its level."""
    n = round(seconds * rate)
    slope, corner = draws.uniform(0.3, 1.5), draws.octaves(60, 200)

    def colour(frequency: Samples) -> Samples:
        return (1.0 + (frequency / corner) ** 2) ** (-0.25 * slope)

    return noise(draws.child(), n, rate, colour, rate / 2) * 10.0 ** (0.15 * wander(draws, n, seconds, 0.1, 0.5))


def hum(draws: Draws, seconds: float, rate: int) -> Samples:
    """A steady mains hum (n,): 120 Hz and seven harmonics, of weights drawn for each clip."""
    t = np.arange(round(seconds * rate)) / rate
    weights = np.array([1.0, 0.8, 0.7, 0.5, 0.5, 0.35, 0.3, 0.25]) * draws.array(8, 0.7, 1.0)
    return harmonics(2 * np.pi * (HUM_PITCH * t + draws.uniform(0, 1)), weights)


def _noise_band(draws: Draws, n: int, rate: int, centre: float) -> Samples:
    """Noise (n,) an octave or so wide around a centre (Hz)."""

    def bell_curve(frequency: Samples) -> Samples:
        return np.exp(-0.5 * (np.log2(np.maximum(frequency, 1.0) / centre) / 0.6) ** 2)

    return noise(draws, n, rate, bell_curve, rate / 2)


def _thud(draws: Draws, canvas: Canvas) -> None:
    """One or two knocks of a door: low resonances that die at once."""
    start = draws.uniform(0.0, 0.85) * canvas.seconds
    for _ in range(draws.integer(1, 2)):
        n = canvas.count(0.5)
        knock = np.zeros(n)
        for _ in range(4):
            knock += (
                draws.uniform(0.3, 1) * ringing(draws.octaves(60, 300), draws.uniform(0.03, 0.1), n, canvas.rate).imag
            )
        canvas.add(start, knock)
        start += draws.uniform(0.15, 0.4)


def _drone(draws: Draws, canvas: Canvas) -> None:
    """One long steady tone that fades in and out."""
    t = canvas.time(min(canvas.seconds, draws.uniform(1.5, 3.0)))
    pitch = draws.octaves(150, 900)
    tone = harmonics(2 * np.pi * pitch * t, np.array([1.0, draws.uniform(0, 0.5), draws.uniform(0, 0.3)]))
    room = max(0.0, canvas.seconds - len(t) / canvas.rate)
    canvas.add(draws.uniform(0.0, room), tone * edges(len(t), len(t) // 3, len(t) // 3))


def _puff(draws: Draws, canvas: Canvas) -> None:
    """One puff of noise that swells and fades."""
    n = canvas.count(draws.uniform(0.2, 0.6))
    puff = _noise_band(draws.child(), n, canvas.rate, draws.octaves(500, 4000))
    canvas.add(draws.uniform(0.0, 0.85) * canvas.seconds, puff * edges(n, n // 3, n // 2))


def _rustle(draws: Draws, canvas: Canvas) -> None:
    """A second of paper: high noise of jittery strength."""
    length = draws.uniform(0.5, 1.2)
    n = canvas.count(length)
    grid = np.linspace(0.0, n, max(2, int(length / 0.03)))
    jitter = np.interp(np.arange(n), grid, draws.array(len(grid)) ** 2)
    rustle = _noise_band(draws.child(), n, canvas.rate, draws.octaves(1500, 4500)) * jitter
    canvas.add(draws.uniform(0.0, 0.7) * canvas.seconds, rustle * edges(n, n // 10, n // 10))


DISTRACTORS: tuple[Callable[[Draws, Canvas], None], ...] = (_thud, _drone, _puff, _rustle)
"""Single events that belong to no class."""


def distractors(draws: Draws, seconds: float, rate: int) -> list[Samples]:
    """From none to two distractors (n,), of arbitrary scale."""
    found = []
    for _ in range(draws.integer(0, 2)):
        canvas = Canvas(seconds, rate)
        DISTRACTORS[draws.integer(0, len(DISTRACTORS) - 1)](draws, canvas)
        found.append(canvas.samples)
    return found
