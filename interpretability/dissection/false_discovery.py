"""Which of many p-values hold up together."""

import torch
from torch import Tensor


def benjamini_hochberg(p: Tensor) -> Tensor:
    """Return q (R,): the smallest share of false discoveries at which each p (R,) is one; NaN is not tested.

    Source: Benjamini and Hochberg 1995: q of the i-th smallest of n is the least n p_j / j over j >= i.
    """
    tested = (~p.isnan()).nonzero().flatten()
    q = torch.full_like(p, torch.nan)
    if not len(tested):
        return q
    ranked, order = p[tested].sort(descending=True)
    n = len(tested)
    scaled = ranked * n / torch.arange(n, 0, -1, dtype=p.dtype, device=p.device)
    q[tested[order]] = scaled.cummin(dim=0).values.clamp_max(1)
    return q
