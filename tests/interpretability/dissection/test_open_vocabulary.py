"""Acoustic words of a summary by hand, one question for a word, and classes named by whole words."""

from interpretability.dissection.language import NoAnswerError
from interpretability.dissection.open_vocabulary import (
    AcousticFilter,
    OpenWords,
    classes_named,
    is_sound_adjective,
    open_words,
    says_yes,
    word_counts,
)

TEXT = "The dogs bark in a loud, wooden hall. It is not a muffled recording, but the loud echo is high-pitched."


def test_words_of_a_summary():
    found = open_words(TEXT)
    assert found.adjectives == ("loud", "high-pitched")
    assert found.other_adjectives == ("wooden",)
    assert found.nouns == ("dogs", "hall", "echo")
    assert found.verbs == ("bark",)
    assert found.prepositions == ("in",)
    assert found.length == 24
    assert open_words("").length == 0


def test_the_published_negation_fails_at_the_beginning():
    assert open_words("no loud dog is heard here").adjectives == ()
    assert open_words("no loud dog is heard here", as_published=True).adjectives == ("loud",)


def test_a_tagger_may_be_handed_in():
    found = open_words("zing zong", is_acoustic=lambda word: word == "zing", tag=lambda tokens: ["JJ", "NN"])
    assert (found.adjectives, found.nouns) == (("zing",), ("zong",))


class Judge:
    id = "judge"

    def __init__(self, final):
        self.final, self.asked = final, []

    def ask(self, prompt, schema, system="", audio=None):
        self.asked.append(prompt)
        if "loud" in prompt:
            raise NoAnswerError("timed out", self.final)
        return {"reason": "because", "acoustic": "wooden" in prompt}


def test_each_word_is_asked_once_and_silence_is_marked():
    judge = Judge(final=False)
    acoustic = AcousticFilter(judge)
    assert open_words(TEXT, acoustic).adjectives == ("loud", "wooden")  # the list stands in for "loud"
    assert open_words(TEXT, acoustic).other_adjectives == ("high-pitched",)
    assert len(judge.asked) == 3
    assert acoustic.marked == {"loud": "timed out"}


def test_after_the_last_call_the_list_decides():
    acoustic = AcousticFilter(judge := Judge(final=True))
    assert open_words(TEXT, acoustic).adjectives == ("loud", "high-pitched")
    assert len(judge.asked) == 1
    assert list(acoustic.marked) == ["loud", "wooden", "high-pitched"]


CLASSES = ("mouse_click", "train", "rain", "drinking_sipping", "glass_breaking", "church_bells", "dog")


def test_classes_are_named_by_whole_words():
    assert classes_named(["rain"], CLASSES) == ("rain",)
    assert classes_named(["rain"], CLASSES, as_published=True) == ("train", "rain")
    assert classes_named(["bell", "dogs"], CLASSES) == ("church_bells", "dog")
    assert classes_named(["use", "king"], CLASSES) == ()
    assert classes_named(["use", "king"], CLASSES, as_published=True) == (
        "mouse_click", "drinking_sipping", "glass_breaking"
    )  # fmt: skip
    assert classes_named(["break"], CLASSES) == ("glass_breaking",)
    assert classes_named([], CLASSES) == ()


def test_replies_as_published():
    assert says_yes("It has nothing to do with eyes")
    assert not says_yes("No.")

    class Talker:
        id = "talker"

        def ask(self, prompt, schema, system="", audio=None):
            assert list(schema["properties"]) == ["reply"]
            return {"reply": "No, eyes only." if "loud" in prompt else "No."}

    acoustic = AcousticFilter(Talker(), as_published=True)
    assert (acoustic("loud"), acoustic("tonal")) == (True, False)


def test_our_list_and_counts():
    assert is_sound_adjective("flute-like")
    assert not is_sound_adjective("wooden")
    loud = OpenWords(("loud",), (), (), (), (), 1)
    both = OpenWords(("bright", "loud"), (), (), (), (), 2)
    assert word_counts({0: both, 5: loud}) == {"loud": 2, "bright": 1}
