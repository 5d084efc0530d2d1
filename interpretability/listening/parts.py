"""The parts of one clip that are worth hearing, one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from interpretability.listening.interpretation import Interpretation

FRAMES_AT_ONCE = 4096
"""STFT frames of all parts that are rendered together (34 MB for each complex spectrogram of 513 bins)."""


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a clip.

    Attributes:
        kind: interpretation of a class, what no class shown selects, or one component.
        number: of the class or component; None for the rest.
        sound: (N,) at the level of the clip.
    """

    kind: Literal["class", "rest", "component"]
    number: int | None
    sound: Tensor


def shown_classes(said: Interpretation) -> list[int]:
    """Numbers of the classes that a clip (B = 1) is explained for: those predicted, or else the strongest one."""
    order: list[int] = said.decision[0].argsort(descending=True).tolist()
    return [c for c in order if bool(said.predicted[0, c])] or order[:1]


def parts(said: Interpretation, classes: Sequence[int], components: Sequence[int]) -> Iterator[Part]:
    """Yield the sound of each class, of the rest, and of each component of a clip (B = 1).

    The rest is what none of `classes` selects, with what no component holds: with one class, both add up to the clip.
    Of a long recording as many parts as memory allows are rendered at a time.
    """
    at_once = components_at_once = max(1, FRAMES_AT_ONCE // said.activations.shape[-1])
    chosen = torch.stack([said.selected(label)[0] for label in classes])  # (classes, K)
    gains = torch.cat([chosen, ~chosen.any(dim=0, keepdim=True)])
    if said.scale == "fitted":  # groups are fitted against each other
        at_once = max(at_once, len(gains))
    for start in range(0, len(gains), at_once):
        group = gains[start : start + at_once]
        is_last = start + len(group) == len(gains)
        for place, sound in enumerate(said.render(group[None], len(group) - 1 if is_last else None)[0], start):
            is_rest = place == len(classes)
            yield Part("rest" if is_rest else "class", None if is_rest else classes[place], sound)
    for start in range(0, len(components), components_at_once):
        numbers = components[start : start + components_at_once]
        for number, sound in zip(numbers, said.component_sound(numbers)[0], strict=True):
            yield Part("component", number, sound)
