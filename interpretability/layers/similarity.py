"""How alike two layers arrange the same clips: debiased linear CKA, from Gram matrices.

Without debiasing, few clips and many features make everything alike (Kornblith et al. 2019; Murphy et al. 2024).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from configs.errors import InputError

FEW = 128
"""Clips below which values scatter by more than a few hundredths."""


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix (N, N) float64 of features (N, ...) without their mean.

    Raises:
        InputError: Fewer than four clips: the estimate does not exist.
    """
    if len(features) < 4:
        raise InputError(f"CKA compares the arrangement of clips: {len(features)} were given, at least 4 are needed")
    flat = features.flatten(1).double()
    flat = flat - flat.mean(dim=0)
    return flat @ flat.T


def cka(first: Tensor, second: Tensor) -> float:
    """Return the debiased linear CKA of two Gram matrices (N, N) of the same clips.

    HSIC1(K, L) = [tr K~L~ + 1'K~1 1'L~1 / (n-1)(n-2) - 2/(n-2) 1'K~L~1] / n(n-3), diagonals zero (Song et al. 2012);
    CKA = HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L, L)). Near 0 for unrelated layers, and slightly below it by chance. NaN
    where one of them is the same for all clips.

    Raises:
        InputError: Different numbers of clips.
    """
    if first.shape != second.shape:
        raise InputError(f"CKA of {len(first)} and {len(second)} clips: they have to be the same")
    if min(float(first.diagonal().sum()), float(second.diagonal().sum())) <= 0:
        return float("nan")
    own = _hsic(first, first) * _hsic(second, second)
    return _hsic(first, second) / own**0.5 if own > 0 else float("nan")


def cka_matrix(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """Return the CKA (L, M) float64 of all layers of one network or epoch with all of another, from Gram matrices."""
    return torch.tensor([[cka(one, two) for two in second.values()] for one in first.values()], dtype=torch.float64)


def drift(epochs: Sequence[Mapping[str, Tensor]]) -> dict[str, list[tuple[float, float]]]:
    """Return for each layer its CKA with the first epoch and with the one before, from the second epoch on.

    Args:
        epochs: Gram matrices of the layers at each epoch; the first is the untrained network.
    """
    pairs = list(pairwise(epochs))
    return {
        layer: [(cka(epochs[0][layer], now[layer]), cka(before[layer], now[layer])) for before, now in pairs]
        for layer in (epochs[0] if epochs else ())
    }


def _hsic(first: Tensor, second: Tensor) -> float:
    n = len(first)
    k, m = (values - torch.diag(values.diagonal()) for values in (first, second))
    rows, columns = k.sum(dim=0), m.sum(dim=0)
    middle = rows.sum() * columns.sum() / ((n - 1) * (n - 2))
    return float(((k * m).sum() + middle - 2 / (n - 2) * (rows * columns).sum()) / (n * (n - 3)))
