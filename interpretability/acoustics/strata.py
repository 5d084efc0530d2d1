"""Groups of clips that are alike in every descriptor but one: controls where a probe set has no labels."""

import torch
from torch import Tensor

from interpretability.acoustics.rank_correlation import percentiles, rank_correlation

ALIKE = 0.7
"""Rank correlation from which a descriptor measures the same thing and does not count as another."""
LARGEST = 32
"""Clips of a group, at most."""


def similar_clips(values: Tensor, column: int, largest: int = LARGEST) -> Tensor:
    """Group (N,) of each clip, from values (N, D), alike in the descriptors other than `column`.

    Clips are halved along the direction in which their percentiles differ most until no group is larger than
    `largest`. Descriptors that go with `column` (rank correlation of 0.7) do not count: matched by its twin, nothing
    would differ. An undefined value counts as the median.
    """
    groups = torch.zeros(len(values), dtype=torch.int64, device=values.device)
    together = rank_correlation(values[:, column : column + 1], values)[0].nan_to_num(1.0).abs() >= ALIKE
    together[column] = True
    others = percentiles(values)[:, ~together].nan_to_num(0.5)
    if not others.shape[1]:
        return groups
    waiting, count = [torch.arange(len(values), device=values.device)], 0
    while waiting:
        members = waiting.pop()
        if len(members) <= largest:
            groups[members] = count
            count += 1
            continue
        centred = others[members] - others[members].mean(dim=0)
        direction = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]
        order = members[(centred @ direction).argsort(stable=True)]
        waiting += [order[: len(order) // 2], order[len(order) // 2 :]]
    return groups
