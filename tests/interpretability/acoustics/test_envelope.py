import math

import pytest
import torch

from interpretability.acoustics.envelope import (
    MODULATION_WINDOW,
    attack,
    decay,
    duration,
    envelope,
    modulation_depth,
    temporal_centroid,
)
from tests.interpretability.acoustics.sounds import RATE, batch, noise, seconds, tone


def shaped(gain: torch.Tensor) -> torch.Tensor:
    return gain * tone(1000, len(gain) / RATE, amplitude=0.8)


@pytest.mark.parametrize("rise", [0.05, 0.4])
def test_attack_of_a_ramp(rise: float) -> None:
    t = seconds(1.0)
    found = attack(envelope(*batch(shaped(((t - 0.2) / rise).clamp(0, 1))), RATE))
    assert float(found) == pytest.approx(0.8 * rise, abs=0.006)


def test_a_sound_that_is_there_at_once_has_no_attack() -> None:
    assert attack(envelope(*batch(tone(1000)), RATE)).tolist() == pytest.approx([0], abs=0.002)


@pytest.mark.parametrize("t60", [0.3, 1.2])
def test_decay_of_an_exponential(t60: float) -> None:
    t = seconds(2.0)
    found = decay(envelope(*batch(shaped(10 ** (-3 * t / t60))), RATE))
    assert float(found) == pytest.approx(t60, rel=0.03)


def test_temporal_centroid_and_duration() -> None:
    t = seconds(2.0)
    burst = shaped(((t >= 0.5) & (t < 0.9)).double())
    curve = envelope(*batch(tone(1000, 2.0), burst), RATE)
    assert temporal_centroid(curve).tolist() == pytest.approx([0.5, 0.35], abs=0.003)
    assert duration(curve).tolist() == pytest.approx([1.99, 0.4], abs=0.011)


@pytest.mark.parametrize(("rate", "band"), [(2.0, (0.5, 4)), (8.0, (4, 20)), (70.0, (30, 150))])
@pytest.mark.parametrize("depth", [0.2, 0.8])
def test_depth_of_amplitude_modulation(rate: float, band: tuple[float, float], depth: float) -> None:
    t = seconds(4.0)
    sound = shaped(0.5 * (1 + depth * torch.cos(2 * math.pi * rate * t)))
    curve = envelope(*batch(sound), RATE, MODULATION_WINDOW)
    assert float(modulation_depth(curve, *band)) == pytest.approx(depth, rel=0.08)
    for other in {(0.5, 4), (4, 20), (30, 150)} - {band}:
        assert float(modulation_depth(curve, *other)) < 0.15 * depth


def test_what_does_not_exist_is_undefined() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    curve = envelope(*batch(silence, silence + 0.7, tone(500, 0.005)), RATE)
    for measure in (attack, decay, temporal_centroid, duration):
        assert measure(curve).isnan().all()
    assert modulation_depth(curve, 4, 20).isnan().all()
    second = envelope(*batch(noise(1.0)), RATE, MODULATION_WINDOW)
    assert modulation_depth(second, 0.5, 4).isnan().all()  # a period of 2 s does not fit
    assert not modulation_depth(second, 4, 20).isnan().any()


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [noise(1.3), shaped(10 ** (-seconds(0.6))), tone(300, 0.004), noise(2.5, seed=4)]
    together = envelope(*batch(*sounds), RATE, MODULATION_WINDOW)
    for row, sound in enumerate(sounds):
        alone = envelope(*batch(sound), RATE, MODULATION_WINDOW)
        for measure in (attack, decay, temporal_centroid, duration):
            torch.testing.assert_close(measure(together)[row], measure(alone)[0], equal_nan=True, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(
            modulation_depth(together, 4, 20)[row],
            modulation_depth(alone, 4, 20)[0],
            equal_nan=True,
            atol=1e-5,
            rtol=1e-4,
        )
