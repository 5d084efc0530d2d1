"""Texts as vectors: a function is handed in; the one that needs no model counts character n-grams."""

import zlib
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.caption_text import words_of

Embed = Callable[[Sequence[str]], Tensor]
"""M texts -> vectors (M, D), of any length."""


class NgramEmbedder:
    """Character n-grams within words, weighted by their rarity in a corpus (TF-IDF), in hashed columns of unit length.

    It compares how texts are written, not what they mean: "bark" is near "barking", and far from "dog". Thresholds made
    for sentence encoders, such as 0.6, mean something else here; `null_threshold` finds one for any embedding.

    Args:
        corpus: texts from which rarity is counted; without them all n-grams count alike.
        size: columns D of a vector.
        lengths: shortest and longest n-gram, in characters.
    """

    def __init__(self, corpus: Sequence[str] = (), size: int = 4096, lengths: tuple[int, int] = (3, 5)) -> None:
        self.id = f"ngrams-{lengths[0]}-{lengths[1]}-{size}-{zlib.crc32(chr(0).join(corpus).encode()):08x}"
        self.size, self.lengths = size, lengths
        self.rarity = torch.ones(size)
        if corpus:
            documents = torch.zeros(size)
            for text in corpus:
                documents[list(self.columns(text))] += 1
            self.rarity = torch.log((1 + len(corpus)) / (1 + documents)) + 1

    def columns(self, text: str) -> Counter[int]:
        """How often each column's n-grams stand in the words of a text, their edges included."""
        found: Counter[int] = Counter()
        for word in words_of(text):
            padded = f" {word} "
            for n in range(self.lengths[0], self.lengths[1] + 1):
                for start in range(max(1, len(padded) - n + 1)):
                    found[zlib.crc32(padded[start : start + n].encode()) % self.size] += 1
        return found

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Vectors (M, D) float32 of unit length; zeros for a text without words."""
        rows = torch.zeros(len(texts), self.size)
        for row, text in zip(rows, texts, strict=True):
            if counts := self.columns(text):
                row[list(counts)] = torch.tensor(list(counts.values()), dtype=rows.dtype)
        return torch.nn.functional.normalize(torch.log1p(rows) * self.rarity, dim=1)


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine (A, B) of every row of `first` (A, D) with every row of `second` (B, D); 0 for a row of zeros."""
    one, other = (torch.nn.functional.normalize(rows.float(), dim=1) for rows in (first, second))
    return one @ other.T


def null_threshold(embed: Embed, texts: Sequence[str], quantile: float = 0.99, pairs: int = 20_000) -> float:
    """Cosine that only 1 - `quantile` of all pairs of unrelated texts reach: what "alike" means for this embedding.

    The paper's 0.6 belongs to its own encoder. Pairs are drawn with a fixed seed; equal texts are left out.

    Raises:
        InputError: Fewer than three different texts.
    """
    different = sorted(set(texts))
    if len(different) < 3:
        raise InputError(f"a threshold of similarity needs at least 3 different texts, not {len(different)}")
    vectors = torch.nn.functional.normalize(embed(different).float(), dim=1)
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(len(different), (pairs,), generator=generator)
    second = (first + torch.randint(1, len(different), (pairs,), generator=generator)) % len(different)
    return float((vectors[first] * vectors[second]).sum(dim=1).quantile(quantile))
