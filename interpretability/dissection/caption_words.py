"""The words of captions as concepts: each is had by the clips it is said of, so that names by words are tested too."""

from collections import Counter
from collections.abc import Callable

import torch

from configs.errors import InputError
from interpretability.dissection.captions import Captions
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.summary_words import corpus_words


def word_concepts(
    captions: Captions, least: int = 5, most: float = 0.5, keep: Callable[[str], bool] | None = None
) -> Concepts:
    """Concepts out of what is said: 1 for the clips whose caption has a word, in any inflection, undenied.

    Args:
        captions: of the probe set; clips without one are not observed.
        least: clips that a word has to be said of.
        most: share of the clips above which a word tells nothing apart.
        keep: whether a word is wanted, in its most frequent form; such as `AcousticFilter`, which asks a language
            model. None keeps all.

    Raises:
        InputError: No word is left, or as `Concepts`.
    """
    corpus = corpus_words(captions)
    counts = corpus.said.sum(axis=0)
    forms: dict[str, Counter[str]] = {}
    for said in corpus.forms:
        for stem, form in said.items():
            forms.setdefault(stem, Counter())[form] += 1
    usual = [min(forms[stem], key=lambda form: (-forms[stem][form], len(form), form)) for stem in corpus.stems]
    limit = most * int(corpus.known.sum())
    columns = [
        place for place, count in enumerate(counts)
        if least <= count <= limit and (keep is None or keep(usual[place]))
    ]  # fmt: skip
    if not columns:
        raise InputError(
            f"words of captions from {captions.source}: none is said of at least {least} clips and at most "
            f"{most:.0%} of them" + ("" if keep is None else ", and wanted")
        )
    scores = torch.from_numpy(corpus.said[:, columns].toarray()).float()
    names = tuple(usual[place] for place in columns)
    return Concepts(names, scores, "binary", "words", captions.known[:, None].expand(-1, len(columns)))
