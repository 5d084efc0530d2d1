"""The three closed-vocabulary ways: planted units found, the published faults reproduced, answers read and mapped."""

import math
from functools import partial

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.closed_vocabulary import (
    ClosedNames,
    description_based,
    in_context,
    name_similarity,
    names_in_reply,
    top_audio_based,
)
from interpretability.dissection.language import NoAnswerError
from interpretability.dissection.similarity import SIMILARITIES, cosine_cubed, soft_wpmi, wpmi

N, M, DIM = 400, 20, 64
NAMES = tuple(f"concept_{m}" for m in range(M))


@pytest.fixture(scope="module")
def planted():
    """One unit for each concept, clips near their concept's vector, activations 1[concept] + noise."""
    generator = torch.Generator().manual_seed(0)
    concepts = torch.randn(M, DIM, generator=generator)
    label = torch.arange(N) % M
    clips = concepts[label] + 1.5 * torch.randn(N, DIM, generator=generator)
    values = torch.nn.functional.one_hot(label, M) + 0.5 * torch.randn(N, M, generator=generator)
    return values, clips, concepts


@pytest.mark.parametrize(
    "similarity", [SIMILARITIES[name] for name in ("cosine_cubed", "wpmi", "soft_wpmi", "pearson")]
)
def test_planted_units_are_named_by_description_and_by_sound(planted, similarity):
    values, clips, concepts = planted
    for found in (
        description_based(values, clips, concepts, NAMES, similarity),
        top_audio_based(values, clips, concepts, NAMES, similarity),
    ):
        assert found.accuracy(NAMES) >= 0.95
        assert found.accuracy(NAMES, k=5) >= found.accuracy(NAMES)
    shuffled = values[torch.randperm(N, generator=torch.Generator().manual_seed(1))]
    assert description_based(shuffled, clips, concepts, NAMES, similarity).accuracy(NAMES) <= 0.25


def test_scores_of_descriptions_by_hand():
    captions, concepts = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    kept = []
    description_based(torch.ones(2, 1), captions, concepts, ("a", "b"), lambda v, s: kept.append(s) or v.T @ s)
    a, b = math.exp(100 - 100), math.exp(60 - 100)
    torch.testing.assert_close(kept[0][0], torch.tensor([a, b]) / (a + b))


def test_one_unit_at_a_time_has_no_mutual_information(planted):
    values, clips, concepts = planted
    found = description_based(values, clips, concepts, NAMES, soft_wpmi, as_published="head")
    assert found.scores.abs().max() < 1e-4  # the unit is all there is: nothing is more than usual
    assert found.accuracy(NAMES) <= 0.15
    weighted = description_based(values, clips, concepts, NAMES, wpmi, as_published="head")
    scores = description_based(values, clips, concepts, NAMES, partial(wpmi, weight=0.0)).scores
    torch.testing.assert_close(weighted.scores, 0.4 * scores)  # without the term, the likelihood alone is left
    exact = description_based(values, clips, concepts, NAMES, cosine_cubed)
    alone = description_based(values, clips, concepts, NAMES, cosine_cubed, as_published="head")
    torch.testing.assert_close(alone.scores, exact.scores)  # a similarity without that term is none the worse


def test_five_clips_lose_what_they_share(planted):
    values, clips, concepts = planted
    all_clips = description_based(values, clips, concepts, NAMES, cosine_cubed)
    five = description_based(values, clips, concepts, NAMES, cosine_cubed, as_published="hidden")
    assert five.accuracy(NAMES) < 0.6 < all_clips.accuracy(NAMES)


def test_clips_without_a_caption_are_left_out(planted):
    values, clips, concepts = planted
    known = torch.arange(N) % 7 != 0
    found = description_based(values, clips, concepts, NAMES, cosine_cubed, known)
    expected = description_based(values[known], clips[known], concepts, NAMES, cosine_cubed)
    torch.testing.assert_close(found.scores, expected.scores)


CLASSES = ("dog", "church_bells", "rain")


def embed(texts):
    """Vectors of the letters of a text."""
    return torch.tensor([[float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


class Model:
    id = "model"

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def ask(self, prompt, schema, system="", audio=None):
        self.asked.append((prompt, schema, system))
        answer = self.answers.pop(0)
        if isinstance(answer, NoAnswerError):
            raise answer
        return answer


def test_in_context_answers_are_names_of_the_list():
    model = Model({"reason": "", "names": ["Church bells"]}, NoAnswerError("timed out"), {"names": ["a rainy day"]})
    found = in_context(["bells ring", "dogs", None, "wet"], CLASSES, model, embed)
    assert found.best() == (("church_bells",), (), (), ("rain",))
    assert found.marked == {1: "timed out", 2: "there is no summary of the unit's clips"}
    assert found.accuracy(["church_bells", "dog", "dog", "rain"]) == 0.5
    prompt, schema, system = model.asked[0]
    assert prompt.endswith("Description: bells ring")
    assert "cat" in prompt
    assert "snoring" in prompt
    assert system.endswith("Names: dog, church_bells, rain")
    assert schema["properties"]["names"]["maxItems"] == 1


def test_several_in_context_answers_keep_their_order():
    found = in_context(["wet"], CLASSES, Model({"names": ["rain", "dog"]}), embed, answers=2)
    assert found.scores.tolist() == [[2.0, 0.0, 3.0]]
    assert found.best(2) == (("rain", "dog"),)
    with pytest.raises(InputError, match="4 names are asked for out of 3"):
        in_context(["wet"], CLASSES, Model(), embed, answers=4)


@pytest.mark.parametrize(
    ("reply", "names"),
    [
        ("We know it barks. Answer: dog, cat", [" dog", " cat"]),
        ('Answer: dog. It is not a "cat".', ["cat"]),  # what is quoted goes first
        ("The dog's answer is the cat's", ["s answer is the cat"]),
        ("It is clear. Take #rain", ["rain"]),
        ("rain", ["rain"]),
    ],
)
def test_free_text_as_published(reply, names):
    assert names_in_reply(reply) == names
    found = in_context(["x"], CLASSES, Model({"reply": reply}), embed, as_published=True)
    assert len(found.best()[0]) == 1


def test_similarity_of_names():
    found = ClosedNames(torch.tensor([[3.0, 2.0, 1.0], [0.0, 1.0, 0.5]]), ("ab", "cd", "ef"), {})
    assert name_similarity(found, ["ab", "ef"], embed) == pytest.approx(0.5)
    published = name_similarity(found, ["ab", "ef"], embed, k=5, as_published=True)
    assert published == pytest.approx(math.sqrt(0.5))  # "ab cd" against "ab", "cd ef" against "ef"
    marked = ClosedNames(found.scores, found.names, {0: "timed out"})
    assert name_similarity(marked, ["ab", "cd"], embed) == pytest.approx(0.5)
