"""Words of an invented language, spelled in tone, noise and silence: their every section is known to the sample.

A word is spelled with four letters: `a` is a low tone, `i` a high one, `s` noise and `-` silence. Writing a syllable
twice, as in `sa-sa`, reduplicates it: the second copy is the first one's sound, sample for sample but for the noise.
Words of one spelling differ in pitch, speed, level, onset, noise and, where asked for, breath. NumPy only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from configs.errors import CommandError
from datamodules.clip_source import SPLITS, Clip, Samples, Split
from datamodules.sound_synthesis import Canvas, Draws, edges, harmonics
from datamodules.sound_synthesis import Samples as Exact

if TYPE_CHECKING:
    from configs.gan_schema import SyntheticWordsData

VERSION = 1
"""Goes up whenever a sound changes, so that no cache holds words of two generators."""

SECTIONS = {"a": "tone", "i": "tone", "s": "noise", "-": "silence"}
"""Letter -> what sounds."""
PITCH = {"a": 220.0, "i": 520.0}
"""Middle fundamental frequency of the tones in Hz."""
PITCH_SPREAD = 1.5
"""Semitones that a word's pitch may lie above or below its middle."""
SECONDS = {"a": 0.1, "i": 0.1, "s": 0.065, "-": 0.045}
"""Middle length of each section in seconds."""
TEMPO = (0.9, 1.1)
"""Range of the factor on all lengths of a word."""
ONSET = (0.005, 0.03)
"""Range of the silence before a word in seconds."""
PEAK = (0.6, 0.95)
"""Range of the largest absolute sample of a word."""
PARTIALS = np.array([1.0, 0.6, 0.35])
"""Amplitudes of the harmonics of a tone."""
TONE_LEVEL = 0.86
"""Root mean square of the tones before the word is scaled."""
NOISE_LEVEL = 0.45
"""Root mean square of the noise before the word is scaled."""
NOISE_RANGE = 50.0
"""Range in dB below `data.noise_db` and `data.breath_db` of the level of a word's background noise and breath."""
EDGE = 0.006
"""Length in seconds of the rise and the fall of a section."""
LOWEST_RATE = 4000
"""Sample rate (Hz) below which the partials of the high tone would not fit."""


@dataclass(frozen=True)
class Section:
    """One section of a word: `kind` (tone, noise or silence), its letter, and where it starts and ends in seconds."""

    kind: str
    letter: str
    start: float
    end: float


