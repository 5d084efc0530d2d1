"""What was said of each clip of the probe set, and concepts scored by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.caption_embedding import Embed, cosine
from interpretability.dissection.caption_text import cut_repetition
from interpretability.dissection.concept_lists import spoken
from interpretability.dissection.concepts import Concepts

PUBLISHED_SCALE = 100.0
"""Factor before the softmax over concepts (Wu et al. 2024, module A: the logit scale of CLIP)."""


@dataclass(frozen=True)
class Captions:
    """Texts of the N clips of a probe set.

    Attributes:
        clips: names of the clips.
        texts: one for each clip; None where there is none.
        source: a file, or the id of the model that wrote them.
        missing: name of a clip without a text -> why it has none.

    Raises:
        InputError: No clips, another number of texts, no text at all, or a clip without one and without a reason.
    """

    clips: tuple[str, ...]
    texts: tuple[str | None, ...]
    source: str
    missing: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.clips or len(self.clips) != len(self.texts):
            raise InputError(f"captions from {self.source}: {len(self.texts)} texts for {len(self.clips)} clips")
        cleaned = tuple(cut_repetition(text).strip() or None if text else None for text in self.texts)
        object.__setattr__(self, "texts", cleaned)
        silent = [clip for clip, text in zip(self.clips, cleaned, strict=True) if text is None]
        unexplained = [clip for clip in silent if clip not in self.missing]
        if unexplained:
            raise InputError(
                f"captions from {self.source}: none for clip {unexplained[0]!r} ({len(unexplained)} such clips); "
                "add it, or leave the clip out of the probe set"
            )
        if len(silent) == len(self.clips):
            reason = self.missing[silent[0]]
            raise InputError(f"captions from {self.source}: none of the {len(self.clips)} clips has one ({reason})")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def problem(self) -> str:
        """How many clips have no text, and why the first of them; empty where all have one."""
        silent = [clip for clip, text in zip(self.clips, self.texts, strict=True) if text is None]
        reason = f"{silent[0]}: {self.missing[silent[0]]}" if silent else ""
        return f"{len(silent)} of {len(self.clips)} clips have no caption ({reason})" if silent else ""

    def of(self, clips: Tensor | Sequence[int]) -> list[str]:
        """Texts of the clips at these positions, in this order, without those that have none; -1 is no clip."""
        texts = [self.texts[place] for clip in clips if (place := int(clip)) >= 0]
        return [text for text in texts if text is not None]

    @property
    def known(self) -> Tensor:
        """(N,) bool: which clips have a text."""
        return torch.tensor([text is not None for text in self.texts])


def caption_similarity(captions: Captions, names: Sequence[str], embed: Embed) -> Tensor:
    """Cosine (N, M) of every caption with every concept's name as words; 0 where a clip has no caption."""
    known = captions.known
    rows = cosine(embed(captions.of(range(len(captions)))), embed([spoken(name) for name in names]))
    found = torch.zeros(len(captions), len(names), dtype=rows.dtype)
    found[known] = rows.cpu()
    return found


def concepts_from_captions(
    captions: Captions, names: Sequence[str], embed: Embed, scale: float = PUBLISHED_SCALE
) -> Concepts:
    """Probability of each concept given the caption: softmax over concepts of `scale` times the cosine.

    The scores of the paper's description-based way (module A). Clips without a caption are not observed.

    Raises:
        InputError: As `Concepts`.
    """
    scores = (scale * caption_similarity(captions, names, embed)).softmax(dim=1)
    known = captions.known[:, None].expand(-1, len(names))
    return Concepts(tuple(names), scores, "probability", "captions", known)
