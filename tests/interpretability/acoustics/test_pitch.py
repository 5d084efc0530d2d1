import itertools
import math

import pytest
import torch

from configs.errors import InputError
from interpretability.acoustics.pitch import PitchSettings, pitch
from interpretability.acoustics.pitch_path import best_path
from tests.interpretability.acoustics.sounds import RATE, batch, noise, seconds, tone, vowel, word


def cents(found: torch.Tensor, expected: torch.Tensor | float) -> torch.Tensor:
    return (1200 * (found / expected).log2()).abs()


@pytest.mark.parametrize("frequency", [80.0, 123.4, 311.1, 590.0])
def test_pitch_of_a_tone_to_a_cent(frequency: float) -> None:
    found = pitch(*batch(tone(frequency)), RATE)
    assert found.voiced.values.nan_to_num(1).eq(1).all()
    assert cents(found.f0.values, frequency).max() < 1
    assert found.harmonicity.values.min() > 25  # about 30 dB and more for what only the window blurs


def test_a_gliding_vowel_is_followed() -> None:
    found = pitch(*batch(vowel()), RATE)
    expected = 110 + 60 * found.f0.seconds / 0.8
    assert found.voiced.values.mean() == 1
    assert cents(found.f0.values, expected).median() < 5
    assert cents(found.f0.values, expected).max() < 40


def test_noise_has_no_pitch_and_silence_neither_pitch_nor_harmonicity() -> None:
    silence = torch.zeros(RATE, dtype=torch.float64)
    found = pitch(*batch(noise(), silence, silence + 0.4), RATE)
    assert found.f0.values.isnan().all()
    assert found.voiced.values.eq(0).all()
    assert found.harmonicity.values[0].nanmedian() < 0
    assert found.harmonicity.values[1:].isnan().all()


def test_harmonicity_is_the_ratio_of_tone_and_noise() -> None:
    sound = tone(200, 2.0, amplitude=0.2 * math.sqrt(2)) + noise(2.0, rms=0.2 / math.sqrt(10))
    found = pitch(*batch(sound), RATE)
    assert float(found.harmonicity.values.nanmedian()) == pytest.approx(10, abs=1)  # 20 log10(rms ratio) is 10 dB


def test_values_recorded_from_praat() -> None:
    found = pitch(*batch(word()), RATE)
    values = found.f0.values[0]
    assert values.shape == (122,)
    assert int((~values.isnan()).sum()) == 80
    assert values[5].isnan()  # the hiss
    for frame, value in {45: 115.253, 60: 126.495, 80: 141.492, 100: 156.494, 110: 164.006}.items():
        assert float(cents(values[frame], value)) < 0.5


def test_a_batch_is_its_clips_one_by_one() -> None:
    sounds = [tone(150, 0.7), noise(0.31), word(), tone(200, 0.02), vowel()]
    together = pitch(*batch(*sounds), RATE)
    for row, sound in enumerate(sounds):
        alone = pitch(*batch(sound), RATE)
        for one, all_ in ((alone.f0, together.f0), (alone.harmonicity, together.harmonicity)):
            count = int(one.n_frames[0])
            torch.testing.assert_close(
                all_.values[row, :count], one.values[0, :count], atol=1e-3, rtol=1e-5, equal_nan=True
            )
            assert all_.values[row, count:].isnan().all()


def test_padding_does_not_make_a_clip_quiet() -> None:
    found = pitch(*batch(tone(150, 0.5, amplitude=0.01), tone(150, 1.0)), RATE)
    assert found.voiced.values[0].nan_to_num(1).eq(1).all()  # its own peak is the measure, not the batch's, nor junk


def test_the_pitch_may_be_slow_where_the_rate_is_slow() -> None:
    t = seconds(8, 250)
    found = pitch(*batch(torch.sin(2 * math.pi * 9 * t)), 250.0, PitchSettings(5, 40))
    assert cents(found.f0.values, 9.0).max() < 2


@pytest.mark.parametrize("limits", [(0, 100), (300, 200), (3000, 3500)])
def test_an_impossible_range_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="range of"):
        pitch(*batch(tone(200)), RATE, PitchSettings(*limits))


def test_the_path_is_the_best_of_all_paths() -> None:
    random = torch.Generator().manual_seed(3)
    frequency = 100 * 2 ** (2 * torch.rand(3, 5, 3, generator=random))
    frequency[..., 0] = 0
    strength = torch.rand(3, 5, 3, generator=random)
    strength[1, 2, 2] = -torch.inf
    n_frames = torch.tensor([5, 5, 3])

    def cost(first: float, second: float) -> float:
        if (first == 0) != (second == 0):
            return 0.2
        return 0.5 * abs(math.log2(first / second)) if first else 0.0

    found = best_path(frequency, strength, n_frames, 0.5, 0.2)
    for row in range(3):
        count = int(n_frames[row])

        def total(path: tuple[int, ...], row: int = row, count: int = count) -> float:
            chosen = [float(frequency[row, frame, path[frame]]) for frame in range(count)]
            heights = sum(float(strength[row, frame, path[frame]]) for frame in range(count))
            return heights - sum(cost(*pair) for pair in itertools.pairwise(chosen))

        best = max(itertools.product(range(3), repeat=count), key=total)
        assert tuple(found[row, :count].tolist()) == best
