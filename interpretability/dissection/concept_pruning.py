"""Concept-specific pruning as published: units chosen by their names are removed, and logits are compared.

Wu, Lin, Weng, "AND: Audio Network Dissection for Interpreting Deep Acoustic Models", ICML 2024, table 4: for each
class units of the hidden layers are zeroed, and the mean logit ("confidence") of its clips is compared with
that of the other classes' clips. Logits say little by themselves: they fall everywhere when units go. Accuracy and the
distance from matched random draws stand beside them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from interpretability.dissection.ablation_effect import AblationEffect

TOP = 3
"""Concepts of a unit, best first, among which a class has to be (of 50 in the paper)."""
STRATEGIES: dict[str, str] = {
    "tab": "TAB: class among the top of soft-WPMI",
    "db": "DB: class among the top of cosine cubed",
    "ocp": "OCP: class in the words of the unit",
    "random": "random units",
    "effects": "measured effects (ours)",
}
"""Ways to choose units, and how they are called."""

Strategy = Literal["tab", "db", "ocp", "random", "effects"]


def by_similarity(similarity: Mapping[str, Tensor], label: int, top: int = TOP) -> dict[str, list[int]]:
    """Return the units that have a class among the `top` most similar concepts.

    Args:
        similarity: layer path -> (U, M), of units and classes.
        label: class.
        top: concepts of a unit that count.
    """
    found = {}
    for path, values in similarity.items():
        best = values.argsort(dim=1, descending=True, stable=True)[:, :top]
        found[path] = (best == label).any(dim=1).nonzero().flatten().tolist()
    return found


def by_words(
    words: Mapping[str, Sequence[Sequence[str]]], name: str, as_published: bool = False
) -> dict[str, list[int]]:
    """Return the units one of whose words is a word of a class's name (OCP).

    Args:
        words: layer path -> words of each unit.
        name: of the class.
        as_published: take any word that is a part of the name's letters, as the paper's code does: "rain" then chooses
            units for "train".
    """
    parts = {part for part in re.split(r"[^\w]+|_", name.lower()) if part}

    def fits(word: str) -> bool:
        return word.lower() in name.lower() if as_published else word.lower() in parts

    return {
        path: [unit for unit, said in enumerate(units) if any(fits(word) for word in said)]
        for path, units in words.items()
    }


def label_words(values: Tensor, target: Tensor, names: Sequence[str], k: int = 5) -> list[list[str]]:
    """Return words of each unit from labels, where there are no captions: of its top clips, not of its lowest ones.

    As in the paper's calibrated summaries, what the `k` highest and the `k` lowest clips have in common says nothing.

    Args:
        values: (N, U), one number of each unit for each clip.
        target: classes (N,), or labels (N, C).
        names: of the C classes.
        k: clips at either end.
    """
    held = torch.nn.functional.one_hot(target, len(names)) if target.ndim == 1 else (target > 0.5).long()
    order = values.argsort(dim=0, descending=True)
    found = []
    for unit in range(values.shape[1]):
        high, low = held[order[:k, unit]].sum(dim=0), held[order[-k:, unit]].sum(dim=0)
        labels = ((high > 0) & (low == 0)).nonzero().flatten().tolist()
        found.append(sorted({part for label in labels for part in re.split(r"[^\w]+|_", names[label].lower()) if part}))
    return found


def confidence_drop(effects: Mapping[int, AblationEffect]) -> dict[str, float]:
    """Return the paper's table row of one strategy, from the effect of removing each class's units.

    `ablated` is the mean over classes c of the change of c's own mean logit when its units go; `remaining` that of the
    other classes, each on its own clips; `difference` |ablated| - |remaining|, as it is printed; `units` the mean
    number removed.
    """
    ablated, remaining, counts = [], [], []
    for label, effect in effects.items():
        change = (effect.after.per_class()["logit"] - effect.before.per_class()["logit"])[0]
        others = torch.cat([change[:label], change[label + 1 :]])
        ablated.append(float(change[label]))
        remaining.append(float(others[others.isfinite()].mean()))
        counts.append(sum(map(len, effect.units.values())))
    means = [sum(values) / len(values) for values in (ablated, remaining, counts)]
    return {
        "ablated": means[0],
        "remaining": means[1],
        "difference": abs(means[0]) - abs(means[1]),
        "units": means[2],
    }
