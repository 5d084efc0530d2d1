"""Spectra, rates and levels of synthetic stimuli, against what their formulas say."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from configs.errors import InputError
from interpretability.stimuli.parametric import (
    LEVEL,
    STIMULI,
    TOP,
    amplitude_modulated,
    click_trains,
    frequency_axis,
    frequency_modulated,
    harmonic_complexes,
    noise_bands,
    standard_stimuli,
    sweeps,
    tones,
)

RATE = 16_000


def spectrum(wave: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and power of a row."""
    windowed = wave.double().numpy() * np.hanning(len(wave))
    return np.fft.rfftfreq(len(wave), 1 / RATE), np.abs(np.fft.rfft(windowed)) ** 2


def envelope_rate(wave: torch.Tensor) -> float:
    """Frequency in Hz of the strongest line of the Hilbert envelope."""
    envelope = np.abs(scipy.signal.hilbert(wave.double().numpy()))
    lines = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(wave))))
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[lines.argmax()])


def test_tones_peak_at_their_frequency_and_nowhere_else() -> None:
    found = tones([3000, 440, 7000], RATE)
    assert found.x.tolist() == [440, 3000, 7000]
    for wave, frequency in zip(found.waveform, found.x.tolist(), strict=True):
        frequencies, power = spectrum(wave)
        assert frequencies[power.argmax()] == pytest.approx(frequency, abs=0.5)
        far = np.abs(frequencies - frequency) > 20
        assert power[far].sum() / power.sum() < 1e-6


@pytest.mark.parametrize("name", STIMULI)
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_every_usual_set_is_level_matched_finite_and_repeats(name: str, rate: int) -> None:
    found, again = (standard_stimuli(rate, 1.0, [name])[name] for _ in range(2))
    assert found.waveform.shape == (len(found.x), rate)
    assert found.waveform.dtype == torch.float32
    assert torch.isfinite(found.waveform).all()
    assert (found.waveform.abs() <= 1).all()
    assert torch.equal(found.waveform, again.waveform)
    rms = found.waveform.square().mean(dim=1).sqrt()
    torch.testing.assert_close(rms, rms[:1].expand_as(rms), rtol=1e-5, atol=0)
    assert float(rms[0]) <= 10 ** (LEVEL / 20) * (1 + 1e-5)
    assert (found.x.diff() > 0).all()
    assert found.waveform[:, 0].abs().max() < 1e-6  # soft edges


@pytest.mark.parametrize("rate", [2.0, 8.0, 64.0])
def test_modulation_is_at_its_rate_around_its_carrier(rate: float) -> None:
    wave = amplitude_modulated([rate], RATE, seconds=4).waveform[0]
    assert envelope_rate(wave) == pytest.approx(rate, abs=0.3)
    frequencies, power = spectrum(wave)
    side = power[np.abs(frequencies - 1000 - rate).argmin()] / power[np.abs(frequencies - 1000).argmin()]
    assert side == pytest.approx(0.25, rel=0.02)  # depth 1: each side band has half the carrier's amplitude


def test_vibrato_has_a_flat_envelope_and_swings_by_its_cents() -> None:
    wave = frequency_modulated([4.0], RATE, seconds=2, cents=100).waveform[0].double().numpy()
    analytic = scipy.signal.hilbert(wave)[2000:-2000]
    assert np.abs(analytic).std() / np.abs(analytic).mean() < 0.01
    hertz = np.diff(np.unwrap(np.angle(analytic))) * RATE / (2 * np.pi)
    assert 1200 * np.log2(hertz.max() / 1000) == pytest.approx(100, abs=3)


