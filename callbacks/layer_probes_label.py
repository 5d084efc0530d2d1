"""The class read off a layer at a point of the training: by ridge regression on one-hot targets, of known cost."""

from collections.abc import Sequence

import torch
from torch import Tensor

from interpretability.layers.linear_probes import LAMBDAS, ridge_path, standardised
from interpretability.layers.probe_score import ProbeScore, checked_features, grouped_folds, held_out


def quick_label_probe(features: Tensor, labels: Tensor, groups: Sequence[object], n_folds: int = 3) -> ProbeScore:
    """Predict the class of each item; the score is the accuracy on groups that were not fitted on.

    The class with the largest ridge prediction is taken. Logistic regression takes some ten times as long (0.17 s
    against 0.02 s for 512 clips of 10 classes and 64 features, one thread); the end of a training affords it.

    Args:
        features: (N, P) of a layer.
        labels: (N,) int64.
        groups: speaker or recording of each item (N,).
        n_folds: groups are dealt into so many folds.

    Raises:
        InputError: As `linear_probes.ridge_probe`.
    """
    checked_features(features, labels, groups)
    classes, target = torch.unique(labels, return_inverse=True)
    wanted = torch.nn.functional.one_hot(target, len(classes)).double()
    wrong = torch.full((len(labels), 1), torch.nan, dtype=torch.float64)
    for fit, held in grouped_folds(groups, n_folds, labels):
        inner, judge = held_out(groups, fit)
        scaled = standardised(features, inner)
        tried = ridge_path(scaled[inner], wanted[inner], LAMBDAS, scaled[judge]).argmax(dim=2) == target[judge]
        best = LAMBDAS[int(tried.double().mean(dim=1).argmax())]
        scaled = standardised(features, fit)
        guess = ridge_path(scaled[fit], wanted[fit], (best,), scaled[held])[0].argmax(dim=1)
        wrong[held, 0] = (guess != target[held]).double()
    return ProbeScore(wrong, torch.ones_like(wrong))
