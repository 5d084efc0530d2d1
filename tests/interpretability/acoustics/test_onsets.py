import pytest
import torch

from interpretability.acoustics.onsets import onset_rate, onset_strength, onsets, rhythm
from interpretability.acoustics.short_time import short_time
from tests.interpretability.acoustics.sounds import RATE, batch, noise, tone


def clicks(at: list[float], duration: float = 3.0) -> torch.Tensor:
    sound = 0.0005 * noise(duration) / 0.1
    for second in at:
        start = round(second * RATE)
        sound[start : start + 40] += 0.8
    return sound


def strength_of(*sounds: torch.Tensor):
    return onset_strength(short_time(*batch(*sounds), RATE))


def test_clicks_are_found_where_they_are() -> None:
    moments = [0.4, 0.9, 1.7, 2.2, 2.31]
    strength = strength_of(clicks(moments))
    found = strength.seconds[0][onsets(strength)[0]]
    assert found.tolist() == pytest.approx(moments, abs=0.02)
    assert float(onset_rate(strength)) == pytest.approx(5 / 3, rel=0.02)


def test_noise_and_tones_have_no_onsets_and_silence_no_strength() -> None:
    strength = strength_of(noise(3.0), tone(440, 3.0), torch.zeros(3 * RATE, dtype=torch.float64), tone(440, 0.02))
    assert not onsets(strength).any()
    assert onset_rate(strength)[:2].tolist() == [0, 0]
    assert onset_rate(strength)[2:].isnan().all()
    assert strength.values[2:].isnan().all()
    assert strength.values[0, 0].isnan()  # nothing comes before the first frame
    assert rhythm(strength).isnan().all()


def test_even_clicks_are_rhythmic_and_uneven_ones_are_not() -> None:
    random = torch.rand(12, generator=torch.Generator().manual_seed(1)) * 3.8 + 0.1
    strength = strength_of(clicks([0.25 * n for n in range(1, 16)], 4.0), clicks(random.tolist(), 4.0))
    even, uneven = rhythm(strength).tolist()
    assert even > 0.9
    assert uneven < 0.5


def test_rhythm_is_the_autocorrelation_of_a_plain_loop() -> None:
    strength = strength_of(clicks([0.3, 0.55, 1.1, 1.4], 1.8))
    x = strength.values[0, 1:].double()
    x = x - x.mean()
    n = len(x)
    r = [float((x[: n - lag] * x[lag:]).sum() / (n - lag) / x.square().mean()) for lag in range(n // 2 + 2)]
    peaks = [r[lag] for lag in range(12, n // 2 + 1) if r[lag - 1] <= r[lag] >= r[lag + 1]]
    assert float(rhythm(strength)) == pytest.approx(max(peaks), rel=1e-4)


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [clicks([0.4, 0.9, 1.7, 2.2]), noise(1.3), clicks([0.2, 0.5], 0.8)]
    together = strength_of(*sounds)
    for row, sound in enumerate(sounds):
        alone = strength_of(sound)
        count = int(alone.n_frames)
        torch.testing.assert_close(
            together.values[row, :count], alone.values[0, :count], equal_nan=True, atol=1e-4, rtol=1e-4
        )
        for measure in (onset_rate, rhythm):
            torch.testing.assert_close(measure(together)[row], measure(alone)[0], equal_nan=True, atol=1e-4, rtol=1e-4)
