"""Captions as sentences and words: splitting, boiler-plate, repetitions and stems, without a language package."""

import re

MIN_TOKENS = 6
"""A sentence is kept with more than five tokens (Wu et al. 2024, code of module B)."""

REPEATED_TOKENS = 8
"""A run of tokens of this length that occurs twice marks a caption as a captioner's loop."""

NEGATION_WINDOW = 4
"""Tokens before a word in which "no" or "not" deny it."""

NEGATIONS = frozenset({"no", "not", "without", "n't", "never", "neither", "nor"})
PUBLISHED_NEGATIONS = frozenset({"no", "not"})

BOILERPLATE = (
    *("sure", "here are", "this help", "based on", "let me know", "please", "need any more help"),
    *("of course", "certainly", "as an ai", "i cannot", "i'm sorry", "happy to help", "hope this"),
)
"""Phrases of a language model's courtesy; a sentence that has one of them says nothing about the sound."""

PUBLISHED_BOILERPLATE = (
    "sure",
    "here are",
    "this help",
    "based on",
    "\n\n1",
    "let me know",
    "please",
    "need any more help",
)
"""Substrings that discard a sentence in the published code; "sure" also kills "pressure" and "measure"."""

TOKEN = re.compile(r"n't\b|[^\W_]+(?:[-'’](?!t\b)[^\W_]+)*|[^\w\s]", re.UNICODE)
ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|etc|approx|vs|no|dr|mr|mrs|st)\.$", re.IGNORECASE)
BOUNDARY = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
BULLET = re.compile(r"^\s*(?:[-*•]+|\d+[.)])\s+")


def tokens_of(text: str) -> list[str]:
    """Lower-case words, numbers and signs of a text; a hyphenated word is one, and "isn't" is "is" and "n't"."""
    return TOKEN.findall(re.sub(r"(\w)n['’]t\b", r"\1 n't", text.lower()))


def words_of(text: str) -> list[str]:
    """The tokens of a text that have a letter."""
    return [token for token in tokens_of(text) if any(sign.isalpha() for sign in token)]


def sentences_of(text: str) -> list[str]:
    """Split a text into sentences: at the end of lines, and after . ! and ?; bullets are taken off."""
    found: list[str] = []
    for line in text.splitlines():
        begun = ""
        for piece in BOUNDARY.split(BULLET.sub("", line).strip()):
            begun = f"{begun} {piece}".strip()
            if not ABBREVIATIONS.search(begun):
                found.append(begun)
                begun = ""
        found.append(begun)
    return [sentence for sentence in found if sentence]


def is_boilerplate(sentence: str, as_published: bool = False) -> bool:
    """Whether a sentence is a courtesy of the language model.

    Phrases are whole words; `as_published` they are substrings, which also match within words.
    """
    lowered = sentence.lower()
    if as_published:
        return any(phrase in lowered for phrase in PUBLISHED_BOILERPLATE)
    joined = f" {' '.join(words_of(sentence))} "
    if lowered.lstrip(" \"'").startswith("sure"):
        return True
    return any(f" {phrase} " in joined for phrase in BOILERPLATE if phrase != "sure")


def informative(text: str, as_published: bool = False) -> list[str]:
    """Sentences of a summary that say something: more than five tokens, and no boiler-plate."""
    return [
        sentence
        for sentence in sentences_of(text)
        if len(tokens_of(sentence)) >= MIN_TOKENS and not is_boilerplate(sentence, as_published)
    ]


def cut_repetition(text: str) -> str:
    """Cut a caption that repeats a run of eight tokens at its first line, or first sentence: its captioner looped."""
    tokens, seen = tokens_of(text), set()
    for start in range(len(tokens) - REPEATED_TOKENS + 1):
        run = tuple(tokens[start : start + REPEATED_TOKENS])
        if run in seen:
            return next(iter(sentences_of(text)), text)
        seen.add(run)
    return text


def denied(tokens: list[str], place: int, as_published: bool = False) -> bool:
    """Whether a negation stands within the four tokens before the one at `place`.

    As published only "no" and "not" count, and no word among the first four tokens is ever denied.
    """
    if as_published:
        return bool(PUBLISHED_NEGATIONS & set(tokens[place - NEGATION_WINDOW : place]))
    before = tokens[max(0, place - NEGATION_WINDOW) : place]
    ends = [i for i, token in enumerate(before) if token in {".", ";", "!", "?", "but"}]
    return bool(NEGATIONS & set(before[ends[-1] + 1 if ends else 0 :]))


def stem(word: str) -> str:
    """What inflected forms of a word share: "barks", "barked", "barking" -> "bark"; meant to compare, not to read."""
    for ending, replacement in (("ies", "y"), ("ied", "y")):
        if word.endswith(ending) and len(word) > 4:
            return word[: -len(ending)] + replacement
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and re.search("[aeiouy]", rest) and not word.endswith("eed"):
            return rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest.removesuffix("e")
    if word.endswith("ly") and len(word) > 5:
        word = word[:-2]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
