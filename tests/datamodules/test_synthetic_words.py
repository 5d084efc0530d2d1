"""Synthetic words sound as they are spelled, section by section, and are the same everywhere."""

import dataclasses
import itertools

import numpy as np
import pytest

from configs.errors import CommandError
from configs.gan_schema import SyntheticWordsData
from datamodules.clip_source import Clip, ClipSource
from datamodules.synthetic_words import EDGE, SyntheticWords

RATE = 8000
WORDS = ["a", "i", "s", "si", "sa-sa"]


def source(rate=RATE, **settings):
    values = {"words": WORDS, "n_train": 20, "n_val": 5, "n_test": 6} | settings
    return SyntheticWords(SyntheticWordsData(**values), rate)


def power(samples, section, rate=RATE):
    margin = 2 / rate if section.kind == "silence" else EDGE
    part = samples[round((section.start + margin) * rate) : round((section.end - margin) * rate)]
    return float(np.mean(part**2)), part


def test_is_a_clip_source_balanced_over_the_words():
    words = source()
    assert isinstance(words, ClipSource)
    assert words.class_names == tuple(WORDS)
    assert [clip.target for clip in words.splits["train"]] == [0, 1, 2, 3, 4] * 4
    assert [len(words.splits[split]) for split in ("train", "val", "test")] == [20, 5, 6]


def test_every_section_sounds_as_it_is_spelled():
    words = source()
    for clip in words.splits["train"]:
        samples, rate = words.read(clip)
        assert (samples.shape, samples.dtype, rate) == ((4096,), np.float32, RATE)
        assert 0.59 < np.abs(samples).max() < 0.96
        sections = words.sections(clip)
        assert "".join(s.letter for s in sections[1:-1]) == words.class_names[clip.target]
        assert sections[0].start == 0
        assert sections[-1].end == pytest.approx(0.512)
        assert all(one.end == two.start for one, two in itertools.pairwise(sections))
        for section in sections:
            level, part = power(samples, section)
            if section.kind == "silence":
                assert level == 0
                continue
            spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
            loudest = np.argmax(spectrum) * RATE / len(part)
            share = np.sort(spectrum)[-6:].sum() / spectrum.sum()
            if section.kind == "tone":
                assert loudest == pytest.approx({"a": 220, "i": 520}[section.letter], rel=0.15)
                assert share > 0.8
            else:
                assert share < 0.5
            assert level > 1e-3


def test_a_reduplicated_syllable_is_a_copy_but_for_the_noise():
    words = source(words=["sa-sa", "a-a"])
    for clip in words.splits["train"][:6]:
        samples, _ = words.read(clip)
        tones = [power(samples, section)[1] for section in words.sections(clip) if section.kind == "tone"]
        noises = [power(samples, section)[1] for section in words.sections(clip) if section.kind == "noise"]
        n = min(map(len, tones)) - 1
        assert max(np.corrcoef(tones[0][:n], np.roll(tones[1], shift)[:n])[0, 1] for shift in (-1, 0, 1)) > 0.9
        if noises:
            m = min(map(len, noises))
            assert abs(np.corrcoef(noises[0][:m], noises[1][:m])[0, 1]) < 0.25


def test_words_depend_on_their_name_alone_and_differ():
    words, again, other = source(), source(n_train=40), source(word_seed=1)
    first, sixth = words.splits["train"][0], words.splits["train"][5]
    assert np.array_equal(words.read(first)[0], again.read(first)[0])
    assert not np.array_equal(words.read(first)[0], words.read(sixth)[0])
    assert not np.array_equal(words.read(first)[0], other.read(first)[0])
    noisy = (source(noise_db=-20).content_key(first), source(breath_db=-20).content_key(first))
    assert len({words.content_key(first), words.content_key(sixth), other.content_key(first), *noisy}) == 5
    assert words.content_key(first) == again.content_key(first)


def test_background_noise_has_a_level_of_its_own_in_each_word():
    words, quiet = source(noise_db=-20.0), source()
    levels = []
    for clip in words.splits["train"]:
        rest = words.read(clip)[0] - quiet.read(clip)[0]
        if not set(words.class_names[clip.target]) & {"s"}:
            levels.append(10 * np.log10(np.mean(rest**2)))
    assert -71 < min(levels) < -45
    assert -45 < max(levels) < -19.5


def test_breath_has_a_level_of_its_own_in_each_word_and_is_in_tones_only():
    words, pure = source(words=["a", "i"], n_train=40, breath_db=-6.0), source(words=["a", "i"], n_train=40)
    levels = []
    for clip in words.splits["train"]:
        breathy, plain = words.read(clip)[0].astype(float), pure.read(clip)[0].astype(float)
        tone = plain * (breathy @ plain) / (plain @ plain)
        levels.append(10 * np.log10(np.sum((breathy - tone) ** 2) / np.sum(tone**2)))
        for section in words.sections(clip):
            if section.kind == "silence":
                assert power(breathy, section)[0] == 0
    assert -57 < min(levels) < -45
    assert -20 < max(levels) < -5.5


@pytest.mark.parametrize(
    ("settings", "rate", "message"),
    [
        ({"words": ["a", "ax"]}, RATE, "'ax' is no word; spell it with a i s -"),
        ({"words": ["a", "--"]}, RATE, "'--' is no word"),
        ({"words": ["a", ""]}, RATE, "'' is no word"),
        ({"words": ["a", "a"]}, RATE, "names a word twice"),
        ({"words": ["a", "aaaaaa"]}, RATE, "'aaaaaa' lasts up to 0.69 s, longer than data.seconds=0.512"),
        ({}, 2000, "front_end.sample_rate=2000 is too low"),
    ],
)
def test_what_cannot_be_spoken_is_refused(settings, rate, message):
    with pytest.raises(CommandError, match=message):
        source(rate, **settings)


def test_a_clip_of_another_data_set_is_refused():
    from datamodules.audio_files import BadClip

    with pytest.raises(BadClip, match="is no synthetic word"):
        source().read(dataclasses.replace(Clip("x/0", 0, "x"), name="train/99999"))
