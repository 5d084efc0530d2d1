"""The classes of the sound scenes: twelve parametric sources that differ by structure, not by spectrum.

Pitches and centre frequencies of the classes overlap widely, so that what tells them apart is how a sound moves:
harmonic or not, steady, stepped or swept, struck or held, regular or irregular. NumPy only.

A source is a function of (draws, seconds, rate) that returns (n,) samples of arbitrary scale; every number is drawn
in Hz and seconds. The ranges were set with the logistic-regression baseline of the tests in view, never by a
network's score.
"""

from collections.abc import Callable

import numpy as np

from datamodules.sound_synthesis import (
    HIGHEST_PARTIAL,
    Canvas,
    Draws,
    Samples,
    edges,
    harmonics,
    noise,
    phase_of,
    ringing,
    wander,
)

Source = Callable[[Draws, float, int], Samples]


def _span(draws: Draws, seconds: float) -> tuple[float, float]:
    """Start and end (s) of what a source does in a clip: most of it, never quite the same."""
    return seconds * draws.uniform(0.0, 0.2), seconds * draws.uniform(0.8, 1.0)


def _semitones(steps: float) -> float:
    return float(2.0 ** (steps / 12.0))


def voice(draws: Draws, seconds: float, rate: int) -> Samples:
    """Sung syllables: many harmonics under three formants, with a wide vibrato."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    pitch, vibrato, depth = draws.octaves(150, 500), draws.uniform(4.5, 6.5), draws.uniform(0.035, 0.06)
    tract = draws.octaves(0.6, 1.7)
    while start < end:
        length = draws.uniform(0.45, 1.0)
        f0 = pitch * _semitones(draws.uniform(-4, 4))
        t = canvas.time(length)
        rise = np.minimum(1.0, t / 0.2)
        swing = f0 * (1.0 + depth * rise * np.sin(2 * np.pi * (vibrato * t + draws.uniform(0, 1))))
        k = np.arange(1, int(min(28, 6500 / f0)) + 1)
        formants = (tract * draws.uniform(*bounds) for bounds in ((400, 900), (1000, 2200), (2600, 3600)))
        weights = sum(1.0 / (1.0 + ((k * f0 - formant) / (0.12 * formant + 60)) ** 2) for formant in formants)
        tone = harmonics(phase_of(swing, rate), (0.15 + weights) / np.sqrt(k))
        canvas.add(start, tone * edges(len(t), canvas.count(0.06), canvas.count(0.08)))
        start += length + draws.uniform(0.05, 0.3)
    return canvas.samples


def flute(draws: Draws, seconds: float, rate: int) -> Samples:
    """A legato melody of nearly pure tones that steps from pitch to pitch."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    pitch, weights = draws.octaves(350, 2000), np.array([1.0, draws.uniform(0.1, 0.4), 0.1])
    tempo, step = draws.uniform(0.16, 0.35), 0
    while start < end:
        length = tempo * draws.integer(1, 2)
        step += draws.integer(2, 7) * (1 if draws.chance(0.5 - 0.07 * step) else -1)
        t = canvas.time(length + 0.02)
        tone = harmonics(2 * np.pi * pitch * _semitones(step) * t, weights)
        canvas.add(start, tone * edges(len(t), canvas.count(0.025), canvas.count(0.025)))
        start += length
    return canvas.samples


