"""The embedded data set: synthetic scenes whose every source is known, made anew from (seed, split, index)."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from configs.errors import CommandError
from datamodules.clip_source import SPLITS, Clip, Samples, Split
from datamodules.sound_sources import SOURCES
from datamodules.sound_surroundings import background, distractors, hum
from datamodules.sound_synthesis import Draws
from datamodules.sound_synthesis import Samples as Exact

if TYPE_CHECKING:
    from configs.schema import SoundScenesData

VERSION = 3
"""Goes up whenever a sound changes, so that no cache holds scenes of two generators."""

CLASS_NAMES = tuple(SOURCES)
LEVEL_DB = (-5.0, 5.0)
"""Range of the level of each source against the rest."""
DISTRACTOR_DB = (-9.0, -3.0)
"""Range of the level of each distractor against the background."""
HUM_DB = (-4.0, 0.0)
"""Range of the level of the planted hum against background and distractors."""
PEAK = (0.5, 0.9)
"""Range of the largest absolute sample of a scene."""
LOWEST_RATE = 16000
"""Sample rate (Hz) below which partials of the sources would not fit."""

# streams of one scene; the stream of class c is _SOURCE + c, so that no part depends on what else is in the scene
_PLAN, _REST, _HUM, _SOURCE = 0, 1, 2, 16


@dataclass(frozen=True)
class Scene:
    """One scene and its parts: `mixture` (N,) = sum of `sources` + `rest`, exact to rounding.

    Attributes:
        sources: class number -> clean source (N,), as loud as in the mixture.
        rest: background, distractors and hum (N,).
        hum: the planted hum alone (N,), zero where there is none.
        levels: class number -> level in dB against the rest without the hum, as drawn.
    """

    mixture: Exact
    sources: Mapping[int, Exact]
    rest: Exact
    hum: Exact
    levels: Mapping[int, float]


def power(samples: Exact) -> float:
    """Mean square of the samples over the whole clip."""
    return float(np.mean(samples**2))


def _at_level(samples: Exact, level_db: float, reference: float) -> Exact:
    """Scale samples to `level_db` above a reference power; a part that happens to be silent stays so."""
    own = power(samples)
    return samples * np.sqrt(reference * 10.0 ** (level_db / 10.0) / own) if own else samples


def _rest(key: tuple[int, ...], seconds: float, rate: int) -> Exact:
    draws = Draws(*key, _REST)
    ground = background(draws.child(), seconds, rate)
    reference = power(ground)
    events = distractors(draws.child(), seconds, rate)
    return sum((_at_level(event, draws.uniform(*DISTRACTOR_DB), reference) for event in events), start=ground)


def make_scene(key: tuple[int, int, int], classes: tuple[int, ...], seconds: float, rate: int, with_hum: bool) -> Scene:
    """Build the scene of a key (scene seed, number of the split, index) with these classes in it.

    The level of a source is its power over that of the background and distractors, both over the whole clip; other
    sources and the hum do not count. It is uniform in LEVEL_DB, drawn for each source apart. The same key with other
    classes or without the hum has the same rest, to one common factor that sets the peak. At a higher rate the
    background fills the added band, and the level holds for the whole band.
    """
    plan = Draws(*key, _PLAN)
    peak, hum_level = plan.uniform(*PEAK), plan.uniform(*HUM_DB)
    rest = _rest(key, seconds, rate)
    reference = power(rest)
    sources, levels = {}, {}
    for number in classes:
        draws = Draws(*key, _SOURCE + number)
        levels[number] = draws.uniform(*LEVEL_DB)
        sources[number] = _at_level(SOURCES[CLASS_NAMES[number]](draws, seconds, rate), levels[number], reference)
    planted = np.zeros_like(rest)
    if with_hum:
        planted = _at_level(hum(Draws(*key, _HUM), seconds, rate), hum_level, reference)
        rest = rest + planted
    mixture = sum(sources.values(), start=rest)
    scale = peak / float(np.max(np.abs(mixture)))
    scaled = {number: scale * source for number, source in sources.items()}
    return Scene(scale * mixture, scaled, scale * rest, scale * planted, levels)


def active_frames(stem: Exact | Samples, hop_length: int, floor_db: float = -40.0) -> NDArray[np.bool_]:
    """Frames (1 + N // hop_length,) in which a clean stem (N,) sounds, one for each frame of a centred STFT.

    A frame is active where the power of the hop around its centre is within `floor_db` of the loudest; an absent source
    is active nowhere.
    """
    n_frames = 1 + len(stem) // hop_length
    padded = np.zeros((n_frames + 1) * hop_length)
    padded[hop_length // 2 : hop_length // 2 + len(stem)] = stem
    level = np.mean(padded[: n_frames * hop_length].reshape(n_frames, hop_length) ** 2, axis=1)
    active: NDArray[np.bool_] = level > level.max() * 10.0 ** (floor_db / 10.0)
    return active


def classes_of(scene_seed: int, split: Split, index: int, most: int) -> tuple[int, ...]:
    """Class numbers in a scene, from one to `most`: the first goes round the classes, further ones are drawn."""
    n_classes = len(CLASS_NAMES)
    draws = Draws(scene_seed, SPLITS.index(split), index, _PLAN, 1)
    count = draws.integer(1, most)
    first = index % n_classes
    others = np.argsort(draws.array(n_classes - 1), kind="stable")[: count - 1]
    return (first, *sorted((first + 1 + int(other)) % n_classes for other in others))


class SoundScenes:
    """A `ClipSource` of synthetic scenes, balanced over the classes, each of `config.seconds` (5 where it is none).

    Stems have one form for every scene, (C + 1, N): one row per class in the order of `class_names`, zero where the
    class is absent, and last the rest. They add up to the clip.

    Raises:
        CommandError: a sample rate too low for the sources, an unknown `data.shortcut`, a `data.max_sources` above the
            number of classes.
    """

    name = "sound_scenes"
    class_names = CLASS_NAMES

    def __init__(self, config: SoundScenesData, sample_rate: int) -> None:
        _check(config, sample_rate)
        self.multi_label = config.multi_label
        self.sample_rate = sample_rate
        self._seconds = 5.0 if config.seconds is None else config.seconds
        self._seed = config.scene_seed
        self._most = config.max_sources if config.multi_label else 1
        self._shortcut = None if config.shortcut is None else CLASS_NAMES.index(config.shortcut)
        self._hum_in: tuple[Split, ...] = SPLITS if config.shortcut_in_test else ("train", "val")
        counts: dict[Split, int] = {"train": config.n_train, "val": config.n_val, "test": config.n_test}
        self.splits: Mapping[Split, tuple[Clip, ...]] = {
            split: tuple(self._clip(split, index) for index in range(count)) for split, count in counts.items()
        }

    def seconds(self, clip: Clip) -> float:
        """Length of every scene in seconds."""
        return self._seconds

    def scene(self, clip: Clip) -> Scene:
        """Build the scene of a clip with all its parts.

        Raises:
            BadClip: the clip is not one of these scenes.
        """
        split, index = self._place(clip)
        classes = self._classes(split, index)
        with_hum = self._shortcut in classes and split in self._hum_in
        key = (self._seed, SPLITS.index(split), index)
        return make_scene(key, classes, self._seconds, self.sample_rate, with_hum)

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the mixture (N,) float32 and the sample rate in Hz, that of the run."""
        return self.scene(clip).mixture.astype(np.float32), self.sample_rate

    def stems(self, clip: Clip) -> Samples:
        """Return the clean sources in class order and last the rest, (C + 1, N) float32."""
        scene = self.scene(clip)
        stems = np.zeros((len(CLASS_NAMES) + 1, len(scene.mixture)), dtype=np.float32)
        for number, source in scene.sources.items():
            stems[number] = source
        stems[-1] = scene.rest
        return stems

    def hum(self, clip: Clip) -> Samples:
        """Return the planted hum (N,) float32 as it is in the clip: a part of the rest, zero where there is none."""
        return self.scene(clip).hum.astype(np.float32)

    def levels(self, clip: Clip) -> dict[str, float]:
        """Return the level of each class in the clip, in dB against background and distractors."""
        return {CLASS_NAMES[number]: level for number, level in self.scene(clip).levels.items()}

    def content_key(self, clip: Clip) -> str:
        """Return a hash of all that the sound of the clip depends on."""
        split, index = self._place(clip)
        classes = self._classes(split, index)
        with_hum = self._shortcut in classes and split in self._hum_in
        settings = (VERSION, self._seed, split, index, classes, with_hum, self._seconds, self.sample_rate)
        return hashlib.sha256(repr(settings).encode()).hexdigest()

    def _classes(self, split: Split, index: int) -> tuple[int, ...]:
        return classes_of(self._seed, split, index, self._most)

    def _clip(self, split: Split, index: int) -> Clip:
        classes = self._classes(split, index)
        present = tuple(float(number in classes) for number in range(len(CLASS_NAMES)))
        name = f"{split}/{index:05d}"
        return Clip(name, present if self.multi_label else classes[0], group=name)

    def _place(self, clip: Clip) -> tuple[Split, int]:
        """Split and index of a clip, from its name."""
        name, _, number = clip.name.partition("/")
        for split in SPLITS:
            if name == split and number.isdecimal() and int(number) < len(self.splits[split]):
                return split, int(number)
        from datamodules.audio_files import BadClip  # imports torch, which the scenes themselves do without

        raise BadClip(clip.name, "is no sound scene of this data set; they are named split/index, such as train/00000")


def _check(config: SoundScenesData, sample_rate: int) -> None:
    if sample_rate < LOWEST_RATE:
        raise CommandError(
            f"front_end.sample_rate={sample_rate} is too low for sound scenes, whose partials reach 7.5 kHz: "
            f"choose {LOWEST_RATE} or more"
        )
    if config.shortcut is not None and config.shortcut not in CLASS_NAMES:
        near = difflib.get_close_matches(config.shortcut, CLASS_NAMES, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        known = ", ".join(CLASS_NAMES)
        raise CommandError(f"data.shortcut='{config.shortcut}' is no class of sound scenes{hint} (classes: {known})")
    if config.multi_label and config.max_sources > len(CLASS_NAMES):
        raise CommandError(f"data.max_sources={config.max_sources} exceeds the {len(CLASS_NAMES)} classes")
