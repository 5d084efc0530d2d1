"""How alike a unit's activations and a concept's scores are, in the seven ways of the literature.

Every function takes activations u (N, U) and scores S (N, M) of the same N clips and returns sigma (U, M), the larger
the more alike; units come in blocks. The constants are the published ones (Wu et al. 2024; Oikarinen and Weng 2023),
and `as_published=True` repeats a fault of the paper's code where it has one. Only correlation, cosine and AUPRC tell a
missing label and a label too many from the right one (NeuronEval, 2025); a score of the others means something beside
others of its layer only.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.ranked_clips import dense_ranks, rising_places, strongest
from interpretability.dissection.scores import tie_ends
from interpretability.dissection.unit_blocks import unit_blocks

LEAST_NORM = 1e-3
LEAST_PROBABILITY = 1e-7
FAULTY_CLIPS = 5
"""Clips that the paper's code looks at in hidden layers."""

Similarity = Callable[[Tensor, Tensor], Tensor]


def check_pair(activations: Tensor, scores: Tensor) -> None:
    """Refuse tables that are not of the same clips.

    Raises:
        InputError: Other than (N, U) and (N, M) with N >= 2.
    """
    if activations.ndim != 2 or scores.ndim != 2 or len(activations) != len(scores) or len(scores) < 2:
        raise InputError(
            f"activations have shape {tuple(activations.shape)} and scores {tuple(scores.shape)}; expected (N, U) and "
            "(N, M) of the same N >= 2 clips"
        )


def cosine(activations: Tensor, scores: Tensor) -> Tensor:
    """Cosine of activations and scores, not centred; 0 where either is all zero."""
    check_pair(activations, scores)
    u, v = activations, scores.to(activations)
    product = torch.cat([u[:, block].T @ v for block in unit_blocks(u.shape[1], len(u))])
    norms: Tensor = u.norm(dim=0)[:, None] * v.norm(dim=0)
    return (product / norms).nan_to_num(0.0)


def pearson(activations: Tensor, scores: Tensor) -> Tensor:
    """Pearson's correlation; 0 where either is constant."""
    check_pair(activations, scores)
    return cosine(_centred(activations), _centred(scores.to(activations)))


def cosine_cubed(activations: Tensor, scores: Tensor, as_published: bool = False) -> Tensor:
    """Cosine of the cubes of centred activations and scores, with norms of at least 0.001.

    Args:
        activations: (N, U).
        scores: (N, M).
        as_published: look at the five clips that drive a unit most only, and centre over them, as the paper's code does
            in hidden layers: a concept that all five share has no variance left and scores about 0.
    """
    check_pair(activations, scores)
    scores = scores.to(activations)
    if not as_published:
        u, v = _centred(activations) ** 3, _centred(scores) ** 3
        product = torch.cat([u[:, block].T @ v for block in unit_blocks(u.shape[1], len(u))])
        norms: Tensor = u.norm(dim=0).clamp_min(LEAST_NORM)[:, None] * v.norm(dim=0).clamp_min(LEAST_NORM)
        return product / norms
    parts = []
    for block in unit_blocks(activations.shape[1], FAULTY_CLIPS * scores.shape[1]):
        values, clips = activations[:, block].topk(min(FAULTY_CLIPS, len(scores)), dim=0)
        u, v = _centred(values) ** 3, _centred(scores[clips]) ** 3  # (5, u), (5, u, M)
        norms = u.norm(dim=0).clamp_min(LEAST_NORM)[:, None] * v.norm(dim=0).clamp_min(LEAST_NORM)
        parts.append(torch.einsum("nu,num->um", u, v) / norms)
    return torch.cat(parts)


def wpmi(
    activations: Tensor,
    scores: Tensor,
    top: int = 28,
    scale: float = 2.0,
    weight: float = 0.6,
    as_published: bool = False,
) -> Tensor:
    """Weighted pointwise mutual information of a unit's top clips and the concepts.

    q_im = softmax_m(scale S_im); L_km = sum over the top clips i of log(q_im + 1e-7);
    sigma = L_km - weight (logsumexp_k L_km - log U).

    Args:
        activations: (N, U), all units that are compared: the second term is over them.
        scores: (N, M).
        top: clips of each unit.
        scale: of the scores.
        weight: lambda.
        as_published: one unit at a time, as the paper's code calls it, so that the second term is L_km itself.
    """
    check_pair(activations, scores)
    log_q = ((scale * scores.to(activations)).softmax(dim=1) + LEAST_PROBABILITY).log()
    parts = [
        torch.nn.functional.embedding_bag(strongest(activations[:, block], min(top, len(scores))), log_q, mode="sum")
        for block in unit_blocks(activations.shape[1], len(scores))
    ]
    return _mutual(torch.cat(parts), weight, as_published)


