import math

import pytest
import torch

from interpretability.acoustics import spectral
from interpretability.acoustics.short_time import short_time
from tests.interpretability.acoustics.sounds import RATE, batch, noise, tone

FREQUENCY = torch.tensor([100.0, 200.0, 300.0, 400.0])


def test_moments_by_hand() -> None:
    found = spectral.moments(torch.tensor([[1.0, 0, 1, 0], [0, 3, 0, 1]]), FREQUENCY)
    assert found.centroid.tolist() == pytest.approx([200, 250])
    assert found.spread.tolist() == pytest.approx([100, math.sqrt(7500)])
    # Second: deviations -50 (weight 3/4) and 150 (1/4).
    third, fourth = 0.75 * -(50**3) + 0.25 * 150**3, 0.75 * 50**4 + 0.25 * 150**4
    assert found.skewness.tolist() == pytest.approx([0, third / 7500**1.5], abs=1e-6)
    assert found.kurtosis.tolist() == pytest.approx([-2, fourth / 7500**2 - 3], abs=1e-6)


def test_a_single_bin_has_no_shape_and_nothing_has_no_moments() -> None:
    found = spectral.moments(torch.tensor([[0.0, 1, 0, 0], [0, 0, 0, 0]]), FREQUENCY)
    assert found.centroid.nan_to_num(-1).tolist() == [200, -1]
    assert found.spread.nan_to_num(-1).tolist() == [0, -1]
    assert found.skewness.isnan().all()
    assert found.kurtosis.isnan().all()


def test_roll_off_by_hand() -> None:
    power = torch.tensor([[5.0, 3, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
    assert spectral.roll_off(power, FREQUENCY, 0.5).nan_to_num(-1).tolist() == [100, 400, -1]
    assert spectral.roll_off(power, FREQUENCY, 0.85).nan_to_num(-1).tolist() == [300, 400, -1]
    assert spectral.roll_off(power, FREQUENCY, 1.0).nan_to_num(-1).tolist() == [400, 400, -1]


def test_flatness_and_entropy_by_hand() -> None:
    power = torch.tensor([[2.0, 2, 2, 2], [1, 4, 1, 4], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert spectral.flatness(power)[:2].tolist() == pytest.approx([1, 2 / 2.5])
    assert spectral.flatness(power)[2] < 1e-6
    assert spectral.flatness(power)[3].isnan()
    p = [0.1, 0.4, 0.1, 0.4]
    expected = -sum(share * math.log(share) for share in p) / math.log(4)
    assert spectral.entropy(power)[:3].tolist() == pytest.approx([1, expected, 0], abs=1e-6)
    assert spectral.entropy(power)[3].isnan()


@pytest.mark.parametrize("slope", [0.0, -6.0, 3.0])
def test_tilt_of_a_straight_spectrum(slope: float) -> None:
    frequency = torch.arange(1, 129) * 31.25
    power = 10 ** (slope * frequency.log2() / 10)
    assert float(spectral.tilt(power[None], frequency)) == pytest.approx(slope, abs=1e-3)


def test_descriptions_do_not_depend_on_the_level() -> None:
    power = short_time(*batch(noise(0.2)), RATE).power
    frequency = torch.arange(1, power.shape[1] + 1) * 31.25
    for quiet in (power * 1e-9,):
        for measure in (spectral.flatness, spectral.entropy):
            torch.testing.assert_close(measure(quiet), measure(power), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(
            spectral.tilt(quiet, frequency), spectral.tilt(power, frequency), rtol=1e-3, atol=1e-4
        )


def test_frames_of_a_tone_of_noise_and_of_nothing() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    frames = short_time(*batch(tone(1000), noise(), silence, silence + 0.5, tone(1000, 0.02)), RATE)
    assert frames.grid.n_frames.tolist() == [98, 98, 98, 98, 0]
    level = frames.track(frames.decibels()).values
    assert level[0].median() == pytest.approx(10 * math.log10(0.5**2 / 2), abs=0.05)
    assert level[1].median() == pytest.approx(-20, abs=0.5)
    assert level[2:].isnan().all()
    centroid = frames.track(spectral.moments(frames.power, frames.frequency).centroid).values
    assert centroid[0].median() == pytest.approx(1000, abs=1)
    assert centroid[1].median() == pytest.approx(2000, abs=60)
    assert centroid[2:].isnan().all()
    crossings = frames.track(frames.crossings).values
    assert crossings[0].median() == pytest.approx(2000, abs=45)  # one crossing in 25 ms is 40 per second
    flat = frames.track(spectral.flatness(frames.power)).values
    assert flat[1].median() == pytest.approx(math.exp(-0.5772), abs=0.04)  # of exponential variates
