"""Common words of a unit's captions: worked by hand, against scipy and against all possible draws."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control, hypergeom

from interpretability.dissection.captions import Captions
from interpretability.dissection.summary_words import (
    WordSummary,
    by_chance,
    common_words,
    content_words,
    corpus_words,
    false_discovery,
)


def captions(*texts):
    clips = tuple(f"{i}.wav" for i in range(len(texts)))
    return Captions(clips, texts, "test", {c: "timed out" for c, t in zip(clips, texts, strict=True) if t is None})


def test_words_that_say_something():
    text = "The audio features a dog barking, no music and not a cat. Dogs bark!"
    assert content_words(text) == {"dog": "dogs", "bark": "bark"}


def test_each_word_counts_once_for_a_clip():
    corpus = corpus_words(captions("a dog, a dog barks", None, "a bell"))
    assert corpus.stems == ("bark", "bell", "dog")
    assert corpus.said.toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert corpus.known.tolist() == [True, False, True]


def test_chance_is_counted_over_all_draws():
    n, drawn, having, total = 2, 3, 4, 9
    hits = [sum(clip < having for clip in chosen) >= n for chosen in combinations(range(total), drawn)]
    found = by_chance(np.array([n, n]), np.array([drawn, drawn]), np.array([having, total]), total)
    assert found == pytest.approx([np.mean(hits), 1.0])
    cases = np.random.default_rng(0).integers([1, 5, 1], [6, 17, 2000], size=(50, 3))
    expected = hypergeom.sf(cases[:, 0] - 1, 20_000, cases[:, 2], cases[:, 1])
    assert by_chance(*cases.T, 20_000) == pytest.approx(expected, rel=1e-6)


def test_false_discovery_is_that_of_all_tests():
    p = np.random.default_rng(0).uniform(size=20) ** 3
    expected = false_discovery_control(np.concatenate([p, np.ones(30)]))[:20]
    assert false_discovery(p, 50) == pytest.approx(expected)


def test_a_shared_word_with_its_figures():
    texts = ["a loud dog barks", "dogs barking", "one dog, barking"] + [f"rain on roof {i}" for i in range(36)] + [None]
    found = common_words(captions(*texts), torch.tensor([[0, 1, 2, 39], [0, 5, 9, -1]]))
    dog, bark = sorted(found[0].words, key=lambda word: word.word, reverse=True)
    assert (dog.word, bark.word, found[0].n_captions) == ("dog", "barking", 3)
    assert (dog.share, dog.base, dog.lift) == pytest.approx((1.0, 3 / 39, 13.0))
    assert dog.p == pytest.approx(6 / (39 * 38 * 37))
    assert dog.q == pytest.approx(dog.p * 2 * 5 / 2)  # two units, five words, of which two are at this level
    assert "dog (3 of 3 clips, 13.0 times its rate in all)" in found[0].text
    assert found[1] == WordSummary((), 3)
    assert found[1].text == "nothing in common"


def test_what_the_low_end_has_too_is_not_named():
    texts = [f"dog {w}" for w in "abcde"] + [f"dog bell {w}" for w in "abcde"] + ["rain"] * 190
    top, bottom = torch.arange(5, 10)[None], torch.arange(5)[None]
    assert {word.word for word in common_words(captions(*texts), top)[0].words} == {"dog", "bell"}
    assert {word.word for word in common_words(captions(*texts), top, bottom)[0].words} == {"bell"}


def test_words_without_any_corpus():
    found = common_words(captions("the audio", "a recording"), torch.tensor([[0], [1]]))
    assert found == (WordSummary((), 0),) * 2