def bell(draws: Draws, seconds: float, rate: int) -> Samples:
    """Strikes of one or two bells: a few inharmonic partials that ring for long."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    bells = []
    for _ in range(draws.integer(1, 2)):
        pitch, decay = draws.octaves(280, 1400), draws.uniform(0.4, 0.9)
        n = canvas.count(min(seconds, 4 * decay))
        ring = np.zeros(n)
        for ratio, weight in zip((1.0, 1.47, 2.09, 2.76, 3.9, 5.4), (1.0, 0.8, 0.9, 0.6, 0.5, 0.35), strict=True):
            partial = pitch * ratio * draws.uniform(0.96, 1.04)
            if partial < HIGHEST_PARTIAL:
                tail = ringing(partial, decay * ratio**-0.5, n, rate)
                ring += weight * draws.uniform(0.6, 1.0) * tail.imag
        bells.append(ring * edges(n, canvas.count(0.002), canvas.count(0.05)))
    interval = draws.uniform(0.5, 1.1)
    while start < end:
        canvas.add(start, draws.uniform(0.6, 1.0) * bells[draws.integer(0, len(bells) - 1)])
        start += interval * draws.uniform(0.7, 1.3)
    return canvas.samples


def plucked(draws: Draws, seconds: float, rate: int) -> Samples:
    """Plucked strings: sharp onsets, many harmonics, the higher the sooner gone."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    pitch, place, tempo = draws.octaves(130, 500), draws.uniform(0.1, 0.3), draws.uniform(0.18, 0.4)
    while start < end:
        f0 = pitch * _semitones(draws.integer(-7, 7))
        k = np.arange(1, min(24, int(6000 / f0)) + 1)
        weights = np.abs(np.sin(np.pi * k * place)) / k**0.5
        n = canvas.count(0.6)
        # the k-th power of a damped resonance is the k-th harmonic, k times as damped
        base = ringing(f0, draws.uniform(0.5, 0.9), n, rate)
        tone = np.zeros(n, dtype=np.complex128)
        for weight in weights[::-1]:
            tone += weight
            tone *= base
        canvas.add(start, draws.uniform(0.6, 1.0) * tone.imag * edges(n, canvas.count(0.001), canvas.count(0.15)))
        start += tempo * (1 if draws.chance(0.75) else 2)
    return canvas.samples