@pytest.mark.parametrize("rate", [3.0, 7.0, 50.0])
def test_clicks_are_equally_far_apart_and_band_limited(rate: float) -> None:
    wave = click_trains([rate], RATE, seconds=2).waveform[0]
    peaks, _ = scipy.signal.find_peaks(wave.numpy(), height=0.5 * float(wave.max()), distance=20)
    assert len(peaks) == 2 * rate
    np.testing.assert_allclose(peaks, (np.arange(2 * rate) + 0.5) / rate * RATE, atol=1)
    frequencies, power = spectrum(wave)
    inside = power[(frequencies > 100) & (frequencies < 7000)].mean()
    assert power[frequencies > 7950].mean() < 1e-3 * inside


def test_noise_has_its_band_and_nothing_outside() -> None:
    found = noise_bands([500, 2000], RATE, octaves=1.0)
    for wave, centre in zip(found.waveform, found.x.tolist(), strict=True):
        frequencies, power = spectrum(wave)
        low, high = centre / math.sqrt(2), centre * math.sqrt(2)
        inside = (frequencies >= low - 3) & (frequencies <= high + 3)
        assert power[inside].sum() / power.sum() > 0.999
        halves = [power[(frequencies > a) & (frequencies < b)].mean() for a, b in ((low, centre), (centre, high))]
        assert 0.8 < halves[0] / halves[1] < 1.25  # flat within the band


def test_harmonics_fall_by_six_decibels_an_octave_and_stop_below_nyquist() -> None:
    wave = harmonic_complexes([500], RATE).waveform[0]
    frequencies, power = spectrum(wave)
    lines = [power[np.abs(frequencies - 500 * k).argmin()] for k in (1, 2, 4, 8)]
    np.testing.assert_allclose(10 * np.log10(lines[0] / np.array(lines)), [0, 6.02, 12.04, 18.06], atol=0.1)
    assert power[frequencies > TOP * RATE / 2 + 50].sum() / power.sum() < 1e-6
    between = (frequencies % 500 > 20) & (frequencies % 500 < 480)
    assert power[between].sum() / power.sum() < 1e-6


@pytest.mark.parametrize("speed", [-2.0, 1.0, 4.0])
def test_sweeps_move_at_their_speed(speed: float) -> None:
    wave = sweeps([speed], RATE, seconds=1.0).waveform[0].double().numpy()
    phase = np.unwrap(np.angle(scipy.signal.hilbert(wave)))
    hertz = np.diff(phase) * RATE / (2 * np.pi)
    part = slice(1500, 9000)  # inside the first sweep, away from the edges
    octaves = np.polyfit(np.arange(len(hertz))[part] / RATE, np.log2(hertz[part]), 1)[0]
    assert octaves == pytest.approx(speed, rel=0.02)


def test_a_set_that_would_clip_is_turned_down_as_one() -> None:
    found = click_trains([1, 50], RATE, seconds=2)
    assert float(found.waveform.abs().max()) == pytest.approx(1.0)
    rms = found.waveform.square().mean(dim=1).sqrt()
    assert float(rms[0]) == pytest.approx(float(rms[1]), rel=1e-5)
    assert float(rms[0]) < 10 ** (LEVEL / 20)


def test_the_usual_frequencies_stay_below_nyquist() -> None:
    axis = frequency_axis(RATE)
    assert axis[0] == 62.5
    assert axis[3] == pytest.approx(125)
    assert axis[-1] <= 0.8 * RATE / 2


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: tones([9000], RATE), "8000"),
        (lambda: tones([], RATE), "none"),
        (lambda: tones([-1.0], RATE), "above 0"),
        (lambda: tones([440], RATE, seconds=0.001), "too short"),
        (lambda: sweeps([0.0], RATE), "other than 0"),
        (lambda: sweeps([1.0], RATE, centre=7000), "too high"),
        (lambda: click_trains([0.5], RATE, seconds=1), "two clicks"),
        (lambda: amplitude_modulated([2000], RATE), "below 1000"),
        (lambda: noise_bands([1.3], RATE, seconds=0.5, octaves=0.01), "no frequency"),
        (lambda: standard_stimuli(RATE, names=["tunes"]), "no such set"),
    ],
)
def test_what_cannot_be_made_is_refused(make: object, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make()  # type: ignore[operator]
