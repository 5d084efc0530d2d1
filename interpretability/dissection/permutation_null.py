"""How well the units of a layer correlate with concepts whose clips are shuffled: one null for the whole layer."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

ENTRIES = 1 << 20
"""Numbers that a block of permuted scores holds."""
POOL = (1 << 14, 1 << 16)
"""Permuted correlations of a concept, at least and at most; there are 100 for each row that is tested in between."""
FEWEST, MOST = 200, 2000
"""Permutations at least and at most."""
SLACK = 1e-5
"""Correlations that differ by less are equal: those of the null are in single precision."""


@dataclass(frozen=True, eq=False)
class NullSample:
    """What the null is made of: V units of a layer on the n clips that score.

    Attributes:
        values: (n, V).
        scores: (n, M).
        known: (n, M) bool, or None for all.
    """

    values: Tensor
    scores: Tensor
    known: Tensor | None


def permutation_p(sample: NullSample, concept: Tensor, pole: Tensor, correlation: Tensor, seed: int) -> Tensor:
    """Return p (R,) of correlations (R,) of poles (R,) with concepts (R,): how often shuffled clips reach as high.

    All units share the permutations of the clips, and the null of a concept is pooled over the V units:
    p = (1 + count) / (1 + permutations V). A low pole's (-1) is that of the negated units, whose correlation with the
    concept is the one given. NaN where a row has no concept (-1).
    """
    p = torch.full_like(correlation, torch.nan, dtype=torch.float64)
    wanted = sorted(set(concept[concept >= 0].tolist()))
    n_units = sample.values.shape[1]
    if not wanted or not n_units:
        return torch.where(concept >= 0, 1.0, p)
    pool = min(max(100 * len(concept), POOL[0]), POOL[1])
    count = min(max(pool // n_units, FEWEST), MOST)
    for column, null in _nulls(sample, wanted, count, seed):
        rows = (concept == column).nonzero().flatten()
        ranked = null.flatten().sort().values
        r = correlation[rows].float() - SLACK
        above = len(ranked) - torch.searchsorted(ranked, r)
        below = torch.searchsorted(ranked, -r, right=True)
        p[rows] = (1 + torch.where(pole[rows] > 0, above, below)).double() / (1 + len(ranked))
    return p


def _nulls(sample: NullSample, wanted: list[int], count: int, seed: int) -> Iterator[tuple[int, Tensor]]:
    """Yield each concept and the correlations (V, permutations) with it when its clips are shuffled."""
    generator = torch.Generator().manual_seed(seed)
    if sample.known is not None:
        for column in wanted:
            rows = sample.known[:, column].nonzero().flatten()
            part = _null(sample.values[rows], sample.scores[rows][:, [column]], count, generator)
            yield column, part[0]
        return
    size = max(1, ENTRIES // (count * sample.values.shape[1]))  # concepts whose nulls are kept at once
    for start in range(0, len(wanted), size):
        columns = wanted[start : start + size]
        generator.manual_seed(seed)  # the same permutations for all concepts
        yield from zip(columns, _null(sample.values, sample.scores[:, columns], count, generator), strict=True)


def _null(values: Tensor, scores: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Correlations (M, V, count) of values (n, V) with scores (n, M) under permutations of the clips, in blocks."""
    z, s = _standardized(values).T, _standardized(scores)
    n, n_concepts = s.shape
    null = torch.empty(n_concepts, len(z), count, device=z.device)
    size = max(1, ENTRIES // max(1, scores.numel()))
    for start in range(0, count, size):
        keys = torch.rand(min(size, count - start), n, generator=generator)
        permuted = s[keys.argsort(dim=1).T.to(s.device)]  # (n, P, M)
        block = (z @ permuted.flatten(1)).unflatten(1, permuted.shape[1:])  # type: ignore[no-untyped-call]
        null[:, :, start : start + size] = block.permute(2, 0, 1)
    return null


def _standardized(columns: Tensor) -> Tensor:
    """Columns (n, V) with mean 0 and length 1, in single precision; constant ones become 0."""
    centred = columns.double()
    size = centred.norm(dim=0)
    centred -= centred.mean(dim=0)
    length = centred.norm(dim=0)
    standard: Tensor = (centred / length).masked_fill_(length <= 1e-9 * size, 0.0).float()
    return standard
