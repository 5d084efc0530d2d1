"""How alike two explanations of the same clip are: cosine, and Spearman's rank correlation."""

import torch
from torch import Tensor

from interpretability.listening.decision_audit import TINY


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine (B,) of explanations (B, ...); NaN where one of the two is zero."""
    a, b = first.flatten(1).double(), second.flatten(1).double()
    size = a.norm(dim=1) * b.norm(dim=1)
    return torch.where(size > TINY, (a * b).sum(dim=1) / size.clamp_min(TINY), torch.nan)


def ranks(values: Tensor) -> Tensor:
    """Ranks (B, n) from 0 of values (B, n); ties get the mean of the ranks that they share."""
    ordered, order = values.sort(dim=1)
    place = torch.arange(values.shape[1], device=values.device).expand_as(order)
    new = torch.ones_like(order, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = torch.where(new, place, 0).cummax(dim=1).values
    # the last place of each run of ties is the place before the next run begins
    ends = torch.where(new, place, values.shape[1])
    following = torch.cat([ends[:, 1:], torch.full_like(ends[:, :1], values.shape[1])], dim=1)
    last = following.flip(1).cummin(dim=1).values.flip(1) - 1
    return torch.zeros_like(values, dtype=torch.float64).scatter_(1, order, (first + last).double() / 2)


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation (B,) of explanations (B, ...); NaN where one of the two is constant."""
    a, b = ranks(first.flatten(1)), ranks(second.flatten(1))
    return cosine(a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True))
