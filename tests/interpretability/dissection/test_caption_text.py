"""Sentences, words and stems of captions, against cases worked by hand."""

import pytest

from interpretability.dissection.caption_text import (
    cut_repetition,
    denied,
    informative,
    is_boilerplate,
    sentences_of,
    stem,
    tokens_of,
    words_of,
)


def test_tokens():
    assert tokens_of("A high-pitched tone, 440 Hz.") == ["a", "high-pitched", "tone", ",", "440", "hz", "."]
    assert tokens_of("It isn't loud") == ["it", "is", "n't", "loud"]
    assert words_of("A tone, 440 Hz!") == ["a", "tone", "hz"]
    assert tokens_of("") == []


def test_sentences():
    text = "Sure! Here they are:\n1. A dog barks, e.g. Twice.\n* Rain falls? Wind 3.5 m/s blows.\n\n"
    assert sentences_of(text) == [
        "Sure!", "Here they are:", "A dog barks, e.g. Twice.", "Rain falls?", "Wind 3.5 m/s blows."
    ]  # fmt: skip
    assert sentences_of("") == []


def test_boilerplate_is_whole_words_and_as_published_substrings():
    for sentence in ("Sure, here it is.", "Please tell me more", "Here are the descriptions"):
        assert is_boilerplate(sentence)
        assert is_boilerplate(sentence, as_published=True)
    for sentence in ("Air is under pressure in the pipe", "It measures the pleasure of seas"):
        assert not is_boilerplate(sentence)
    assert is_boilerplate("Air is under pressure in the pipe", as_published=True)
    assert not is_boilerplate("I am not quite sure that a dog barks")  # "sure" counts where a reply begins
    text = "Sure! A dog barks loudly. A steam valve hisses under high pressure."
    assert informative(text) == ["A steam valve hisses under high pressure."]  # the other one has five tokens
    assert informative(text, as_published=True) == []


def test_a_captioner_that_loops_is_cut():
    loop = "a dog barks at a cat in the yard and "
    assert cut_repetition("A bell rings. " + loop * 3) == "A bell rings."
    assert cut_repetition("A bell rings\n" + loop * 3) == "A bell rings"
    assert cut_repetition("A bell rings. " + loop) == "A bell rings. " + loop


@pytest.mark.parametrize(
    ("text", "word", "now", "published"),
    [
        ("there is clearly no loud barking", "barking", True, True),
        ("no barking is heard", "barking", True, False),  # among the first four tokens
        ("it is not very loud here , dog", "dog", False, False),  # five tokens away
        ("it is quiet without any barking", "barking", True, False),
        ("it was not . a loud dog", "dog", False, True),  # a new sentence
    ],
)
def test_negation(text, word, now, published):
    tokens = text.split()
    place = tokens.index(word)
    assert denied(tokens, place) is now
    assert denied(tokens, place, as_published=True) is published


@pytest.mark.parametrize(
    "forms",
    [
        ("bark", "barks", "barked", "barking"),
        ("drip", "drips", "dripped", "dripping"),
        ("noise", "noises"),
        ("cry", "cries", "cried", "crying"),
        ("hiss", "hisses", "hissing"),
        ("vibrate", "vibrating", "vibrates"),
        ("loud", "loudly"),
        ("high-pitched",),
    ],
)
def test_forms_of_a_word_share_a_stem(forms):
    assert len({stem(form) for form in forms}) == 1


def test_other_words_do_not():
    words = ("ring", "string", "wing", "glass", "gas", "bus", "bell", "ball", "speed", "spring", "sing")
    assert len({stem(word) for word in words}) == len(words)
