"""Random changes of training clips as waveforms; every draw comes from the generator that is handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from configs.data_schema import AugmentationConfig
from datamodules.clip_source import Samples

# Two recordings of which one is drowned would both be labelled in full, so that neither may be weaker than this.
_LEAST_WEIGHT_OF_A_LABEL = 0.3


@dataclass(frozen=True)
class LabelledSound:
    """A clip while it is changed.

    Attributes:
        waveform: (n,) float32, without padding.
        target: (C,) float32, one number in [0, 1] per class.
        observed: (C,) bool, which labels are known; None when all are.
    """

    waveform: Samples
    target: Samples
    observed: np.ndarray[Any, np.dtype[np.bool_]] | None = None


def augment(
    sound: LabelledSound,
    draw_partner: Callable[[np.random.Generator], LabelledSound],
    config: AugmentationConfig,
    multi_label: bool,
    generator: np.random.Generator,
) -> LabelledSound:
    """Shift, mix, change the level and add noise, each as the configuration says.

    Args:
        sound: the clip.
        draw_partner: reads another training clip for mixup, chosen by draws from the generator it is given.
        config: which changes and how large.
        multi_label: whether labels are present or absent each for itself, rather than shares of one.
        generator: the clip's own (`clip_generator`), which makes the result a function of (seed, epoch, index).
    """
    sound = replace(sound, waveform=shift(sound.waveform, config.shift, generator))
    if config.mixup > 0 and generator.random() < config.mixup:
        partner = draw_partner(generator)
        partner = replace(partner, waveform=shift(partner.waveform, config.shift, generator))
        weight = float(generator.beta(config.mixup_alpha, config.mixup_alpha))
        sound = mix(sound, partner, weight, multi_label)
    waveform = change_gain(sound.waveform, config.gain_db, generator)
    if config.noise_db is not None:
        waveform = add_noise(waveform, config.noise_db, generator)
    return replace(sound, waveform=_within_full_scale(waveform))


def shift(waveform: Samples, largest: float, generator: np.random.Generator) -> Samples:
    """Turn a clip (n,) around in time by up to `largest` of its length, either way; what leaves comes in again."""
    if largest <= 0:
        return waveform
    return np.roll(waveform, round(generator.uniform(-largest, largest) / 2 * waveform.size))


def change_gain(waveform: Samples, largest_db: float, generator: np.random.Generator) -> Samples:
    """Multiply a clip (n,) by a gain drawn uniformly in dB between -largest_db and largest_db."""
    if largest_db <= 0:
        return waveform
    return waveform * np.float32(10 ** (generator.uniform(-largest_db, largest_db) / 20))


def add_noise(waveform: Samples, snr_db: float, generator: np.random.Generator) -> Samples:
    """Add white Gaussian noise at a signal-to-noise ratio in dB over the whole clip (n,)."""
    noise = generator.standard_normal(waveform.size, dtype=np.float32)
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return waveform + noise * np.float32(level * 10 ** (-snr_db / 20))


def mix(first: LabelledSound, second: LabelledSound, weight: float, multi_label: bool) -> LabelledSound:
    """Add two clips of peak 1 with weights `weight` and 1 - `weight`; the longer sets the length (Zhang et al. 2018).

    Single-label targets are weighted likewise. Multi-label targets are united, for both sounds are there to be heard; a
    label is then known where both clips know it, or where one of them knows it to be present.
    """
    if multi_label:
        weight = min(max(weight, _LEAST_WEIGHT_OF_A_LABEL), 1 - _LEAST_WEIGHT_OF_A_LABEL)
    waveform = np.zeros(max(first.waveform.size, second.waveform.size), dtype=np.float32)
    for sound, share in ((first, weight), (second, 1 - weight)):
        waveform[: sound.waveform.size] += sound.waveform * np.float32(share / _peak(sound.waveform))
    if not multi_label:
        target = np.float32(weight) * first.target + np.float32(1 - weight) * second.target
        return LabelledSound(waveform, target.astype(np.float32))
    known = [np.ones(s.target.size, dtype=bool) if s.observed is None else s.observed for s in (first, second)]
    target = np.maximum(first.target * known[0], second.target * known[1])
    observed = (known[0] & known[1]) | (target > 0)
    everything_known = first.observed is None and second.observed is None
    return LabelledSound(waveform, target, None if everything_known else observed)


def _peak(waveform: Samples) -> float:
    return max(float(np.abs(waveform).max(initial=0.0)), 1e-8)


def _within_full_scale(waveform: Samples) -> Samples:
    peak = _peak(waveform)
    return waveform / np.float32(peak) if peak > 1 else waveform