def soft_wpmi(
    activations: Tensor,
    scores: Tensor,
    top: int = 100,
    scale: float = 10.0,
    weight: float = 1.0,
    first: float = 0.998,
    last: float = 0.97,
    as_published: bool = False,
) -> Tensor:
    """Mutual information in which the clip of rank r belongs to the unit with probability p_r, from 0.998 down to 0.97.

    q_im = softmax_m(scale S_im); L_km = sum_r log(1 + p_r (q_im - 1) + 1e-7), p_r = first - (r / top)(first - last);
    sigma = L_km - weight (logsumexp_k L_km - log U).

    Args:
        activations: (N, U), all units that are compared: the second term is over them.
        scores: (N, M).
        top: clips of each unit.
        scale: of the scores.
        weight: lambda.
        first: p_r of the first clip.
        last: the p_r that the clip after the last would have.
        as_published: one unit at a time, as the paper's code calls it: with weight 1, sigma is 0 for every concept.
    """
    check_pair(activations, scores)
    lost = (scale * scores.to(activations)).softmax(dim=1) - 1
    top = min(top, len(scores))
    p = first - torch.arange(top, device=lost.device, dtype=lost.dtype) / top * (first - last)
    parts = []
    for block in unit_blocks(activations.shape[1], top * scores.shape[1]):
        clips = strongest(activations[:, block], top, ordered=True)
        chosen = lost.index_select(0, clips.T.flatten()).view(top, len(clips), -1)
        parts.append(_log_product(chosen.mul_(p[:, None, None]).add_(1 + LEAST_PROBABILITY)))
    return _mutual(torch.cat(parts), weight, as_published)


def _log_product(factors: Tensor) -> Tensor:
    """Sum over the first axis of the logs of factors of at least `LEAST_PROBABILITY`; one log for four of them."""
    quarter = len(factors) // 4
    a, b, c, d = (factors[part * quarter : (part + 1) * quarter] for part in range(4))
    return (a * b).mul_(c).mul_(d).log_().sum(dim=0) + factors[4 * quarter :].log().sum(dim=0)


def _mutual(likelihood: Tensor, weight: float, alone: bool) -> Tensor:
    """L (U, M) less `weight` times the log of its mean over units, or over one unit `alone`."""
    prior = likelihood if alone else likelihood.logsumexp(dim=0) - math.log(len(likelihood))
    return likelihood - weight * prior


def rank_reorder(
    activations: Tensor,
    scores: Tensor,
    share: float = 0.05,
    power: int = 3,
    scale: float = 0.5,
    seed: int = 0,
    as_published: bool = False,
) -> Tensor:
    """How little the top activations change if they are put in the order of the concept's scores.

    With a the activations of the top 5 % of clips and a^(m) the same numbers reordered by concept m,
    e = mean |a - a^(m)|^3 / mean |a - shuffled a|^3 (5 shuffles, the same for all units), and
    sigma = - e / (mean S_im over these clips)^0.5.

    Args:
        activations: (N, U).
        scores: (N, M); of a concept whose mean is not positive, sigma is -inf.
        share: of the clips, at least two.
        power: of the differences.
        scale: power of the mean score.
        seed: of the shuffles.
        as_published: take the order of the sorted scores for their ranks; the paper's code lost one of two argsorts.
    """
    check_pair(activations, scores)
    n, scores = max(2, int(len(activations) * share)), scores.to(activations)
    generator = torch.Generator().manual_seed(seed)
    shuffles = torch.cat([torch.randperm(n, generator=generator) for _ in range(5)]).to(scores.device)
    ranks, parts = dense_ranks(scores), []
    for block in unit_blocks(activations.shape[1], n * max(scores.shape[1], 5)):
        clips = strongest(activations[:, block], n, ordered=True)
        values = activations[:, block].T.gather(1, clips)  # (u, n), falling
        rising = values.flip(1)
        places = rising_places(ranks, clips)  # (M, u, n)
        kept, moved = (values, rising) if as_published else (rising, values)  # a^(m) and a, both sorted by the concept
        starts = n * torch.arange(len(clips), dtype=places.dtype, device=places.device)[:, None]
        found = moved.reshape(-1).index_select(0, places.add_(starts).flatten()).view(places.shape)
        error = found.sub_(kept).abs_().pow_(power).mean(dim=2).T
        baseline = (rising.repeat(1, 5) - rising[:, shuffles]).abs().pow(power).mean(dim=1, keepdim=True)
        mean = torch.nn.functional.embedding_bag(clips, scores, mode="mean")
        parts.append(-error / baseline / mean.clamp_min(0).pow(scale))
    return torch.cat(parts).nan_to_num(nan=-torch.inf, neginf=-torch.inf)


def auprc(activations: Tensor, scores: Tensor, threshold: float = 0.5) -> Tensor:
    """Average precision of each unit for each concept that a clip has if its score is above a threshold.

    0 for concepts that no clip has.
    """
    check_pair(activations, scores)
    positive = (scores > threshold).to(activations)
    n_clips, n_concepts = scores.shape
    parts = []
    for block in unit_blocks(activations.shape[1], 3 * n_clips * n_concepts):
        ranked, order = activations[:, block].T.sort(dim=1, descending=True)
        hits = positive[order]  # (u, N, M)
        precision = hits.cumsum(dim=1) / torch.arange(1, n_clips + 1, device=hits.device)[:, None]
        ends = tie_ends(ranked)[:, :, None].expand_as(hits)
        parts.append((hits * precision.gather(1, ends)).sum(dim=1))
    return (torch.cat(parts) / positive.sum(dim=0)).nan_to_num(0.0)


def _centred(table: Tensor) -> Tensor:
    """Columns less their mean; constant ones are exactly 0."""
    still = (table == table[:1]).all(dim=0)
    return (table - table.mean(dim=0)).masked_fill(still, 0.0)


SIMILARITIES: dict[str, Similarity] = {
    "cosine": cosine,
    "cosine_cubed": cosine_cubed,
    "wpmi": wpmi,
    "soft_wpmi": soft_wpmi,
    "rank_reorder": rank_reorder,
    "pearson": pearson,
    "auprc": auprc,
}
"""All of them, by name."""
