"""What the captions of a unit's clips have in common beyond the corpus: a summary that needs no language model.

A word counts when it is said of more of the unit's clips than chance allows: the exact (hypergeometric) probability
that as many clips drawn at random from the probe set have it, under Benjamini-Hochberg over all units and words. What
the captioner says of every recording has a lift near 1 and is never named.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from interpretability.dissection.caption_text import denied, stem, tokens_of
from interpretability.dissection.captions import Captions
from interpretability.dissection.vocabulary import FUNCTION_WORDS, SETTING_WORDS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CommonWord:
    """A word that the clips of a unit share.

    Attributes:
        word: in the form most of the unit's captions use.
        share: of the unit's captions that have it.
        base: share of all captions of the probe set that have it.
        lift: share over base; its logarithm is the pointwise mutual information of unit and word.
        p: probability that as many random clips have it.
        q: false discovery rate over all units and words at which it is named.
    """

    word: str
    share: float
    base: float
    lift: float
    p: float
    q: float


@dataclass(frozen=True)
class WordSummary:
    """What the clips of one unit have in common, the surest word first; empty where nothing is."""

    words: tuple[CommonWord, ...]
    n_captions: int

    @property
    def text(self) -> str:
        """One line: "barking (5 of 5 clips, 24.0 times its rate in all), dog ..."; "nothing in common"."""
        n = self.n_captions
        parts = [
            f"{word.word} ({round(word.share * n)} of {n} clips, {word.lift:.1f} times its rate in all)"
            for word in self.words
        ]
        return ", ".join(parts) or "nothing in common"


@dataclass(frozen=True, eq=False)
class CorpusWords:
    """Which words are said of which clips.

    Attributes:
        stems: the V words, without endings.
        said: (N, V) scipy sparse matrix of 0 and 1; rows of clips without a caption are empty.
        forms: for each clip, stem -> the form its caption uses.
        known: (N,) bool, which clips have a caption.
    """

    stems: tuple[str, ...]
    said: Any
    forms: tuple[dict[str, str], ...]
    known: NDArray[np.bool_]


def content_words(text: str) -> dict[str, str]:
    """Stem -> form of the words of a caption that say something and are not denied ("no barking")."""
    tokens = tokens_of(text)
    return {
        stem(token): token
        for place, token in enumerate(tokens)
        if token[0].isalpha() and len(token) > 2
        and token not in FUNCTION_WORDS and token not in SETTING_WORDS and not denied(tokens, place)
    }  # fmt: skip


def corpus_words(captions: Captions) -> CorpusWords:
    """Words of all captions, each counted once for a clip."""
    from scipy.sparse import csr_array

    forms = tuple(content_words(text) if text else {} for text in captions.texts)
    stems = tuple(sorted(set().union(*forms)))
    column = {word: place for place, word in enumerate(stems)}
    rows = np.repeat(np.arange(len(forms)), [len(words) for words in forms])
    columns = np.array([column[word] for words in forms for word in words], dtype=np.int64)
    said = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(len(forms), len(stems)))
    return CorpusWords(stems, said, forms, captions.known.numpy())


def common_words(
    captions: Captions,
    top: Tensor,
    bottom: Tensor | None = None,
    level: float = 0.05,
    min_share: float = 0.5,
    min_lift: float = 2.0,
) -> tuple[WordSummary, ...]:
    """Name what the captions of each unit's clips have in common.

    Args:
        captions: of the probe set, all N of them: the base rate comes from there.
        top: (U, K) int64, clips with the highest values of each unit; -1 is no clip.
        bottom: (U, K) int64, those with the lowest values: a word has to be `min_lift` times rarer there.
        level: false discovery rate over all units and words.
        min_share: of the unit's captions that a common word is in.
        min_lift: how much more often than in all captions it has to be.

    Returns:
        U summaries.
    """
    corpus = corpus_words(captions)
    if not corpus.stems:
        return tuple(WordSummary((), 0) for _ in top)
    counts, drawn = counted(corpus, top)
    units, words = counts.nonzero()
    n = np.asarray(counts[units, words]).ravel()
    base_counts = corpus.said.sum(axis=0)
    total = int(corpus.known.sum())
    p = by_chance(n, drawn[units], base_counts[words], total)
    q = false_discovery(p, len(top) * len(corpus.stems))
    share, base = n / drawn[units], base_counts[words] / total
    kept = (q <= level) & (share >= min_share) & (share >= min_lift * base)
    if bottom is not None:
        low, low_drawn = counted(corpus, bottom)
        below = np.asarray(low[units, words]).ravel() / np.maximum(low_drawn[units], 1)
        kept &= share >= min_lift * below
    found: list[list[CommonWord]] = [[] for _ in top]
    for i in np.flatnonzero(kept):
        clips = [int(clip) for clip in top[units[i]] if clip >= 0]
        form = usual_form(corpus, corpus.stems[words[i]], clips)
        found[units[i]].append(CommonWord(form, share[i], base[i], share[i] / base[i], p[i], q[i]))
    ordered = (sorted(each, key=lambda word: (word.p, -word.lift, word.word)) for each in found)
    return tuple(WordSummary(tuple(each), int(count)) for each, count in zip(ordered, drawn, strict=True))


def counted(corpus: CorpusWords, clips: Tensor) -> tuple[Any, NDArray[np.int64]]:
    """How many of each unit's clips (U, K) have each word: sparse (U, V); and how many have a caption: (U,)."""
    from scipy.sparse import csr_array

    positions = clips.cpu().numpy()
    valid = (positions >= 0) & corpus.known[np.maximum(positions, 0)]
    units = np.repeat(np.arange(len(positions)), valid.sum(axis=1))
    member = csr_array((np.ones(len(units), dtype=np.int64), (units, positions[valid])),
                       shape=(len(positions), len(corpus.known)))  # fmt: skip
    return (member @ corpus.said).tocsr(), valid.sum(axis=1)


def by_chance(n: NDArray[np.int64], drawn: NDArray[np.int64], having: NDArray[np.int64], total: int) -> Floats:
    """Probability that of `drawn` clips out of `total`, `having` of which have a word, at least `n` have it.

    The upper tail of the hypergeometric distribution, from the logarithms of its terms.
    """
    p = np.zeros(len(n))
    all_draws = log_choose(np.full_like(drawn, total), drawn)
    for k in range(int(n.min(initial=1)), int(drawn.max(initial=0)) + 1):
        draws = log_choose(having, np.full_like(having, k)) + log_choose(total - having, drawn - k)
        p += np.where(k >= n, np.exp(draws - all_draws), 0.0)
    return np.minimum(p, 1.0)


def log_choose(n: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
    """Logarithm of the number of ways to choose k out of n; minus infinity where there is none."""
    from scipy.special import gammaln

    possible = (k >= 0) & (k <= n)
    inside = np.where(possible, k, 0)
    ways: Floats = gammaln(n + 1) - gammaln(inside + 1) - gammaln(n - inside + 1)
    return np.where(possible, ways, -np.inf)


def false_discovery(p: Floats, tests: int) -> Floats:
    """Benjamini-Hochberg q values of the smallest of `tests` p values; those not given are 1."""
    order = np.argsort(p)
    stepped = p[order] * tests / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q


def usual_form(corpus: CorpusWords, word: str, clips: list[int]) -> str:
    """The form of a stem that most of these captions use; the shortest of equally frequent ones."""
    forms = Counter(corpus.forms[clip][word] for clip in clips if word in corpus.forms[clip])
    return min(forms, key=lambda form: (-forms[form], len(form), form))
