"""Open vocabulary: the acoustic words of a calibrated summary, and which classes its nouns name (module C)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from interpretability.dissection.caption_text import denied, stem, tokens_of
from interpretability.dissection.concept_lists import spoken
from interpretability.dissection.language import LanguageModel, NoAnswerError
from interpretability.dissection.vocabulary import (
    ADJECTIVE_TAGS,
    FUNCTION_WORDS,
    NOUN_TAGS,
    SETTING_WORDS,
    SOUND_ADJECTIVES,
    VERB_TAGS,
    Tagger,
    rule_tags,
)

PUBLISHED_STOP_ADJECTIVES = frozenset(
    {"other", "most", "some", "any", "several", "many", "few", "all", "each", "every", "another", "both", "either",
     "neither", "such", "more", "less", "a few", "a lot", "much", "little", "none", "no one", "somebody", "someone",
     "something", "somewhere", "used", "audio", "best", "due", "recorded", "various", "video", "meant", "easy",
     "737-800", "personal", "external", "overall", "sound", "mobile", "designed", "well-defined", "detailed",
     "suitable", "small", "first", "second", "third", "fourth", "fifth", "related", "different", "actual", "kitchen",
     "*", "2-3", "everyday", "common"}
)  # fmt: skip
"""Words that count as no description (Wu et al. 2024, code of module C)."""

SYSTEM = "You judge words for a study of how sounds are described."
PROMPT = (
    "Is the adjective \"{word}\" used of the tone, the emotion or the acoustic character of a sound, of music or of a "
    "voice? Give a reason of one sentence, then the answer."
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "acoustic": {"type": "boolean"}},
    "required": ["reason", "acoustic"],
    "additionalProperties": False,
}
FREE_SCHEMA = {
    "type": "object",
    "properties": {"reply": {"type": "string"}},
    "required": ["reply"],
    "additionalProperties": False,
}
IsAcoustic = Callable[[str], bool]


@dataclass(frozen=True)
class OpenWords:
    """The words of a calibrated summary, as the paper's experiments count them.

    Attributes:
        adjectives: those that describe sound, in the order of the text, each once.
        other_adjectives: those that do not.
        nouns, verbs, prepositions: in the order of the text, as often as they stand there.
        length: tokens of the text.
    """

    adjectives: tuple[str, ...]
    other_adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    prepositions: tuple[str, ...]
    length: int


def is_sound_adjective(word: str) -> bool:
    """Whether a word is in our list of adjectives of sound, or ends in "-pitched", "-frequency" or "-like"."""
    return word in SOUND_ADJECTIVES or word.endswith(("-pitched", "-frequency", "-like", "-sounding"))


def open_words(
    text: str, is_acoustic: IsAcoustic = is_sound_adjective, tag: Tagger = rule_tags, as_published: bool = False
) -> OpenWords:
    """Acoustic words of a calibrated summary.

    Args:
        text: the sentences that are left of the summary of the high end.
        is_acoustic: whether an adjective describes sound; see `AcousticFilter` for the paper's question to a model.
        tag: kinds of words; `nltk.pos_tag` may be handed in, as tokens -> tags.
        as_published: with the negation window of the published code, which fails for the first four tokens, and its
            stop list alone.
    """
    tokens = tokens_of(text)
    tags = tag(tokens)
    described: dict[str, bool] = {}
    stopped = PUBLISHED_STOP_ADJECTIVES if as_published else PUBLISHED_STOP_ADJECTIVES | SETTING_WORDS
    for place, (token, kind) in enumerate(zip(tokens, tags, strict=True)):
        wanted = kind in ADJECTIVE_TAGS and token not in stopped and not denied(tokens, place, as_published)
        if wanted and token not in described:
            described[token] = is_acoustic(token)

    def of_kind(kinds: frozenset[str], stop: frozenset[str]) -> tuple[str, ...]:
        return tuple(token for token, kind in zip(tokens, tags, strict=True) if kind in kinds and token not in stop)

    silent = FUNCTION_WORDS if as_published else FUNCTION_WORDS | SETTING_WORDS
    return OpenWords(
        adjectives=tuple(word for word, acoustic in described.items() if acoustic),
        other_adjectives=tuple(word for word, acoustic in described.items() if not acoustic),
        nouns=of_kind(NOUN_TAGS, silent),
        verbs=of_kind(VERB_TAGS, silent),
        prepositions=of_kind(frozenset({"IN"}), frozenset()),
        length=len(tokens),
    )


class AcousticFilter:
    """Asks a language model whether an adjective describes sound: one question for each word, however often it stands.

    A word about which there is no answer is judged by the list (`is_sound_adjective`) and marked.

    Args:
        model: answers.
        as_published: take a free text for an answer, and "yes" anywhere in it for a yes.

    Attributes:
        marked: word -> why the model did not answer.
    """

    def __init__(self, model: LanguageModel, as_published: bool = False) -> None:
        self.model, self.as_published = model, as_published
        self.marked: dict[str, str] = {}
        self.known: dict[str, bool] = {}
        self.final = ""

    def __call__(self, word: str) -> bool:
        """Whether the word describes tone, emotion or acoustic character."""
        if word not in self.known:
            self.known[word] = self._ask(word)
        return self.known[word]

    def _ask(self, word: str) -> bool:
        if not self.final:
            try:
                if self.as_published:
                    return says_yes(self.model.ask(PROMPT.format(word=word), FREE_SCHEMA, SYSTEM)["reply"])
                return bool(self.model.ask(PROMPT.format(word=word), SCHEMA, SYSTEM)["acoustic"])
            except NoAnswerError as error:
                self.final = str(error) if error.final else ""
                self.marked[word] = str(error)
                return is_sound_adjective(word)
        self.marked[word] = self.final
        return is_sound_adjective(word)


def says_yes(reply: str) -> bool:
    """The published reading of a free-text reply: "yes" anywhere in it, as in "eyes" and in "not yes, but no"."""
    return "yes" in reply.lower()


def classes_named(nouns: Sequence[str], classes: Sequence[str], as_published: bool = False) -> tuple[str, ...]:
    """Classes that one of the nouns names, for pruning by open concepts.

    A noun has to be one of the words of the class's name, in any inflection: "bells" names church_bells, "rain" does
    not name train. As published it may be any part of the name's letters, so that "use" names mouse_click.
    """
    if as_published:
        return tuple(name for name in classes if any(noun in name for noun in nouns))
    said = {stem(word) for noun in nouns for word in spoken(noun).split()} - {""}
    return tuple(name for name in classes if said & {stem(word) for word in re.findall(r"\w+", spoken(name).lower())})


def word_counts(found: Mapping[int, OpenWords]) -> dict[str, int]:
    """How many units have each acoustic adjective, the most frequent first."""
    counts: dict[str, int] = {}
    for words in found.values():
        for word in words.adjectives:
            counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
