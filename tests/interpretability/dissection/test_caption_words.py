"""Words of captions as concepts, by hand."""

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.caption_words import word_concepts
from interpretability.dissection.captions import Captions


def captions():
    texts = ("A dog barks loudly.", "Dogs barking.", "No dog, but a loud bell.", None, "Barking dogs; it is loud.")
    return Captions(tuple("abcde"), texts, "test", {"d": "timed out"})


def test_each_word_is_a_concept():
    found = word_concepts(captions(), least=2, most=1.0)
    assert found.names == ("barking", "dogs", "loud")
    assert found.scores.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]]
    assert found.known[:, 0].tolist() == [True, True, True, False, True]
    assert (found.kind, found.source) == ("binary", "words")


def test_words_that_are_rare_usual_or_unwanted_are_left():
    assert word_concepts(captions(), least=1, most=0.5).names == ("bell",)
    assert word_concepts(captions(), 2, 1.0, keep=lambda word: word == "loud").names == ("loud",)
    with pytest.raises(InputError, match=r"none is said of at least 5 clips and at most 50% of them$"):
        word_concepts(captions())
    with pytest.raises(InputError, match="and wanted"):
        word_concepts(captions(), 2, 1.0, keep=lambda word: False)


def test_forms_and_columns_agree():
    found = word_concepts(captions(), least=2, most=1.0)
    said = torch.tensor([[w in (t or "").lower() for w in ("bark", "dog", "loud")] for t in captions().texts]).float()
    said[2, 1] = 0  # denied
    torch.testing.assert_close(found.scores, said)
