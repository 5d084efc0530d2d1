"""A recorded corpus of captions with known common words: the summary names them, and none where there are none.

The captions are as a captioner would write them, fixed by a seed, so that they are the same everywhere: 2,000 texts of
four to six sentences over 40 sources, each with an action, adjectives and a place, in several turns of phrase and
inflections, between sentences that say nothing. Every clip of a unit that should share a word fails to mention it now
and then, as captioners do.
"""

import random
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from interpretability.dissection.caption_embedding import NgramEmbedder
from interpretability.dissection.caption_text import informative, stem, words_of
from interpretability.dissection.captions import Captions
from interpretability.dissection.summary import calibrated_summaries
from interpretability.dissection.summary_words import common_words

SOURCES = {
    "dog": "bark", "cat": "meow", "rooster": "crow", "cow": "moo", "sheep": "bleat", "frog": "croak", "crow": "caw",
    "bird": "chirp", "cricket": "chirp", "bee": "buzz", "baby": "cry", "man": "snore", "woman": "laugh",
    "child": "shout", "crowd": "clap", "bell": "ring", "clock": "tick", "siren": "wail", "horn": "honk",
    "engine": "rumble", "train": "rattle", "airplane": "roar", "helicopter": "thump", "chainsaw": "whine",
    "drill": "grind", "hammer": "pound", "door": "creak", "keyboard": "clatter", "mouse": "click", "faucet": "drip",
    "rain": "patter", "river": "flow", "wave": "crash", "thunder": "boom", "wind": "howl", "fire": "crackle",
    "glass": "shatter", "firework": "explode", "vacuum": "hum", "piano": "play",
}  # fmt: skip
ADJECTIVES = (
    *("loud", "quiet", "high-pitched", "low-pitched", "muffled", "sharp", "rhythmic", "metallic", "hollow", "harsh"),
    *("bright", "distant", "distorted", "noisy", "tonal", "steady", "sudden", "repetitive", "echoing", "gentle"),
)
PLACES = ("street", "kitchen", "forest", "garden", "park", "hall", "yard", "workshop", "harbour", "farm", "station")
FILLERS = (
    "The audio was recorded with a mobile phone.",
    "The quality of the recording is {quality}.",
    "There is some background noise throughout the clip.",
    "Based on the description, this audio could be used in a film about {place} life.",
    "No music or speech can be heard.",
    "Sure! Here are some details of the recording.",
    "The clip is {quality} and in mono.",
    "It may be meant for a {quality} sound library.",
    "The sound is not accompanied by any {other}.",
    "Footage like this is common in a video about a {place}.",
)
QUALITIES = ("poor", "good", "average", "clean", "fair", "mediocre")


@dataclass(frozen=True)
class Planted:
    """Captions (N), clips of U units with the highest and the lowest values (U, K), and the words each unit shares."""

    captions: Captions
    top: Tensor
    bottom: Tensor
    words: tuple[frozenset[str], ...]


def inflected(verb: str, form: int) -> str:
    base = verb.removesuffix("e")
    third = f"{verb}es" if verb.endswith(("sh", "ss", "z")) else f"{verb}s"
    return (third, f"{base}ing", f"{base}ed")[form]


def caption(rng: random.Random, source: str, adjectives: list[str], place: str, said: float = 1.0) -> str:
    """A caption; each word it is made of is left unsaid with probability 1 - `said`."""
    verb = SOURCES[source]
    noun = source if rng.random() < said else rng.choice(["object", "thing", "source"])
    action = inflected(verb, rng.randrange(3)) if rng.random() < said else "going on"
    told = [word for word in adjectives if rng.random() < said] or ["plain"]
    sentences = [
        rng.choice((f"A {noun} is {action} in the {place}.", f"In a {place} one hears the {noun}, {action}.",
                    f"The audio features a {noun} {action} near a {place}.")),
        rng.choice(("It sounds {}.", "The sound is {} overall.", "Listeners would call it {}.")).format(
            " and ".join(told)),
    ]  # fmt: skip
    for filler in rng.sample(FILLERS, rng.randint(2, 4)):
        text = filler.format(quality=rng.choice(QUALITIES), place=rng.choice(PLACES), other=rng.choice(list(SOURCES)))
        sentences.insert(rng.randrange(len(sentences) + 1), text)
    return " ".join(sentences)


