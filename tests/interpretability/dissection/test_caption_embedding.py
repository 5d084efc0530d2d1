"""The embedding without a model, against plain counting; and what "alike" means for an embedding."""

import math
from collections import Counter

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.caption_embedding import NgramEmbedder, cosine, null_threshold

CORPUS = ["a dog barks", "a dog barks loudly", "rain falls on a roof", "a bell rings"]


def ngrams(text):
    words = [f" {word} " for word in text.split()]
    return Counter(word[i : i + n] for word in words for n in (3, 4, 5) for i in range(max(1, len(word) - n + 1)))


def test_rarity_is_counted_in_texts():
    embed = NgramEmbedder(CORPUS, size=2**16)
    documents = Counter(gram for text in CORPUS for gram in set(ngrams(text)))
    found = embed(["dog roof"])[0]
    counts = ngrams("dog roof")
    weights = {g: math.log1p(n) * (math.log(5 / (1 + documents[g])) + 1) for g, n in counts.items()}
    norm = math.sqrt(sum(w**2 for w in weights.values()))
    assert sorted(found[found > 0].tolist()) == pytest.approx(sorted(w / norm for w in weights.values()), rel=1e-5)


def test_like_texts_are_near():
    embed = NgramEmbedder(CORPUS)
    near = cosine(embed(["dog barking"]), embed(["a dog barks", "rain falls", "bell", "..."]))[0]
    assert near.argmax() == 0
    assert near[0] > 0.4
    assert near[1:].max() < 0.1
    assert near[3] == 0  # no words, no direction
    assert torch.equal(embed(["x y"]), NgramEmbedder(CORPUS)(["x y"]))
    assert embed([]).shape == (0, 4096)


def test_the_threshold_is_a_quantile_over_unrelated_pairs():
    table = {name: torch.nn.functional.one_hot(torch.tensor(i), 4).float() for i, name in enumerate("abcd")}
    table["b"] = torch.tensor([0.5, math.sqrt(0.75), 0, 0])  # one of six pairs has cosine 0.5, the others less

    def embed(texts):
        return torch.stack([table[text] for text in texts])

    assert null_threshold(embed, list("abcdabcd"), 0.99) == pytest.approx(0.5)
    assert null_threshold(embed, list("abcd"), 0.5) == pytest.approx(0.0)
    with pytest.raises(InputError, match="at least 3 different texts, not 1"):
        null_threshold(embed, ["a", "a"])
