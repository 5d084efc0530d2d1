"""Closed vocabulary: which concept of a list a unit responds to, by captions, by sound, or by a language model.

The three ways of module A of Wu et al. 2024. `similarity` is a function of values (N, U) and concept scores (N, M) that
returns (U, M); those of the paper are in `interpretability.dissection.similarity`. Whole layers are scored at once: the
mutual-information functions need all units of a layer to know what is usual.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.caption_embedding import Embed, cosine
from interpretability.dissection.caption_text import sentences_of
from interpretability.dissection.captions import PUBLISHED_SCALE
from interpretability.dissection.language import LanguageModel, ask_each
from interpretability.dissection.similarity import Similarity

HIDDEN_CLIPS = 5
"""Clips that the published description-based way sees of a hidden unit."""

SENTENCE = "This is an audio about {}"
"""Sentence in which the answer of the in-context way and the concepts are compared."""

SYSTEM = (
    "You know a list of names of sounds. You are given a description of some recordings and choose the {wanted} that "
    "match it best, the best first, in the spelling of the list.\nNames: {names}"
)
EXAMPLES = (
    "Description: All recordings have a cat that meows, sometimes several times. They are loud, and some are distorted "
    "or muffled.\nReason: the description speaks of a cat that meows.\nAnswer: cat\n\n"
    "Description: A person snores loudly, slowly at first and then faster; one recording has a growling creature "
    "instead. Nothing else is heard.\nReason: most of it is snoring; a growling creature is not in the list.\n"
    "Answer: snoring\n\n"
)
PROMPT = EXAMPLES + "Description: {description}"


@dataclass(frozen=True, eq=False)
class ClosedNames:
    """How well each of M concepts fits each of U units.

    Attributes:
        scores: (U, M) similarity; of the in-context way M, M - 1, ... in the order named, 0 for what is not.
        names: of the concepts.
        marked: unit -> why it has no name.
    """

    scores: Tensor
    names: tuple[str, ...]
    marked: Mapping[int, str] = field(default_factory=dict)

    def best(self, k: int = 1) -> tuple[tuple[str, ...], ...]:
        """The k best names of each unit, the best first; none of a unit that is marked."""
        order = self.scores.argsort(dim=1, descending=True, stable=True)[:, :k].tolist()
        return tuple(
            () if unit in self.marked else tuple(self.names[concept] for concept in row)
            for unit, row in enumerate(order)
        )

    def accuracy(self, truth: Sequence[str], k: int = 1) -> float:
        """Share of units whose true name is among their k best; a marked unit is wrong."""
        return sum(name in best for name, best in zip(truth, self.best(k), strict=True)) / len(truth)


def description_based(
    values: Tensor,
    captions: Tensor,
    concepts: Tensor,
    names: Sequence[str],
    similarity: Similarity,
    known: Tensor | None = None,
    as_published: Literal["no", "head", "hidden"] = "no",
) -> ClosedNames:
    """Name units by what is said of the clips: concept scores are softmax over concepts of 100 cos(caption, concept).

    Args:
        values: (N, U) of the units.
        captions: (N, D) embeddings of the captions.
        concepts: (M, D) embeddings of the concepts' names.
        names: of the concepts.
        similarity: the paper takes cosine-cubed.
        known: (N,) bool, clips that have a caption; the others are left out. None for all.
        as_published: "head" scores one unit at a time, so that mutual information has nothing to be mutual with;
            "hidden" also shows it no more than the unit's five highest clips, of which a mean is taken off.
    """
    if known is not None:
        values, captions = values[known], captions[known]
    scores = (PUBLISHED_SCALE * cosine(captions, concepts)).softmax(dim=1)
    if as_published == "no":
        return ClosedNames(similarity(values, scores), tuple(names))
    rows = []
    for unit in values.T:
        shown = unit.topk(min(HIDDEN_CLIPS, len(unit))).indices if as_published == "hidden" else torch.arange(len(unit))
        rows.append(similarity(unit[shown, None], scores[shown]))
    return ClosedNames(torch.cat(rows), tuple(names))


def top_audio_based(
    values: Tensor, audio: Tensor, concepts: Tensor, names: Sequence[str], similarity: Similarity
) -> ClosedNames:
    """Name units by the sound of the clips: concept scores are cos(sound, concept) of an audio-text encoder.

    Args:
        values: (N, U) of the units; all clips are used.
        audio: (N, D) embeddings of the clips, such as `models.clap` makes.
        concepts: (M, D) embeddings of the concepts' names by the same encoder.
        names: of the concepts.
        similarity: the paper takes soft-WPMI to select units for pruning; WPMI does as well.
    """
    return ClosedNames(similarity(values, cosine(audio, concepts)), tuple(names))


def in_context(
    summaries: Sequence[str | None],
    names: Sequence[str],
    model: LanguageModel,
    embed: Embed,
    answers: int = 1,
    as_published: bool = False,
) -> ClosedNames:
    """Name units by asking a language model, with two worked examples, which names fit the summary of their clips.

    An answer that is not in the list counts as the name next to it, by the cosine of "This is an audio about ...".

    Args:
        summaries: of the highest clips of each unit, not calibrated; None or empty where there is none.
        names: of the concepts.
        model: answers.
        embed: sentences -> vectors.
        answers: names asked for; the paper asks for one, and for five in a question of its own.
        as_published: take a free text, and find the names in it by the published rules (`names_in_reply`).

    Raises:
        InputError: More answers are asked for than there are names.
    """
    if not 1 <= answers <= len(names):
        raise InputError(f"{answers} names are asked for out of {len(names)}")
    known = embed([SENTENCE.format(name) for name in names])
    system = SYSTEM.format(wanted="name" if answers == 1 else f"{answers} names", names=", ".join(names))

    def ask(summary: str) -> list[int]:
        prompt = PROMPT.format(description=" ".join(summary.split()))
        reply = model.ask(prompt, reply_schema(answers, as_published), system)
        said = names_in_reply(reply["reply"]) if as_published else reply["names"]
        return [nearest(str(name), names, embed, known) for name in said[:answers]]

    found = ask_each([text or None for text in summaries], ask, silent="there is no summary of the unit's clips")
    scores = torch.zeros(len(summaries), len(names))
    for unit, order in enumerate(found.answers):
        for rank, concept in reversed(list(enumerate(order or []))):
            scores[unit, concept] = len(names) - rank
    return ClosedNames(scores, tuple(names), found.marked)


def reply_schema(answers: int, as_published: bool) -> dict[str, object]:
    """JSON schema of an in-context answer: a reason and so many names, or a free text."""
    if as_published:
        properties: dict[str, object] = {"reply": {"type": "string"}}
    else:
        items = {"type": "array", "items": {"type": "string"}, "minItems": answers, "maxItems": answers}
        properties = {"reason": {"type": "string"}, "names": items}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def nearest(said: str, names: Sequence[str], embed: Embed, known: Tensor) -> int:
    """Position of the name that was said, or of the one next to it."""
    plain = said.strip().lower().replace(" ", "_")
    spelt = [name.lower().replace(" ", "_") for name in names]
    if plain in spelt:
        return spelt.index(plain)
    return int(cosine(embed([SENTENCE.format(said)]), known)[0].argmax())


def names_in_reply(reply: str) -> list[str]:
    """The published reading of a free text: what is quoted, else after "Answer:" or a #, else all of it."""
    found = reply.split("Answer:")[-1].split(",") if "Answer:" in reply else []
    if '"' in reply:
        found = re.findall(r'"([^"]*)"', reply)
    elif "'" in reply:
        found = re.findall(r"'([^']*)'", reply)
    elif "#" in reply:
        found = [[sentence for sentence in sentences_of(reply) if "#" in sentence][-1].split("#")[-1]]
    return found or [reply]


def name_similarity(
    found: ClosedNames, truth: Sequence[str], embed: Embed, k: int = 1, as_published: bool = False
) -> float:
    """Mean cosine of the embeddings of each unit's best name and its true one; a marked unit counts 0.

    As published for the top-audio-based way, each unit's list of k names goes to the encoder, which takes the first two
    of them for one text.
    """
    best = found.best(max(k, 2) if as_published else 1)
    said = [" ".join(names[:2]) if as_published else "".join(names[:1]) for names in best]
    rows = torch.nn.functional.normalize(embed(said).float(), dim=1)
    true = torch.nn.functional.normalize(embed(list(truth)).float(), dim=1)
    named = torch.tensor([bool(names) for names in best], dtype=rows.dtype)
    return float(((rows * true).sum(dim=1).cpu() * named).mean())
