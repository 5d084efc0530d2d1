"""Properties of what drives units, measured, by which units are pruned: how many adjectives they have, and which."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from callbacks.benchmark_clips import data_of, spread
from interpretability.acoustics.adjectives import unit_words
from interpretability.acoustics.descriptors import describe

if TYPE_CHECKING:
    from callbacks.unlearning import Unlearning

K = 16
"""Clips that drive a unit most."""
FREQUENT = 3
"""Adjectives, the most frequent ones, each of which is a property of its own."""


def described_properties(work: "Unlearning", values: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return properties by name, for each layer (U,): the number of adjectives, and whether a frequent one is there.

    Args:
        work: a run and its clips; the training clips that choose units are described.
        values: layer path -> (N, U), one number of each unit for each of these clips.
    """
    run, data = work.run, data_of(work.run)
    targets = [data.clip("train", place).target for place in range(len(data.dataset("train")))]
    batch = data.batch("train", spread(targets, min(work.settings.clips, len(targets))))
    n_clips = len(next(iter(values.values())))
    descriptors = describe(batch.waveform[:n_clips], batch.length[:n_clips], run.sample_rate)
    in_a = torch.arange(n_clips) % 2 == 0
    said: dict[str, list[list[str]]] = {}
    for path, numbers in values.items():
        top = numbers.topk(min(K, n_clips), dim=0).indices.T
        words = unit_words(descriptors, top, in_a, batch.target[:n_clips])
        said[path] = [[word.text for word in words.words(unit)] for unit in range(numbers.shape[1])]
    counted = Counter(word for units in said.values() for unit in units for word in unit)
    found = {"number of adjectives": {path: _tensor([len(unit) for unit in units]) for path, units in said.items()}}
    for word, _ in counted.most_common(FREQUENT):
        found[word] = {path: _tensor([float(word in unit) for unit in units]) for path, units in said.items()}
    return found


def _tensor(values: list[float] | list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