class SyntheticWords:
    """A `ClipSource` of words, balanced over the spellings, each of `config.seconds` (0.512 where it is none).

    Raises:
        CommandError: a word of other letters, without sound, spelled twice or too long, or too low a sample rate.
    """

    name = "synthetic_words"
    multi_label = False

    def __init__(self, config: SyntheticWordsData, sample_rate: int) -> None:
        self.class_names = tuple(config.words)
        self.sample_rate = sample_rate
        self._seconds = 0.512 if config.seconds is None else config.seconds
        self._seed, self._noise_db, self._breath_db = config.word_seed, config.noise_db, config.breath_db
        self._check()
        counts: dict[Split, int] = {"train": config.n_train, "val": config.n_val, "test": config.n_test}
        self.splits: Mapping[Split, tuple[Clip, ...]] = {
            split: tuple(
                Clip(f"{split}/{i:05d}", i % len(self.class_names), group=f"{split}/{i:05d}") for i in range(count)
            )
            for split, count in counts.items()
        }

    def seconds(self, clip: Clip) -> float:
        """Length of every clip in seconds; the word ends before."""
        return self._seconds

    def sections(self, clip: Clip) -> tuple[Section, ...]:
        """Return what sounds when in a clip: the onset's silence, the word letter by letter, and the rest's silence."""
        word, draws = self._word(clip)
        return self._sections(word, draws)

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the samples (N,) float32 and the sample rate in Hz, that of the run."""
        word, draws = self._word(clip)
        sections = self._sections(word, draws)
        pitch = 2.0 ** (draws.uniform(-PITCH_SPREAD, PITCH_SPREAD) / 12.0)
        phase, peak = draws.uniform(0.0, 1.0), draws.uniform(*PEAK)
        breath = None if self._breath_db is None else _level(draws, self._breath_db)
        canvas = Canvas(self._seconds, self.sample_rate)
        for section in sections:
            if section.kind != "silence":
                canvas.add(section.start, self._sound(section, pitch, phase, breath, draws, canvas))
        samples = canvas.samples * (peak / float(np.abs(canvas.samples).max()))
        if self._noise_db is not None:
            samples = samples + _level(draws, self._noise_db) * _noise(draws, len(samples))
        return samples.astype(np.float32), self.sample_rate

    def content_key(self, clip: Clip) -> str:
        """Return a hash of all that the sound of the clip depends on."""
        word, _ = self._word(clip)
        noises = (self._noise_db, self._breath_db)
        settings = (VERSION, self._seed, clip.name, word, self._seconds, *noises, self.sample_rate)
        return hashlib.sha256(repr(settings).encode()).hexdigest()

    def stems(self, clip: Clip) -> Samples | None:
        """Return None: the sections of a word follow each other and are told by `sections`."""
        return None

    def _sound(
        self, section: Section, pitch: float, phase: float, breath: float | None, draws: Draws, canvas: Canvas
    ) -> Exact:
        t = canvas.time(section.end - section.start)
        shape = edges(len(t), canvas.count(EDGE), canvas.count(EDGE))
        if section.kind == "noise":
            sound = NOISE_LEVEL * _noise(draws, len(t))
        else:
            sound = harmonics(2 * np.pi * (pitch * PITCH[section.letter] * t + phase), PARTIALS)
            if breath is not None:
                sound = sound + breath * TONE_LEVEL * _noise(draws, len(t))
        return shape * sound

    def _sections(self, word: str, draws: Draws) -> tuple[Section, ...]:
        start, tempo = draws.uniform(*ONSET), draws.uniform(*TEMPO)
        found = [Section("silence", "-", 0.0, start)]
        for letter in word:
            end = start + tempo * SECONDS[letter]
            found.append(Section(SECTIONS[letter], letter, start, end))
            start = end
        return (*found, Section("silence", "-", start, self._seconds))

    def _word(self, clip: Clip) -> tuple[str, Draws]:
        """Spelling of a clip, from its name, and the random numbers that belong to it."""
        name, _, number = clip.name.partition("/")
        for split in SPLITS:
            if name == split and number.isdecimal() and int(number) < len(self.splits[split]):
                word = self.class_names[int(number) % len(self.class_names)]
                return word, Draws(self._seed, SPLITS.index(split), int(number))
        from datamodules.audio_files import BadClip  # imports torch, which the words themselves do without

        raise BadClip(clip.name, "is no synthetic word of this data set; they are named split/index, as train/00000")

    def _check(self) -> None:
        if self.sample_rate < LOWEST_RATE:
            raise CommandError(f"front_end.sample_rate={self.sample_rate} is too low for synthetic words: choose "
                               f"{LOWEST_RATE} or more")  # fmt: skip
        for word in self.class_names:
            wrong = sorted(set(word) - set(SECTIONS))
            if wrong or not word.strip("-"):
                raise CommandError(
                    f"data.words: {word!r} is no word; spell it with {' '.join(SECTIONS)}, not silence alone"
                )
            longest = ONSET[1] + TEMPO[1] * sum(SECONDS[letter] for letter in word)
            if longest > self._seconds:
                raise CommandError(
                    f"data.words: {word!r} lasts up to {longest:.2f} s, longer than data.seconds={self._seconds:g}"
                )
        if len(set(self.class_names)) < len(self.class_names):
            raise CommandError("data.words names a word twice")


def _level(draws: Draws, loudest: float) -> float:
    """Draw a factor of up to `loudest` dB and down to NOISE_RANGE below."""
    level: float = 10.0 ** ((loudest - draws.uniform(0.0, NOISE_RANGE)) / 20.0)
    return level


def _noise(draws: Draws, n: int) -> Exact:
    """(n,) white noise of variance 1: sums of twelve uniform numbers, normal enough and the same on every platform."""
    noise: Exact = draws.array(12 * n).reshape(12, -1).sum(axis=0) - 6.0
    return noise
