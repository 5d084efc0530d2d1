"""Tags of words without a language package, on sentences tagged by hand."""

import pytest

from interpretability.dissection.caption_text import tokens_of
from interpretability.dissection.vocabulary import (
    ADJECTIVE_TAGS,
    FUNCTION_WORDS,
    NOUN_TAGS,
    OTHER_ADJECTIVES,
    SETTING_WORDS,
    SOUND_ADJECTIVES,
    VERB_TAGS,
    rule_tags,
)


@pytest.mark.parametrize(
    ("sentence", "adjectives", "verbs", "nouns"),
    [
        ("A loud dog barks in the wooden hall.", {"loud", "wooden"}, {"barks"}, {"dog", "hall"}),
        ("A phone is ringing with a ringing tone.", {"ringing"}, {"ringing"}, {"phone", "tone"}),
        ("The sound is muffled and very harmonious.", {"muffled", "harmonious"}, set(), {"sound"}),
        ("Water drips rapidly onto 2 metallic plates", {"metallic"}, {"drips"}, {"water", "plates"}),
        ("A high-pitched, flute-like tone.", {"high-pitched", "flute-like"}, set(), {"tone"}),
    ],
)
def test_kinds_of_words(sentence, adjectives, verbs, nouns):
    tokens = tokens_of(sentence)
    tags = rule_tags(tokens)
    assert len(tags) == len(tokens)
    found = [{w for w, tag in zip(tokens, tags, strict=True) if tag in kind}
             for kind in (ADJECTIVE_TAGS, VERB_TAGS, NOUN_TAGS)]  # fmt: skip
    assert found == [adjectives, verbs, nouns]


def test_lists_do_not_contradict_each_other():
    assert not SOUND_ADJECTIVES & (FUNCTION_WORDS | SETTING_WORDS | OTHER_ADJECTIVES)
    assert len(SOUND_ADJECTIVES) > 150
