import math

import pytest
import torch
from scipy.special import i0

from configs.errors import InputError
from interpretability.acoustics.intensity import intensity
from tests.interpretability.acoustics.sounds import RATE, batch, noise, tone, word


@pytest.mark.parametrize("amplitude", [0.5, 0.05])
def test_level_of_a_sine(amplitude: float) -> None:
    track = intensity(*batch(tone(1000, amplitude=amplitude)), RATE)
    expected = 10 * math.log10(amplitude**2 / 2 / 4e-10)
    torch.testing.assert_close(track.values, torch.full_like(track.values, expected), atol=0.001, rtol=0)


def test_frames_and_values_are_those_of_a_plain_loop() -> None:
    sound = word()[:-1]  # an odd number, or centres lie between two samples
    waveform, length = batch(sound)
    track = intensity(waveform, length, RATE, minimum_pitch=100.0)
    duration = len(sound) / RATE
    count = math.floor((duration - 0.064) / 0.008) + 1
    assert track.n_frames.tolist() == [count]
    for frame in (0, 7, count // 2, count - 1):
        middle = duration / 2 + (frame - (count - 1) / 2) * 0.008
        samples = [n for n in range(len(sound)) if abs((n + 0.5) / RATE - middle) < 0.0325]
        centre = min(samples, key=lambda n: abs((n + 0.5) / RATE - middle))
        taken = [n for n in range(centre - 256, centre + 257) if 0 <= n < len(sound)]
        weight = torch.tensor(
            [i0((2 * math.pi**2 + 0.5) * math.sqrt(max(0.0, 1 - ((n - centre) / 256) ** 2))) for n in taken]
        )
        x = waveform[0, taken].double()
        expected = 10 * math.log10(float((weight * (x - x.mean()).square()).sum() / weight.sum()) / 4e-10)
        assert float(track.values[0, frame]) == pytest.approx(expected, abs=1e-6)


def test_values_recorded_from_praat() -> None:
    track = intensity(*batch(word()), RATE, minimum_pitch=100.0)
    recorded = {0: 65.8303, 10: 66.3859, 30: 65.8963, 45: 75.4618, 60: 84.1330, 100: 84.9849, 130: 83.5615}
    assert track.values.shape == (1, 149)
    for frame, value in recorded.items():
        assert float(track.values[0, frame]) == pytest.approx(value, abs=1e-3)


def test_silence_constants_and_short_clips_are_undefined() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    track = intensity(*batch(silence, silence + 0.3, tone(500, 0.05)), RATE)
    assert track.values.isnan().all()
    assert track.n_frames.tolist() == [117, 117, 0]


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [tone(300, 0.7), noise(0.31), word(), tone(200, 0.02)]
    together = intensity(*batch(*sounds), RATE)
    for row, sound in enumerate(sounds):
        alone = intensity(*batch(sound), RATE)
        count = int(alone.n_frames[0])
        assert int(together.n_frames[row]) == count
        torch.testing.assert_close(
            together.values[row, :count], alone.values[0, :count], atol=1e-9, rtol=0, equal_nan=True
        )
        assert together.values[row, count:].isnan().all()


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(InputError, match="torch or praat"):
        intensity(*batch(tone(500)), RATE, backend="sox")  # type: ignore[arg-type]
