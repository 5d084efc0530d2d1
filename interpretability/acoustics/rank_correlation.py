"""Percentiles of values and rank correlation over the clips that define both."""

import torch
from torch import Tensor


def column_ranks(values: Tensor) -> Tensor:
    """Ranks (N, D) from 1 of each column of values (N, D) without NaN; equal values share the mean of their ranks."""
    ordered, order = values.sort(dim=0)
    columns = ordered.T.contiguous()
    low = torch.searchsorted(columns, columns, right=False)
    high = torch.searchsorted(columns, columns, right=True)
    ranks = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    return ranks.scatter_(0, order, ((low + high + 1) / 2).T.double())


def percentiles(values: Tensor) -> Tensor:
    """Where each value (N, D) stands among the defined ones of its column, in (0, 1); NaN stays NaN."""
    known = ~values.isnan()
    ranks = column_ranks(torch.where(known, values, torch.inf))
    return torch.where(known, (ranks - 0.5) / known.sum(dim=0), torch.nan)


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rho (U, D) of columns (N, U) with columns (N, D); clips count where the second is defined.

    NaN where a column does not vary over those clips, or where the first has a NaN among them.
    """
    rho = torch.full((first.shape[1], second.shape[1]), torch.nan, dtype=torch.float64, device=first.device)
    known = ~second.isnan()
    patterns, which = torch.unique(known.T, dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):  # columns that miss the same clips share the ranks of the first
        if int(pattern.sum()) < 2:
            continue
        columns = (which == number).nonzero().flatten()
        clean = ~first[pattern].isnan().any(dim=0)
        left = _standardised(column_ranks(first[pattern].nan_to_num(0.0)))
        right = _standardised(column_ranks(second[pattern][:, columns]))
        rho[:, columns] = torch.where(clean[:, None], left.T @ right, torch.nan)
    return rho.float()


def _standardised(ranks: Tensor) -> Tensor:
    """Columns (N, D) with mean 0 and length 1; NaN for columns that do not vary."""
    centred = ranks - ranks.mean(dim=0)
    length = centred.norm(dim=0)
    return centred / torch.where(length > 0, length, torch.nan)
