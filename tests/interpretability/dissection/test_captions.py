"""Captions of clips, missing ones named, and the concepts scored by them."""

import math

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.captions import Captions, caption_similarity, concepts_from_captions

AXES = {"dog": 0, "car horn": 1}


def embed(texts):
    return torch.tensor([[float(word in text) for word in AXES] for text in texts])


def captions():
    texts = ("the dog barks", None, "a car horn and a dog")
    return Captions(("a.wav", "b.wav", "c.wav"), texts, "x.csv", {"b.wav": "timed out"})


def test_a_clip_without_a_caption_is_named():
    with pytest.raises(InputError, match=r"x.csv: none for clip 'b.wav' \(2 such clips\)"):
        Captions(("a.wav", "b.wav", "c.wav"), ("dog", None, ""), "x.csv")
    with pytest.raises(InputError, match=r"none of the 1 clips has one \(timed out\)"):
        Captions(("b.wav",), (" ",), "x.csv", {"b.wav": "timed out"})
    with pytest.raises(InputError, match="1 texts for 2 clips"):
        Captions(("a", "b"), ("dog",), "x.csv")


def test_texts_of_clips():
    assert captions().of([2, 1, 0]) == ["a car horn and a dog", "the dog barks"]
    assert captions().of(torch.tensor([1, -1])) == []
    assert captions().known.tolist() == [True, False, True]


def test_similarity_with_the_names_as_words():
    found = caption_similarity(captions(), ["dog", "car_horn"], embed)
    expected = torch.tensor([[1.0, 0.0], [0.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]])
    torch.testing.assert_close(found, expected)


def test_probabilities_of_concepts():
    concepts = concepts_from_captions(captions(), ["dog", "car_horn"], embed, scale=2.0)
    assert (concepts.kind, concepts.source) == ("probability", "captions")
    assert concepts.known.tolist() == [[True, True], [False, False], [True, True]]
    e = math.exp(2)
    torch.testing.assert_close(concepts.scores[[0, 2]], torch.tensor([[e / (e + 1), 1 / (e + 1)], [0.5, 0.5]]))
