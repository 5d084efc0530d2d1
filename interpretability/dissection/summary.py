"""Summaries of the clips that drive a unit, calibrated by those that do not (module B of Wu et al. 2024)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.caption_embedding import Embed, cosine
from interpretability.dissection.caption_text import informative
from interpretability.dissection.captions import Captions
from interpretability.dissection.language import Answered, LanguageModel, ask_each

PUBLISHED_CLIPS = 5
"""Clips at each end of a unit (K of the paper)."""

PUBLISHED_THRESHOLD = 0.6
"""Cosine above which a sentence of both summaries says nothing about the unit; the paper's figure shows 0.9."""

SYSTEM = "You describe sounds. You are given captions of several recordings, one on each line."
PROMPT = (
    "Summarise what these recordings have in common, in at most {sentences} full sentences of at least six words. "
    "Speak of the sounds themselves, of what makes them and of their acoustic character. Leave out what only one of "
    "them has, and any introduction.\n\n{captions}"
)
SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Calibrated:
    """What is left of two summaries after subtraction.

    Attributes:
        high: sentences about the clips with the highest values that no sentence about the lowest ones resembles.
        low: the same the other way round.
    """

    high: tuple[str, ...]
    low: tuple[str, ...]

    @property
    def text(self) -> str:
        """The calibrated summary of the unit; empty where nothing is left."""
        return " ".join(self.high)


def calibrate(
    high: Sequence[str],
    low: Sequence[str],
    embed: Embed,
    threshold: float = PUBLISHED_THRESHOLD,
    as_published: bool = False,
) -> Calibrated:
    """Drop every sentence of one end that has a cosine above `threshold` with a sentence of the other end.

    Args:
        high: sentences about the clips with the highest values.
        low: sentences about those with the lowest values.
        embed: sentences -> vectors; the threshold belongs to it (see `null_threshold`).
        threshold: cosine above which two sentences say the same.
        as_published: remove from the lists while going through them, so that sentences and their vectors slip out of
            step: another sentence than the one compared may be dropped, and the last ones are not compared at all.
    """
    if not high or not low:
        return Calibrated(tuple(high), tuple(low))
    alike = cosine(embed(list(high)), embed(list(low))) > threshold
    if as_published:
        return subtract_while_iterating(high, low, alike)
    return Calibrated(
        tuple(sentence for sentence, said in zip(high, alike.any(dim=1).tolist(), strict=True) if not said),
        tuple(sentence for sentence, said in zip(low, alike.any(dim=0).tolist(), strict=True) if not said),
    )


def subtract_while_iterating(high: Sequence[str], low: Sequence[str], alike: Tensor) -> Calibrated:
    """The published subtraction: the lists shrink under the loops that go through them, `alike` (A, B) does not."""
    left, other = list(high), list(low)
    row = 0
    while row < min(len(left), len(alike)):
        sentence, column = left[row], 0
        while column < min(len(other), alike.shape[1]):
            said = other[column]
            if bool(alike[row, column]):
                if sentence in left:
                    left.remove(sentence)
                other.remove(said)
            column += 1
        row += 1
    return Calibrated(tuple(left), tuple(other))


def summaries(captions: Captions, clips: Tensor, model: LanguageModel, sentences: int = 5) -> Answered[str]:
    """Ask a language model what the captions of each unit's clips have in common.

    Args:
        captions: of the probe set.
        clips: (U, K) int64, clips of U units: those with the highest or the lowest values.
        model: the language model; two units with the same clips are one question of its cache.
        sentences: at most in a summary.

    Returns:
        One summary for each unit; a unit without one, or without captions, is marked.
    """

    def ask(texts: list[str]) -> str:
        prompt = PROMPT.format(sentences=sentences, captions="\n".join(f"- {' '.join(text.split())}" for text in texts))
        return str(model.ask(prompt, SCHEMA, SYSTEM)["summary"])

    texts = [captions.of(row) or None for row in clips]
    return ask_each(texts, ask, silent="none of the unit's clips has a caption")


def calibrated_summaries(
    captions: Captions,
    top: Tensor,
    bottom: Tensor,
    model: LanguageModel,
    embed: Embed,
    threshold: float = PUBLISHED_THRESHOLD,
    as_published: bool = False,
) -> Answered[Calibrated]:
    """Module B: summarise the captions at both ends of every unit, filter the sentences, and subtract low from high.

    Args:
        captions: of the probe set.
        top: (U, K) int64, clips with the highest values of each unit; the paper takes five.
        bottom: (U, K) int64, those with the lowest.
        model: writes the summaries.
        embed: sentences -> vectors.
        threshold: of `calibrate`.
        as_published: with the faults of the published code in filter and subtraction.

    Raises:
        InputError: Another number of units at the two ends.
    """
    if len(top) != len(bottom):
        raise InputError(f"{len(top)} units have clips with high values, {len(bottom)} with low ones")
    high, low = summaries(captions, top, model), summaries(captions, bottom, model)
    marked = {**low.marked, **high.marked}
    found: list[Calibrated | None] = []
    for place, (above, below) in enumerate(zip(high.answers, low.answers, strict=True)):
        found.append(None)
        if place not in marked and above is not None and below is not None:
            ends = (informative(above, as_published), informative(below, as_published))
            found[-1] = calibrate(*ends, embed, threshold, as_published)
    return Answered(tuple(found), marked)
