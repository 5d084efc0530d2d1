"""Whether independently trained models give the same reasons: components matched one to one, then compared by rank."""

from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.agreement import spearman
from interpretability.listening.decision_audit import TINY


class Matching(NamedTuple):
    """Components of two models that correspond: `first` and `second` (n,) are their numbers, `similarity` (n,)."""

    first: Tensor
    second: Tensor
    similarity: Tensor


def component_similarity(
    dictionaries: tuple[Tensor, Tensor], activations: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Similarity (K, L) of the components of two models, from 0 to 1.

    The cosine of two atoms times the cosine of their activations over the same clips: components correspond if they
    have the same spectrum and sound at the same time.

    Args:
        dictionaries: W (F, K) and (F, L), at the same front end.
        activations: H (B, K, T) and (B, L, T) on the same clips; None compares atoms alone.
    """
    first, second = (_unit(W.T) for W in dictionaries)
    similar = first @ second.T
    if activations is None:
        return similar
    heard = [_unit(H.transpose(0, 1).flatten(1)) for H in activations]
    alike: Tensor = similar * (heard[0] @ heard[1].T)
    return alike


def _unit(rows: Tensor) -> Tensor:
    unit: Tensor = rows.double() / rows.double().norm(dim=1, keepdim=True).clamp_min(TINY)
    return unit


def match(similarity: Tensor) -> Matching:
    """Pair components of two models so that the similarity (K, L) of the pairs is largest (Hungarian method)."""
    from scipy.optimize import linear_sum_assignment

    first, second = (torch.as_tensor(place) for place in linear_sum_assignment(-similarity.cpu().numpy()))
    return Matching(first, second, similarity.cpu()[first, second])


def rank_agreement(matching: Matching, first: Tensor, second: Tensor) -> Tensor:
    """Spearman's correlation (B,) of relevances (B, K) and (B, L) for one class in two models, over matched pairs."""
    return spearman(first[:, matching.first.to(first.device)], second[:, matching.second.to(second.device)])


def top_overlap(matching: Matching, first: Tensor, second: Tensor, count: int = 5) -> Tensor:
    """Share (B,) of the `count` most relevant matched components of one model that are so in the other too."""
    a, b = first[:, matching.first.to(first.device)], second[:, matching.second.to(second.device)]
    count = min(count, a.shape[1])
    top = [torch.zeros_like(x, dtype=torch.bool).scatter_(1, x.topk(count, dim=1).indices, True) for x in (a, b)]
    return (top[0] & top[1]).sum(dim=1).double() / count
