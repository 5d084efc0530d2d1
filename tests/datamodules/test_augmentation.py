import numpy as np
import pytest

from configs.data_schema import AugmentationConfig
from datamodules.augmentation import LabelledSound, add_noise, augment, change_gain, mix, shift
from datamodules.batch import clip_generator


def draws(n: int = 200):
    return (clip_generator(0, 0, i) for i in range(n))


def sound(level: float = 1.0, label: int = 0, n: int = 400, observed=None) -> LabelledSound:
    target = np.zeros(3, np.float32)
    target[label] = 1
    waveform = np.random.default_rng(label).uniform(-level, level, n).astype(np.float32)
    return LabelledSound(waveform, target, None if observed is None else np.array(observed))


def test_shift_turns_a_clip_around_evenly_over_its_whole_length():
    ramp = np.arange(100, dtype=np.float32)
    starts = [int(shift(ramp, 1.0, g)[0]) for g in draws(2000)]
    assert all((np.roll(ramp, -s) == shift(ramp, 1.0, g)).all() for s, g in zip(starts, draws(2000), strict=True))
    assert np.histogram(starts, bins=4, range=(0, 100))[0].min() > 400


def test_a_small_shift_stays_small():
    impulse = np.zeros(1000, np.float32)
    impulse[500] = 1
    places = [int(shift(impulse, 0.1, g).argmax()) for g in draws()]
    assert 450 <= min(places) < 470
    assert 530 < max(places) <= 550


def test_gain_is_uniform_in_decibels():
    gains = [20 * np.log10(change_gain(np.ones(1, np.float32), 6.0, g)[0]) for g in draws(2000)]
    assert -6.001 < min(gains) < -5.8
    assert 5.8 < max(gains) < 6.001
    assert abs(np.mean(gains)) < 0.3
    assert np.std(gains) == pytest.approx(12 / np.sqrt(12), rel=0.05)


def test_noise_has_the_ratio_asked_for():
    tone = np.sin(np.arange(50_000) * 0.1).astype(np.float32)
    for snr in (0.0, 10.0, 30.0):
        noise = add_noise(tone, snr, clip_generator(0, 0, 0)).astype(np.float64) - tone
        assert 10 * np.log10(np.mean(tone**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.1)


def test_mixing_weighs_clips_of_equal_peak_and_their_labels():
    quiet, loud = sound(0.01, 0), sound(3.0, 1)
    mixed = mix(quiet, loud, 0.75, multi_label=False)
    unit = [s.waveform / np.abs(s.waveform).max() for s in (quiet, loud)]
    np.testing.assert_allclose(mixed.waveform, 0.75 * unit[0] + 0.25 * unit[1], atol=1e-6)
    np.testing.assert_allclose(mixed.target, [0.75, 0.25, 0])


def test_the_longer_clip_sets_the_length():
    mixed = mix(sound(n=300), sound(label=1, n=400), 0.5, multi_label=False)
    tail = sound(label=1, n=400).waveform
    np.testing.assert_allclose(mixed.waveform[300:], 0.5 * (tail / np.abs(tail).max())[300:], atol=1e-6)


def test_multi_label_unites_labels_and_drowns_nobody():
    mixed = mix(sound(label=0), sound(label=2), 0.99, multi_label=True)
    assert mixed.target.tolist() == [1, 0, 1]
    assert mixed.observed is None
    other = sound(label=2).waveform
    own = sound(label=0).waveform
    expected = 0.7 * own / np.abs(own).max() + 0.3 * other / np.abs(other).max()
    np.testing.assert_allclose(mixed.waveform, expected, atol=1e-6)


def test_a_mixed_label_is_known_where_both_know_it_or_one_hears_it():
    first = sound(label=0, observed=[True, True, False])
    second = sound(label=2, observed=[False, True, True])
    mixed = mix(first, second, 0.5, multi_label=True)
    assert mixed.target.tolist() == [1, 0, 1]
    assert mixed.observed is not None
    assert mixed.observed.tolist() == [True, True, True]
    unknown = mix(first, sound(label=1, observed=[False, False, False]), 0.5, multi_label=True)
    assert unknown.target.tolist() == [1, 0, 0]  # an unobserved label is no evidence
    assert unknown.observed is not None
    assert unknown.observed.tolist() == [True, False, False]


def test_mixup_happens_as_often_as_asked_and_draws_weights_from_beta():
    config = AugmentationConfig(shift=0, gain_db=0, mixup=0.3, mixup_alpha=2.0)
    results = [augment(sound(label=0), lambda g: sound(label=1), config, False, g) for g in draws(2000)]
    weights = np.array([r.target[0] for r in results])
    mixed = weights[weights < 1]
    assert mixed.size / 2000 == pytest.approx(0.3, abs=0.03)
    assert mixed.var() == pytest.approx(1 / 20, abs=0.007)  # variance of Beta(2, 2)
    assert all(r.target.sum() == pytest.approx(1) for r in results)


@pytest.mark.parametrize("multi_label", [False, True])
def test_same_generator_same_samples_and_never_beyond_full_scale(multi_label):
    config = AugmentationConfig(noise_db=10.0)

    def result(i):
        return augment(sound(0.9), lambda g: sound(label=1), config, multi_label, clip_generator(0, 3, i))

    for i in range(20):
        np.testing.assert_array_equal(result(i).waveform, result(i).waveform)
        assert result(i).waveform.dtype == np.float32
        assert np.abs(result(i).waveform).max() <= 1.0
    assert not np.array_equal(result(0).waveform, result(1).waveform)


def test_everything_off_changes_nothing():
    config = AugmentationConfig(shift=0, gain_db=0, mixup=0, noise_db=None)
    original = sound(0.5)
    np.testing.assert_array_equal(
        augment(original, lambda g: sound(), config, False, clip_generator(0, 0, 0)).waveform, original.waveform
    )


def test_silence_stays_finite():
    silent = LabelledSound(np.zeros(100, np.float32), np.array([1, 0, 0], np.float32))
    config = AugmentationConfig(mixup=1.0, noise_db=10.0)
    assert np.isfinite(augment(silent, lambda g: silent, config, False, clip_generator(0, 0, 0)).waveform).all()
