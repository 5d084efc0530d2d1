"""Linear probes: what can be read off a layer's features with weights alone, on speakers that were not fitted on.

A linear probe that succeeds shows that a property lies open in a layer, not that the network uses it. Nor is success
the network's own doing: the log-mel input and the untrained network give most of it away. What counts is the gain over
both (`probe_score.gain_over`), and selectivity: the score minus that on permuted labels (Hewitt & Liang 2019).
"""

from collections.abc import Sequence

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.probe_score import ProbeScore, checked_features, grouped_folds, held_out

LAMBDAS = tuple(10.0**power for power in torch.linspace(-3, 5, 17).tolist())
"""Ridge penalties tried, on standardised features and per item of the fit."""
INVERSE_PENALTIES = (0.001, 0.01, 0.1, 1.0)
"""Values of C tried for logistic probes."""


def pooled_features(maps: Tensor, within: Tensor | None = None) -> Tensor:
    """Return mean and standard deviation over frequency and time of each channel, (B, 2C) float32.

    Args:
        maps: (B, C, F, T).
        within: steps (B, T) bool of each clip that are not padding; all if None.
    """
    values = maps.float()
    keep = torch.ones_like(values[:, 0, 0], dtype=torch.bool) if within is None else within
    weights = keep.to(values)[:, None, None] / (keep.sum(dim=1).clamp_min(1) * values.shape[2])[:, None, None, None]
    mean = (values * weights).sum(dim=(2, 3))
    variance = ((values - mean[..., None, None]).square() * weights).sum(dim=(2, 3))
    return torch.cat([mean, variance.sqrt()], dim=1)


def ridge_path(features: Tensor, targets: Tensor, lambdas: Sequence[float], at: Tensor) -> Tensor:
    """Return ridge predictions (L, M, K) at other items for all penalties and targets, from one eigendecomposition.

    Args:
        features: (N, P) to fit on; they are centred here, as the targets are.
        targets: (N, K).
        lambdas: L penalties; each is multiplied by N.
        at: features (M, P) to predict for.
    """
    centre, level = features.mean(dim=0), targets.mean(dim=0)
    x, y, z = features - centre, targets - level, at - centre
    if x.shape[1] <= len(x):
        values, vectors = torch.linalg.eigh(x.T @ x)
        left, right = z @ vectors, vectors.T @ (x.T @ y)
    else:  # fewer items than features: the same solution from the items' side
        values, vectors = torch.linalg.eigh(x @ x.T)
        left, right = z @ (x.T @ vectors), vectors.T @ y
    penalties = torch.tensor(lambdas, dtype=x.dtype, device=x.device) * len(x)
    shrunk = right[None] / (values.clamp_min(0) + penalties[:, None])[..., None]
    found: Tensor = left[None] @ shrunk + level
    return found


def ridge_probe(
    features: Tensor,
    targets: Tensor,
    groups: Sequence[object] | Tensor,
    n_folds: int = 5,
    lambdas: Sequence[float] = LAMBDAS,
) -> ProbeScore:
    """Predict properties from a layer by ridge regression; the penalty is chosen on groups held out of each fit.

    Args:
        features: (N, P) of a layer (`pooled_features`).
        targets: (N,) or (N, K), NaN where an item has no such property.
        groups: speaker or recording of each item (N,): an item is predicted from other groups only.
        n_folds: groups are dealt into so many folds.
        lambdas: penalties tried.

    Raises:
        InputError: Other shapes, features that are not finite, one group only.
    """
    checked_features(features, targets, groups)
    grouped_folds(groups, n_folds)
    wanted = (targets[:, None] if targets.ndim == 1 else targets).double()
    loss, reference = (torch.full_like(wanted, torch.nan) for _ in range(2))
    observed = wanted.isfinite()
    for pattern in torch.unique(observed, dim=1).T:  # targets that exist for the same items share an eigendecomposition
        columns = torch.nonzero((observed == pattern[:, None]).all(dim=0))[:, 0]
        rows = torch.nonzero(pattern)[:, 0]
        if len({str(groups[int(i)]) for i in rows}) < 2:
            continue
        inside = [groups[int(i)] for i in rows]
        for fit, held in grouped_folds(inside, n_folds):
            y = wanted[rows][:, columns]
            guess = _chosen_ridge(features[rows].double(), y, inside, fit, held, lambdas)
            loss[rows[held][:, None], columns] = (y[held] - guess).square()
            reference[rows[held][:, None], columns] = (y[held] - y[fit].mean(dim=0)).square()
    return ProbeScore(loss, reference)


def logistic_probe(features: Tensor, labels: Tensor, groups: Sequence[object] | Tensor, n_folds: int = 5) -> ProbeScore:
    """Predict the class of each item by multinomial logistic regression; the score is the accuracy.

    Args:
        features: (N, P) of a layer.
        labels: (N,) int64.
        groups: speaker or recording of each item (N,).
        n_folds: groups are dealt into so many folds.

    Raises:
        InputError: As `ridge_probe`, or one class only.
    """
    checked_features(features, labels, groups)
    if len(set(labels.tolist())) < 2:
        raise InputError("a probe has to tell classes apart: all items are of one class")
    wrong = torch.full((len(labels), 1), torch.nan, dtype=torch.float64)
    for fit, held in grouped_folds(groups, n_folds, labels):
        inner, judge = held_out(groups, fit)
        right = [int((_logistic(features, labels, inner, judge, c) == labels[judge]).sum()) for c in INVERSE_PENALTIES]
        best = INVERSE_PENALTIES[right.index(max(right))]
        wrong[held, 0] = (_logistic(features, labels, fit, held, best) != labels[held]).double()
    return ProbeScore(wrong, torch.ones_like(wrong))


def permuted(targets: Tensor, seed: int = 0) -> Tensor:
    """Return the targets dealt to other items: what is then still predicted is what the probe learns by heart."""
    return targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))]


def standardised(features: Tensor, fit: Tensor) -> Tensor:
    """Return features (N, P) float64 with mean 0 and deviation 1 on the items `fit`; constant ones become 0."""
    values = features.double()
    mean, std = values[fit].mean(dim=0), values[fit].std(dim=0, correction=0)
    moving = std > 1e-9 * mean.abs().clamp_min(1e-30)
    return torch.where(moving, (values - mean) / std.where(moving, torch.ones_like(std)), torch.zeros_like(values))


def _chosen_ridge(
    x: Tensor, y: Tensor, groups: Sequence[object], fit: Tensor, held: Tensor, lambdas: Sequence[float]
) -> Tensor:
    """Return predictions (M, K) for held-out items, each target with the penalty that serves it best."""
    inner, judge = held_out(groups, fit)
    scaled = standardised(x, inner)
    tried = ridge_path(scaled[inner], y[inner], lambdas, scaled[judge])
    best = (tried - y[judge]).square().sum(dim=1).argmin(dim=0)
    scaled = standardised(x, fit)
    path = ridge_path(scaled[fit], y[fit], lambdas, scaled[held])
    return path[best, :, torch.arange(y.shape[1])].T


def _logistic(features: Tensor, labels: Tensor, fit: Tensor, held: Tensor, inverse_penalty: float) -> Tensor:
    if len(set(labels[fit].tolist())) < 2:
        return labels[fit][:1].expand(len(held))
    scaled = standardised(features, fit).cpu().numpy()
    model = LogisticRegression(C=inverse_penalty, max_iter=300, tol=1e-3)
    model.fit(scaled[fit.numpy()], labels[fit].cpu().numpy())
    return torch.as_tensor(model.predict(scaled[held.numpy()]))
