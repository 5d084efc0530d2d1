"""Which layers a probe on all of them leans on: softmax weights over layers, as SUPERB has them (Yang et al. 2021).

Features of each layer are layer-normalised first: without it a layer with large activations gets a small weight however
much it says. Weights are relative: two layers that say the same share one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from configs.errors import InputError
from interpretability.layers.linear_probes import standardised
from interpretability.layers.probe_score import checked_features, grouped_folds


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Weight of each layer and what the probe reaches with them."""

    layers: tuple[str, ...]
    weights: Tensor
    """(L,) adding up to 1, the mean over folds."""
    spread: Tensor
    """(L,) standard deviation over folds."""
    accuracy: float
    """On groups that were not fitted on."""
    n: int


def layer_weight_probe(
    features: Mapping[str, Tensor],
    labels: Tensor,
    groups: Sequence[object] | Tensor,
    n_folds: int = 3,
    steps: int = 60,
    decay: float = 1e-3,
    seed: int = 0,
) -> LayerWeights:
    """Fit class probabilities softmax(sum_l a_l W_l x_l + b), a = softmax(w), w zero at first.

    Layers are of any width, so that each has a head W_l of its own instead of a shared one.

    Args:
        features: (N, P_l) of each layer.
        labels: (N,) int64.
        groups: speaker or recording of each item.
        n_folds: groups are dealt into so many folds.
        steps: of L-BFGS, on all items at once.
        decay: weight of the squared heads.
        seed: of the heads' first values.

    Raises:
        InputError: No layers, shapes that differ, one group only.
    """
    if not features:
        raise InputError("a probe on all layers needs at least one")
    for values in features.values():
        checked_features(values, labels, groups)
    classes, target = torch.unique(labels, return_inverse=True)
    found, right = [], 0
    for fit, held in grouped_folds(groups, n_folds, labels):
        inputs = [F.layer_norm(standardised(values, fit).float(), values.shape[1:]) for values in features.values()]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            probe = _Probe([values.shape[1] for values in inputs], len(classes))
            probe.fit([x[fit] for x in inputs], target[fit], steps, decay)
        with torch.no_grad():
            right += int((probe([x[held] for x in inputs]).argmax(dim=1) == target[held]).sum())
            found.append(probe.raw.softmax(dim=0))
    weights = torch.stack(found)
    return LayerWeights(
        tuple(features), weights.mean(dim=0), weights.std(dim=0, correction=0), right / len(labels), len(labels)
    )


class _Probe(nn.Module):
    def __init__(self, widths: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.zeros(len(widths)))
        self.heads = nn.ModuleList(nn.Linear(width, n_classes, bias=False) for width in widths)
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        parts = torch.stack([head(x) for head, x in zip(self.heads, inputs, strict=True)])
        return torch.einsum("l,lnc->nc", self.raw.softmax(dim=0), parts) + self.bias

    def fit(self, inputs: Sequence[Tensor], target: Tensor, steps: int, decay: float) -> None:
        # SciPy's: the first optimiser of torch.optim in a process imports its compiler, which takes longer than this
        def loss(values: Any) -> tuple[float, Any]:  # noqa: ANN401 - NumPy arrays
            vector_to_parameters(torch.tensor(values, dtype=torch.float32), self.parameters())
            value = F.cross_entropy(self(inputs), target) + decay * self.size()
            slopes = torch.autograd.grad(value, list(self.parameters()))
            return float(value.detach()), torch.cat([slope.flatten() for slope in slopes]).double().numpy()

        start = parameters_to_vector(self.parameters()).detach().double().numpy()
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps})
        vector_to_parameters(torch.tensor(found.x, dtype=torch.float32), self.parameters())

    def size(self) -> Tensor:
        return torch.stack([weights.square().sum() for weights in self.heads.parameters()]).sum()
