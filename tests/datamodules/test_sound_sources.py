"""Sources: building blocks against plain formulas; structure, band and rates of the twelve classes."""

import subprocess
import sys

import numpy as np
import pytest

from datamodules.sound_sources import SOURCES
from datamodules.sound_surroundings import DISTRACTORS, HUM_PITCH, background, hum
from datamodules.sound_synthesis import Canvas, Draws, harmonics, noise, ringing

RATE = 22050


def envelope(samples, rate, seconds=0.08):  # a whole number of samples at both rates compared
    block = round(seconds * rate)
    whole = len(samples) // block * block
    return np.sqrt(np.mean(samples[:whole].reshape(-1, block) ** 2, axis=1))


def test_harmonics_equal_a_sum_of_sines():
    phase = Draws(1).array(500, -50.0, 50.0)
    weights = Draws(2).array(17)
    plain = sum(weight * np.sin((k + 1) * phase) for k, weight in enumerate(weights))
    np.testing.assert_allclose(harmonics(phase, weights), plain, atol=1e-11)


def test_ringing_equals_the_exponential():
    t = np.arange(10007) / RATE
    np.testing.assert_allclose(ringing(440.0, 0.2, 10007, RATE), np.exp((2j * np.pi * 440.0 - 1 / 0.2) * t), atol=1e-11)


def test_draws_depend_on_the_key_alone_and_children_are_independent():
    one, other = Draws(3, 1, 4), Draws(3, 1, 4)
    one.child().array(1000)
    other.child()
    assert one.uniform(0, 1) == other.uniform(0, 1)
    assert Draws(3, 1, 5).uniform(0, 1) != Draws(3, 1, 4).uniform(0, 1)
    assert {Draws(i).integer(2, 4) for i in range(50)} == {2, 3, 4}
    np.testing.assert_array_equal(Draws(7).array(10), Draws(7).array(99)[:10])


def test_canvas_cuts_what_lies_beyond_the_end():
    canvas = Canvas(1.0, 100)
    canvas.add(0.95, np.ones(50))
    canvas.add(2.0, np.ones(5))
    assert len(canvas.samples) == 100
    assert canvas.samples[95] == 1.0
    assert canvas.samples[:95].sum() == 0.0


def test_noise_is_the_same_at_two_rates_in_the_shared_band():
    low = noise(Draws(5), 22050, 22050, np.ones_like, 8000.0)
    high = noise(Draws(5), 44100, 44100, np.ones_like, 8000.0)
    np.testing.assert_allclose(high[::2], low, atol=1e-7 * np.abs(low).max())


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_deterministic_finite_and_below_the_highest_partial(name):
    one = SOURCES[name](Draws(11), 5.0, RATE)
    np.testing.assert_array_equal(one, SOURCES[name](Draws(11), 5.0, RATE))
    assert one.shape == (5 * RATE,)
    assert np.isfinite(one).all()
    spectrum = np.abs(np.fft.rfft(one)) ** 2
    frequency = np.fft.rfftfreq(len(one), 1 / RATE)
    assert spectrum[frequency > 7900].sum() < 0.03 * spectrum.sum()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_sounds_through_most_of_the_clip_and_never_twice_the_same(name):
    clips = [SOURCES[name](Draws(12, i), 5.0, RATE) for i in range(6)]
    for clip in clips:
        level = envelope(clip, RATE, 0.25)
        assert np.sum(level > 1e-3 * level.max()) >= 10  # half of the twenty quarter seconds
    onsets = {int(np.argmax(np.abs(clip) > 0.05 * np.abs(clip).max())) for clip in clips}
    assert len(onsets) == 6


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_the_same_sound_at_two_rates(name):
    for key in range(3):
        low = SOURCES[name](Draws(13, key), 5.0, 22050)
        high = SOURCES[name](Draws(13, key), 5.0, 44100)
        assert np.corrcoef(envelope(low, 22050), envelope(high, 44100))[0, 1] > 0.99
        short, long = np.abs(np.fft.rfft(low)), np.abs(np.fft.rfft(high))[: len(low) // 2 + 1]
        bands = [np.add.reduceat(s**2, np.arange(0, len(s), 1000)) for s in (short, long)]
        assert np.corrcoef(*bands)[0, 1] > 0.99


def test_ticking_is_regular_and_crackle_is_not():
    def irregularity(samples):
        loud = envelope(samples, RATE, 0.005)
        onsets = np.flatnonzero((loud[1:] > 0.2 * loud.max()) & (loud[:-1] < 0.5 * loud[1:]))
        gaps = np.diff(onsets)
        gaps = gaps[gaps > 4]
        return gaps.std() / gaps.mean()

    regular = [irregularity(SOURCES["ticking"](Draws(14, i), 5.0, RATE)) for i in range(5)]
    uneven = [irregularity(SOURCES["crackle"](Draws(14, i), 5.0, RATE)) for i in range(5)]
    assert max(regular) < 0.2 < min(uneven)


def test_hum_holds_only_multiples_of_its_pitch():
    spectrum = np.abs(np.fft.rfft(hum(Draws(15), 5.0, RATE))) ** 2
    on_pitch = spectrum[:: round(HUM_PITCH * 5.0)]
    assert on_pitch.sum() > 0.999999 * spectrum.sum()
    assert np.count_nonzero(on_pitch > 1e-3 * on_pitch.max()) == 8


def test_background_falls_with_frequency_and_distractors_sound():
    spectrum = np.abs(np.fft.rfft(background(Draws(16), 5.0, RATE))) ** 2
    assert spectrum[500:5000].mean() > spectrum[25000:50000].mean()
    for number, distractor in enumerate(DISTRACTORS):
        canvas = Canvas(5.0, RATE)
        distractor(Draws(17, number), canvas)
        assert np.isfinite(canvas.samples).all()
        assert np.abs(canvas.samples).max() > 0


def test_generator_needs_no_torch():
    code = "import sys, datamodules.sound_scenes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
