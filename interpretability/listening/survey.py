"""Many decisions at once: what each class is made of, and where each component is heard best."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from interpretability.listening.decision_audit import TINY
from interpretability.listening.interpretation import GlobalRelevance, Interpretation


class Place(NamedTuple):
    """Where a component is heard best: number of the clip, first frame and how clearly (larger is clearer)."""

    clip: int
    frame: int
    clarity: float


def clarity(activations: Tensor, dictionary: Tensor, scale: Tensor, width: int) -> Tensor:
    """How clearly each component is heard in every stretch of `width` frames: (B, K, T') from H (B, K, T).

    The mean over the stretch of its level, relative to its usual one (`scale`, (K,)), times the share it has of W H.
    """
    sound = activations * dictionary.sum(dim=0)[:, None]
    share = sound / sound.sum(dim=1, keepdim=True).clamp_min(TINY)
    heard = share * activations / scale.clamp_min(TINY)[:, None]
    return F.avg_pool1d(heard, min(width, heard.shape[-1]), stride=1)


class Survey:
    """Running global relevance, typical places of components, and hits per class over clips.

    Attributes:
        relevance: global relevance of each class.
        places: component -> its clearest place so far.
        hits: (C,) clips that hold a class and are predicted so.
        held: (C,) clips that hold a class.
        n_clips: clips so far.
    """

    def __init__(self, n_classes: int, n_components: int, width: int) -> None:
        self.relevance = GlobalRelevance(n_classes, n_components)
        self.places: dict[int, Place] = {}
        self.hits = torch.zeros(n_classes, dtype=torch.long)
        self.held = torch.zeros(n_classes, dtype=torch.long)
        self.n_clips = 0
        self._width = width

    def update(self, said: Interpretation, scale: Tensor, numbers: Tensor, truth: Tensor) -> None:
        """Add B clips, `numbers` (B,) in their split, that hold the classes `truth` (B, C) bool."""
        predicted = said.predicted.cpu()
        self.relevance.update(said.relevance, said.predicted)
        self.hits += (predicted & truth).sum(dim=0)
        self.held += truth.sum(dim=0)
        self.n_clips += len(said)
        heard = clarity(said.activations, said.dictionary, scale, self._width)
        best, frames = heard.max(dim=2)
        values, clips = best.max(dim=0)
        for component, (value, clip) in enumerate(zip(values.tolist(), clips.tolist(), strict=True)):
            if component not in self.places or value > self.places[component].clarity:
                place = Place(int(numbers[clip]), int(frames[clip, component]), value)
                self.places[component] = place

    @property
    def recall(self) -> Tensor:
        """Share (C,) of the clips that hold a class and are predicted so; NaN where there is none."""
        return torch.where(self.held > 0, self.hits / self.held, torch.nan)
