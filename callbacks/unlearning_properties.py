"""Units pruned by what describes them: how many measured adjectives they have, which kind, and which ones.

The properties are those of figure 4 of Wu, Lin, Weng (ICML 2024), from measured words in the place of a language
model's: the number of acoustic adjectives, of basic and of other ones, and whether a unit has one of the most frequent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from callbacks.benchmark_clips import data_of
from callbacks.dissection_taps import BOTTLENECK, DECODER, usual_layers
from callbacks.unlearning_clips import places_of
from interpretability.acoustics.adjectives import unit_words
from interpretability.acoustics.descriptors import describe
from interpretability.dissection.concepts import from_multi_label, one_hot
from interpretability.dissection.halves import split_halves
from interpretability.dissection.property_pruning import property_curve
from interpretability.dissection.unit_moments import unit_moments, unit_values

if TYPE_CHECKING:
    from callbacks.unlearning import Unlearning
    from models.classifier import AudioClassifier

K = 16
"""Clips that drive a unit most."""
AT_ONCE = 32
"""Clips described at a time."""
FREQUENT = 3
"""Adjectives, the most frequent ones of the first run, each of which is a property of its own."""
BASIC = frozenset({"low-pitched", "high-pitched", "quiet", "loud", "dark", "bright", "muffled"})
"""Adjectives of pitch, level and brightness: what the paper calls basic acoustic features."""

Words = Mapping[str, Sequence[Sequence[str]]]
"""Layer path -> adjectives of each unit, without "very"."""


def hidden_layers(model: "AudioClassifier[Any]", asked: Sequence[str]) -> list[str]:
    """Return the layers that were asked for, or else the last maps of the backbone and the components."""
    return list(asked) or [DECODER if path == BOTTLENECK else path for path in usual_layers(model)]


def described_units(work: "Unlearning", layers: Sequence[str]) -> Words:
    """Return the adjectives that hold up for each unit of some layers, measured on the clips that choose units.

    They are those of the `K` clips that drive a unit most, against clips that are otherwise alike, found on one half of
    the recordings and confirmed on the other.
    """
    data = data_of(work.run)
    places = places_of(data, "train", work.settings.clips)
    clips = [data.clip("train", place) for place in places]
    parts = []
    for start in range(0, len(places), AT_ONCE):
        batch = data.batch("train", places[start : start + AT_ONCE])
        parts.append(describe(batch.waveform, batch.length, work.run.sample_rate))
    measured = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    targets = torch.tensor([clip.target for clip in clips])
    names = work.run.class_names
    concepts = one_hot(targets, names) if targets.ndim == 1 else from_multi_label(targets, names)
    naming = split_halves(concepts, work.settings.seed, [clip.group for clip in clips]).naming
    found = {}
    for path, values in unit_values(work.model, layers, work.learn).items():
        top = values.topk(min(K, len(values)), dim=0).indices.T
        words = unit_words(measured, top, naming, match="descriptors", seed=work.settings.seed)
        found[path] = [
            [word.text.removeprefix("very ") for word in words.words(unit)] for unit in range(values.shape[1])
        ]
    return found


def frequent_words(said: Words, count: int = FREQUENT) -> list[str]:
    """Return the words that most units have."""
    counted = Counter(word for units in said.values() for unit in units for word in unit)
    return [word for word, _ in counted.most_common(count)]


def properties_of(said: Words, words: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Return properties by name, for each layer (U,): numbers of adjectives, and whether a unit has one of `words`."""

    def each(of: Any) -> dict[str, Tensor]:  # noqa: ANN401 - what a unit's words are turned into
        return {path: torch.tensor([float(of(unit)) for unit in units]).double() for path, units in said.items()}

    return {
        "adjectives": each(len),
        "basic adjectives": each(lambda unit: len(BASIC & set(unit))),
        "other adjectives": each(lambda unit: len(set(unit) - BASIC)),
        **{f'"{word}"': each(lambda unit, word=word: word in unit) for word in words},
    }


def property_curves(
    work: "Unlearning", layers: Sequence[str], words: Sequence[str] | None, draws: int, as_published: bool
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Return accuracy as units with most of each property are removed, by property, and the words that count as such.

    Args:
        work: a run and its clips.
        layers: whose units are pruned.
        words: adjectives that are properties of their own; None takes the most frequent ones.
        draws: random draws for each share.
        as_published: whether the rows in the order of a list are removed too, as the paper's code does.
    """
    said = described_units(work, layers)
    chosen = frequent_words(said) if words is None else list(words)
    moments, found = unit_moments(work.model, layers, work.learn), {}
    for name, by_layer in properties_of(said, chosen).items():
        for published in (False, True) if as_published else (False,):
            curve = property_curve(
                work.model, work.test, by_layer, draws=draws, seed=work.settings.seed, as_published=published,
                moments=moments,
            )  # fmt: skip
            found[f"{name} (list order)" if published else name] = curve
    return found, chosen


def mean_curves(folds: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the curves of the folds' properties as means over folds, with the spread of what is lost beyond random."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, first in (folds[0] if folds else {}).items():
        for place in range(len(first)):
            rows = [fold[name][place] for fold in folds]
            mean = {key: sum(row[key] for row in rows) / len(rows) for key in first[place]}
            beyond = torch.tensor([row["beyond"] for row in rows]).double()
            mean["beyond_std"] = float(beyond.std()) if len(rows) > 1 else None
            found.setdefault(name, []).append(mean)
    return found
