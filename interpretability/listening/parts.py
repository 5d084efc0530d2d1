"""The parts of one clip that are worth hearing, one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from interpretability.listening.interpretation import Interpretation


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
    order: list[int] = said.logits[0].argsort(descending=True).tolist()
    return [c for c in order if bool(said.predicted[0, c])] or order[:1]


def parts(said: Interpretation, classes: Sequence[int], components: Sequence[int]) -> Iterator[Part]:
    """Yield the sound of each class, of the rest, and of each component of a clip (B = 1).

    The rest is what none of `classes` selects, with what no component holds: with one class, both add up to the clip.
    """
    chosen = torch.stack([said.selected(label)[0] for label in classes])  # (classes, K)
    for label, gains in zip(classes, chosen, strict=True):
        yield Part("class", label, said.render(gains[None, None])[0, 0])
    yield Part("rest", None, said.render(~chosen.any(dim=0)[None, None], remainder=0)[0, 0])
    for component in components:
        yield Part("component", component, said.component_sound([component])[0, 0])
