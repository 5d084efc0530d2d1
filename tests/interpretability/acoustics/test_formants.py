import math

import pytest
import torch

from interpretability.acoustics.formants import formants, linear_prediction
from tests.interpretability.acoustics.sounds import RATE, batch, noise, seconds, tone, word


def resonator(frequencies: tuple[float, ...], rate: int) -> torch.Tensor:
    """Pulses at 100 Hz through resonances 60 Hz wide; a falling source compensates the pre-emphasis."""
    sound = [float(n % (rate // 100) == 0) for n in range(rate)]
    for frequency in frequencies:
        radius = math.exp(-math.pi * 60 / rate)
        sound = recursive(sound, 2 * radius * math.cos(2 * math.pi * frequency / rate), -(radius**2))
    found = torch.tensor(recursive(sound, math.exp(-2 * math.pi * 50 / rate), 0.0), dtype=torch.float64)
    return found / found.abs().max()


def recursive(x: list[float], first: float, second: float) -> list[float]:
    """y[n] = x[n] + first y[n - 1] + second y[n - 2]."""
    y = [0.0, 0.0]
    for value in x:
        y.append(value + first * y[-1] + second * y[-2])
    return y[2:]


@pytest.mark.parametrize(("rate", "within"), [(8000, 20), (16000, 50)])
def test_resonances_are_found(rate: int, within: float) -> None:
    found = formants(*batch(resonator((600, 1400, 2500), rate)), rate, ceiling=4000.0, n_formants=3)
    for track, expected in zip(found.frequency, (600, 1400, 2500), strict=True):
        assert float(track.values.nanmedian()) == pytest.approx(expected, abs=within)
    for track in found.bandwidth:
        assert 10 < float(track.values.nanmedian()) < 150


def test_burg_finds_the_coefficients_of_a_damped_sine() -> None:
    t = torch.arange(400, dtype=torch.float64)
    radius, angle = 0.999, 0.7
    x = radius**t * torch.sin(angle * t + 0.4)
    found = linear_prediction(x[None], 2)[0]
    expected = torch.tensor([2 * radius * math.cos(angle), -(radius**2)], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_burg_is_the_textbook_loop() -> None:
    frames = noise(0.02, seed=5).view(2, 80)
    for frame, found in zip(frames.tolist(), linear_prediction(frames, 4), strict=True):
        forward, backward, a = frame[1:], frame[:-1], []
        for _ in range(4):
            k = 2 * sum(f * b for f, b in zip(forward, backward, strict=True))
            k /= sum(f * f for f in forward) + sum(b * b for b in backward)
            a = [old - k * mirrored for old, mirrored in zip(a, a[::-1], strict=True)] + [k]
            pairs = list(zip(forward, backward, strict=True))
            forward = [f - k * b for f, b in pairs[1:]]
            backward = [b - k * f for f, b in pairs[:-1]]
        assert found.tolist() == pytest.approx(a, abs=1e-9)


def test_values_recorded_from_praat() -> None:
    found = formants(*batch(word()), RATE, ceiling=4000, n_formants=4)
    frames = [10, 40, 60, 80, 100]
    recorded = (
        [1226.73, 665.29, 661.22, 691.58, 649.38],
        [2063.44, 975.10, 982.30, 957.71, 979.54],
        [2795.11, 1239.76, 1242.84, 1240.36, 1265.67],
    )
    for track, values in zip(found.frequency, recorded, strict=True):
        assert track.values.shape == (1, 121)
        assert track.values[0, frames].tolist() == pytest.approx(values, abs=0.05)
    assert found.bandwidth[0].values[0, [40, 100]].tolist() == pytest.approx([103.10, 157.88], abs=0.05)


def test_silence_and_short_clips_have_no_formants() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    found = formants(*batch(silence, tone(500, 0.03)), RATE)
    assert all(track.values.isnan().all() for track in found.frequency)
    assert found.frequency[0].n_frames.tolist() == [96, 0]


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [noise(0.31), word(), tone(200, 0.02), noise(0.5, seed=2)]
    for rate in (RATE, 12000):  # at the higher one the sounds are resampled
        together = formants(*batch(*sounds), rate, ceiling=4000)
        for row, sound in enumerate(sounds):
            alone = formants(*batch(sound), rate, ceiling=4000)
            for one, all_ in zip(alone.frequency, together.frequency, strict=True):
                count = int(one.n_frames[0])
                # The last frames hear the end, where the resampling filter sees the padding's zeros or none.
                torch.testing.assert_close(
                    all_.values[row, :count], one.values[0, :count], atol=1e-4, rtol=0, equal_nan=True
                )
                assert all_.values[row, count:].isnan().all()


def test_the_ceiling_is_at_most_half_the_rate() -> None:
    sound = resonator((600, 1400, 2500), RATE)
    low, high = (formants(*batch(sound), RATE, ceiling=ceiling) for ceiling in (4000, 5500))
    assert torch.equal(low.frequency[0].values.nan_to_num(), high.frequency[0].values.nan_to_num())
    assert seconds(1).shape == sound.shape