def alarm(draws: Draws, seconds: float, rate: int) -> Samples:
    """Beeps of one fixed pitch, switched on and off regularly."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    pitch, period, duty = draws.octaves(400, 2400), draws.uniform(0.18, 0.5), draws.uniform(0.4, 0.65)
    t = canvas.time(period * duty)
    beep = harmonics(2 * np.pi * pitch * t, np.array([1.0, 0.0, draws.uniform(0.1, 0.5)]))
    beep *= edges(len(t), canvas.count(0.004), canvas.count(0.004))
    while start < end:
        canvas.add(start, beep)
        start += period
    return canvas.samples


def siren(draws: Draws, seconds: float, rate: int) -> Samples:
    """A tone that sweeps up and down without a break."""
    start, end = _span(draws, seconds)
    canvas = Canvas(seconds, rate)
    t = canvas.time(end - start)
    low, span = draws.octaves(350, 1100), draws.uniform(0.8, 1.5)
    turn = draws.uniform(0.4, 1.0) * t + draws.uniform(0, 1)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * turn) if draws.chance(0.5) else 1.0 - np.abs(1.0 - 2.0 * (turn % 1.0))
    weights = np.array([1.0, draws.uniform(0.1, 0.5), draws.uniform(0.05, 0.2)])
    tone = harmonics(phase_of(low * 2.0 ** (span * swing), rate), weights)
    canvas.add(start, tone * edges(len(t), canvas.count(0.1), canvas.count(0.1)))
    return canvas.samples


def bird(draws: Draws, seconds: float, rate: int) -> Samples:
    """Phrases of short fast chirps, each phrase repeating one chirp."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    middle = draws.octaves(800, 3400)
    while start < end:
        length, sweep = draws.uniform(0.06, 0.14), draws.uniform(0.7, 1.2) * (1 if draws.chance(0.5) else -1)
        centre = min(middle * 2.0 ** draws.uniform(-0.4, 0.4), 4500.0)
        t = canvas.time(length)
        glide = 2.0 ** (sweep * (t / length - 0.5))
        chirp = np.sin(phase_of(centre * glide, rate)) * edges(len(t), len(t) // 3, len(t) // 3)
        gap = draws.uniform(0.03, 0.08)
        for _ in range(draws.integer(3, 8)):
            canvas.add(start, chirp)
            start += length + gap
        start += draws.uniform(0.1, 0.5)
    return canvas.samples


def engine(draws: Draws, seconds: float, rate: int) -> Samples:
    """A low pitch with many harmonics under a resonance, throbbing, its speed wandering."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    t = canvas.time(end - start)
    pitch, resonance, throb = draws.octaves(60, 110), draws.octaves(350, 2800), draws.uniform(6, 12)
    speed = pitch * (1.0 + 0.1 * wander(draws, len(t), end - start, 0.1, 0.5))
    k = np.arange(1, int(min(45, 4000 / pitch)) + 1)
    weights = 0.2 / k**0.5 + 1.0 / (1.0 + ((k * pitch - resonance) / (0.35 * resonance)) ** 2)
    beat = (0.5 + 0.5 * np.sin(2 * np.pi * throb * t)) ** 2
    tone = harmonics(phase_of(speed, rate), weights) * (0.12 + beat)
    canvas.add(start, tone * edges(len(t), canvas.count(0.1), canvas.count(0.1)))
    return canvas.samples


def insect(draws: Draws, seconds: float, rate: int) -> Samples:
    """Phrases of a buzzing carrier, its frequency shaken fast over a wide band."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    carrier, shake, depth = draws.octaves(700, 3800), draws.uniform(45, 90), draws.uniform(0.15, 0.4)
    while start < end:
        t = canvas.time(draws.uniform(0.3, 1.0))
        angle = 2 * np.pi * carrier * t + (depth * carrier / shake) * np.sin(2 * np.pi * shake * t)
        canvas.add(start, np.sin(angle) * edges(len(t), canvas.count(0.03), canvas.count(0.03)))
        start += len(t) / rate + draws.uniform(0.08, 0.4)
    return canvas.samples


def wind(draws: Draws, seconds: float, rate: int) -> Samples:
    """A band of noise whose centre and strength wander slowly."""
    start, end = _span(draws, seconds)
    canvas = Canvas(seconds, rate)
    n = canvas.count(end - start)
    centre, width = draws.octaves(400, 2200), draws.uniform(0.12, 0.3)
    path = centre * 2.0 ** (1.0 * wander(draws, n, end - start, 0.2, 0.8))
    level = 10.0 ** (0.4 * wander(draws, n, end - start, 0.2, 0.9))
    angle = phase_of(path, rate)
    # drawn for the whole clip and cut: the FFT of a length with a large prime factor is slow
    whole = len(canvas.samples)
    low = [noise(draws.child(), whole, rate, np.ones_like, centre * width)[:n] for _ in range(2)]
    gust = level * (low[0] * np.cos(angle) + low[1] * np.sin(angle))
    canvas.add(start, gust * edges(n, canvas.count(0.3), canvas.count(0.3)))
    return canvas.samples


def _click(draws: Draws, canvas: Canvas, centre: float) -> Samples:
    """A click of a few milliseconds: five heavily damped resonances around a centre (Hz)."""
    n = canvas.count(0.025)
    click = np.zeros(n)
    for ratio in (0.5, 0.75, 1.0, 1.35, 1.8):
        frequency = min(centre * ratio * draws.uniform(0.9, 1.1), HIGHEST_PARTIAL)
        click += draws.uniform(-1, 1) * ringing(frequency, draws.uniform(0.001, 0.004), n, canvas.rate).imag
    return click / float(np.sqrt(np.sum(click**2) / canvas.rate))


def ticking(draws: Draws, seconds: float, rate: int) -> Samples:
    """A clock: two clicks in turn, at one even pace."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    centre, period = draws.octaves(700, 3800), draws.uniform(0.12, 0.35)
    pair = [_click(draws, canvas, centre), _click(draws, canvas, centre) * draws.uniform(0.6, 1.0)]
    for beat in range(int((end - start) / period) + 1):
        canvas.add(start + beat * period, pair[beat % 2])
    return canvas.samples


def crackle(draws: Draws, seconds: float, rate: int) -> Samples:
    """A fire: many clicks at irregular times, of very uneven strength and colour."""
    canvas = Canvas(seconds, rate)
    start, end = _span(draws, seconds)
    centre, pace = draws.octaves(700, 3800), draws.uniform(18, 45)
    clicks = [_click(draws, canvas, centre * 2.0 ** draws.uniform(-1, 1)) for _ in range(8)]
    while start < end:
        strength = (1.0 - draws.uniform(0, 0.99)) ** -0.5
        canvas.add(start, strength * clicks[draws.integer(0, 7)])
        start += -np.log(1.0 - draws.uniform(0, 0.999)) / pace
    return canvas.samples


SOURCES: dict[str, Source] = {
    source.__name__: source
    for source in (voice, flute, bell, plucked, alarm, siren, bird, engine, insect, wind, ticking, crackle)
}
"""Class name -> source, in class order."""