def planted_corpus(n_clips: int = 2000, n_units: int = 200, k: int = 5, said: float = 0.95, seed: int = 6) -> Planted:
    """Captions of `n_clips` clips, of which each unit has k that share a source, its action and two adjectives.

    Words count as common where at least four fifths of the unit's captions have them; `bottom` are other clips.
    """
    rng = random.Random(seed)
    texts = [
        caption(rng, rng.choice(list(SOURCES)), rng.sample(ADJECTIVES, 2), rng.choice(PLACES), said)
        for _ in range(n_clips - n_units * k)
    ]
    top, bottom, words = [], [], []
    for _ in range(n_units):
        source, adjectives = rng.choice(list(SOURCES)), rng.sample(ADJECTIVES, 2)
        own = [caption(rng, source, adjectives, rng.choice(PLACES), said) for _ in range(k)]
        top.append(range(len(texts), len(texts) + k))
        bottom.append(rng.sample(range(n_clips - n_units * k), k))
        texts += own
        verb = SOURCES[source].removesuffix("e")
        common = {source: source, verb: verb, **{adjective: adjective for adjective in adjectives}}
        words.append(frozenset(w for w, part in common.items() if sum(f" {part}" in text for text in own) >= 0.8 * k))
    captions = Captions(tuple(f"{i}.wav" for i in range(n_clips)), tuple(texts), "planted")
    return Planted(captions, torch.tensor([list(row) for row in top]), torch.tensor(bottom), tuple(words))


def scores(corpus, found):
    """Share of the planted words that are named, and of the named ones that were planted."""
    planted = [{stem(word) for word in words} for words in corpus.words]
    named = [{stem(word.word) for word in summary.words} for summary in found]
    both = sum(len(a & b) for a, b in zip(planted, named, strict=True))
    return both / sum(map(len, planted)), both / sum(map(len, named))


@pytest.mark.parametrize(("k", "n_clips", "said"), [(5, 2000, 0.95), (5, 2000, 0.8), (16, 5000, 0.9)])
def test_planted_common_words_are_named(k, n_clips, said):
    corpus = planted_corpus(n_clips, 200, k, said)
    assert sum(map(len, corpus.words)) > 400
    recall, precision = scores(corpus, common_words(corpus.captions, corpus.top, corpus.bottom))
    print(f"k={k} said={said}: {recall:.1%} of the planted words named, {precision:.1%} of the named ones planted")
    assert recall >= 0.9
    assert precision >= 0.8  # words of three clips in five were not counted as planted, and are named with reason


def test_random_clips_have_nothing_in_common():
    corpus = planted_corpus()
    generator = torch.Generator().manual_seed(0)
    chosen = torch.stack([torch.randperm(2000, generator=generator)[:5] for _ in range(400)])
    assert sum(bool(summary.words) for summary in common_words(corpus.captions, chosen)) <= 0.05 * 400


class Repeats:
    """A language model whose summary is all that it was shown."""

    id = "repeats"

    def ask(self, prompt, schema, system="", audio=None):
        return {"summary": " ".join(line[2:] for line in prompt.splitlines() if line.startswith("- "))}


@pytest.mark.parametrize(("as_published", "kept"), [(False, (0.0, 0.3)), (True, (0.5, 1.0))])
def test_subtraction_keeps_the_planted_words_and_drops_what_is_said_of_all(as_published, kept):
    corpus = planted_corpus(n_units=40)
    embed = NgramEmbedder([sentence for text in corpus.captions.of(range(400)) for sentence in informative(text)])
    ends = (corpus.top, corpus.bottom)
    found = calibrated_summaries(corpus.captions, *ends, Repeats(), embed, as_published=as_published)
    said = [{stem(word) for word in words_of(answer.text)} for answer in found.answers]
    planted = [{stem(word) for word in words} for words in corpus.words]
    share = sum(len(a & b) for a, b in zip(planted, said, strict=True)) / sum(map(len, planted))
    usual = ("phone", "background noise", "music or speech", "quality of")
    before = [s for row in corpus.top for t in corpus.captions.of(row) for s in informative(t, as_published)]
    after = [sentence for answer in found.answers for sentence in answer.high]
    left = [sum(any(phrase in s for phrase in usual) for s in sentences) for sentences in (before, after)]
    print(f"{share:.1%} of the planted words kept, {left[1] / left[0]:.1%} of the usual sentences")
    assert share >= 0.9
    assert kept[0] <= left[1] / left[0] <= kept[1]
