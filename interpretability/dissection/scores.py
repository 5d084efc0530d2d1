"""How well a unit's values tell the clips that have a concept from the others: area under precision and recall, F1."""

from typing import NamedTuple

import torch
from torch import Tensor


class Scores(NamedTuple):
    """Of R rows: average precision, what a unit gets that knows nothing, and F1; NaN without a clip that has it."""

    auprc: Tensor
    chance: Tensor
    f1: Tensor


def exact_scores(values: Tensor, positive: Tensor, known: Tensor | None, share: Tensor) -> Scores:
    """Scores of R rows of values (N, R), each against its own concept.

    The average precision is that of scikit-learn: the sum over thresholds of precision times the step in recall, with
    one threshold for tied values. F1 is that of the clips with the highest values, as many as `share` of all clips;
    within a tie, a clip chosen at random.

    Args:
        values: (N, R), the larger the more a row says yes.
        positive: (N, R) bool, clips that have the row's concept.
        known: (N, R) bool, clips that count; None for all.
        share: (R,) share of the clips that a row marks.
    """
    ranked, order = values.T.sort(dim=1, descending=True)
    counts = torch.ones_like(ranked) if known is None else known.T.gather(1, order).to(ranked.dtype)
    hits = positive.T.gather(1, order).to(ranked.dtype) * counts
    upto, found = counts.cumsum(dim=1), hits.cumsum(dim=1)
    end = tie_ends(ranked)
    last = end == torch.arange(end.shape[1], device=end.device)
    n_hits, n_known = found[:, -1], upto[:, -1]
    auprc = (hits * (found / upto.clamp_min(1)).gather(1, end)).sum(dim=1) / n_hits
    marked = share.to(values.device) * n_known
    return Scores(auprc, n_hits / n_known, f1_at(found_at(marked, upto, found, last), n_hits, marked))


def tie_ends(ranked: Tensor) -> Tensor:
    """Place (R, N) at which the tie of each place ends, in rows (R, N) that are sorted."""
    last = torch.ones_like(ranked, dtype=torch.bool)
    last[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    n = ranked.shape[1]
    places = torch.arange(n, device=ranked.device).expand_as(ranked).masked_fill(~last, n)
    return places.flip(1).cummin(dim=1).values.flip(1)


def found_at(marked: Tensor, upto: Tensor, found: Tensor, last: Tensor) -> Tensor:
    """Hits (R,) among the first `marked` (R,) clips, linear within a tie."""
    edges = torch.where(last, upto, -1.0).cummax(dim=1).values  # clips marked when the last whole tie is
    at = torch.searchsorted(edges, marked[:, None]).clamp_max(upto.shape[1] - 1)
    right, hits_right = edges.gather(1, at), found.gather(1, at)
    before = at - 1
    left = edges.gather(1, before.clamp_min(0)).masked_fill(before < 0, 0.0).clamp_min(0)
    whole = torch.where(last, found, -1.0).cummax(dim=1).values
    hits_left = whole.gather(1, before.clamp_min(0)).masked_fill(before < 0, 0.0).clamp_min(0)
    part = ((marked[:, None] - left) / (right - left).clamp_min(1e-12)).clamp(0, 1)
    return (hits_left + (hits_right - hits_left) * part)[:, 0]


def f1_at(found: Tensor, n_hits: Tensor, marked: Tensor) -> Tensor:
    """F1 (R,) of `marked` clips with `found` hits among them."""
    return torch.where(n_hits > 0, 2 * found / (n_hits + marked), torch.nan)
