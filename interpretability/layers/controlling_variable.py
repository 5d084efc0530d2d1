"""Which latent variable controls a property of the sound: sparse logistic regression on automatic labels.

A single fit names other variables at each draw. Stability selection (Meinshausen & Bühlmann 2010) fits many halves of
the data and asks how often each variable is in, with a bound on how many are in by chance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError

OFTEN = 0.8
"""Share of the resamples in which a variable has to be selected."""
STEPS = 100
"""Of accelerated proximal gradient at each penalty, each started where the one before ended."""


@dataclass(frozen=True, eq=False)
class Control:
    """What each of Z latents has to do with a label."""

    frequency: Tensor
    """(Z,) share of the resamples that select the variable."""
    sign: Tensor
    """(Z,) +1 where higher values bring the label, -1 where lower ones do, 0 where never selected."""
    chosen: tuple[int, ...]
    """Variables selected in at least 80 % of the resamples, the most frequent first; may be none."""
    expected_false: float
    """Bound on the number of wrong variables among the chosen."""
    n: int
    positive: int
    """Items that have the label."""


def controlling_variables(
    latents: Tensor, labels: Tensor, resamples: int = 100, expected_false: float = 1.0, seed: int = 0
) -> Control:
    """Find the latent variables that decide whether a sound has a property.

    Args:
        latents: (N, Z) from the training range.
        labels: (N,) bool, whether the sound of each has the property.
        resamples: halves of the items that are fitted.
        expected_false: wrong variables that are put up with; it sets how many each fit may select.
        seed: of the halves.

    Raises:
        InputError: Other shapes, or fewer than four items with or without the property.
    """
    if latents.ndim != 2 or len(labels) != len(latents):
        raise InputError(f"latents {tuple(latents.shape)} and {len(labels)} labels: one label for each item is needed")
    positive = int(labels.sum())
    if min(positive, len(labels) - positive) < 4:
        raise InputError(
            f"{positive} of {len(labels)} sounds have the property: at least four have to have it and four not"
        )
    z = latents.double()
    std = z.std(dim=0)
    x = (z - z.mean(dim=0)) / std.where(std > 0, torch.ones_like(std))
    halves = _halves(labels.bool(), resamples, seed)
    # Their bound: expected wrong variables <= q^2 / ((2 OFTEN - 1) Z), q the mean number that a fit selects.
    allowed = max(1.0, (expected_false * (2 * OFTEN - 1) * x.shape[1]) ** 0.5)
    weights = stable_path(x, labels.double(), halves, allowed)
    frequency = (weights != 0).double().mean(dim=0)
    order = frequency.argsort(descending=True, stable=True).tolist()
    bound = float((weights != 0).double().sum(dim=1).mean()) ** 2 / ((2 * OFTEN - 1) * x.shape[1])
    return Control(
        frequency,
        weights.sum(dim=0).sign(),
        tuple(latent for latent in order if frequency[latent] >= OFTEN),
        bound,
        len(labels),
        positive,
    )


def stable_path(x: Tensor, y: Tensor, halves: Tensor, allowed: float) -> Tensor:
    """Return the weights (R, Z) of R sparse logistic fits at the smallest penalty that selects `allowed` on average.

    Args:
        x: (N, Z) standardised.
        y: (N,) 0 or 1.
        halves: (R, N) 1 where an item is in the fit.
        allowed: variables that a fit may select on average.
    """
    highest = float(_slopes(x, y, halves, x.new_zeros(len(halves), x.shape[1]), _start(y, halves))[0].abs().max())
    weights, bias = x.new_zeros(len(halves), x.shape[1]), _start(y, halves)
    kept = weights
    for power in torch.linspace(0, -2, 25).tolist():
        weights, bias = sparse_logistic(x, y, halves, highest * 10**power, weights, bias)
        if float((weights != 0).double().sum(dim=1).mean()) > allowed:
            break
        kept = weights
    return kept


def sparse_logistic(
    x: Tensor,
    y: Tensor,
    halves: Tensor,
    penalty: float,
    weights: Tensor,
    bias: Tensor,
    steps: int = STEPS,
    tolerance: float = 1e-4,
) -> tuple[Tensor, Tensor]:
    """Minimise mean log loss + penalty * |w|_1 for R weighted sets of items at once (FISTA, Beck & Teboulle 2009).

    Args:
        x: (N, Z).
        y: (N,) 0 or 1.
        halves: (R, N) weights of the items in each fit.
        penalty: of the absolute weights; the bias is free.
        weights: (R, Z) to start from.
        bias: (R,) to start from.
        steps: of the descent, at most.
        tolerance: it ends where no weight moves by more.

    Returns:
        weights (R, Z), exactly 0 where not selected, and bias (R,).
    """
    with_ones = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    share = float(halves.max() / halves.sum(dim=1).min())
    size = 4 / (share * float(torch.linalg.matrix_norm(with_ones, 2)) ** 2)
    at = before = torch.cat([weights, bias[:, None]], dim=1)
    momentum = 1.0
    for _ in range(steps):
        slope, slope_bias = _slopes(x, y, halves, at[:, :-1], at[:, -1])
        moved = at - size * torch.cat([slope, slope_bias[:, None]], dim=1)
        shrunk = moved[:, :-1].sign() * (moved[:, :-1].abs() - size * penalty).clamp_min(0)
        now = torch.cat([shrunk, moved[:, -1:]], dim=1)
        faster = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        at = now + (momentum - 1) / faster * (now - before)
        still = float((now - before).abs().max()) < tolerance
        before, momentum = now, faster
        if still:
            break
    return before[:, :-1], before[:, -1]


def _slopes(x: Tensor, y: Tensor, halves: Tensor, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    miss = (torch.sigmoid(weights @ x.T + bias[:, None]) - y) * halves / halves.sum(dim=1, keepdim=True)
    return miss @ x, miss.sum(dim=1)


def _start(y: Tensor, halves: Tensor) -> Tensor:
    """Return the bias (R,) of fits that select nothing."""
    share: Tensor = (halves @ y) / halves.sum(dim=1)
    return torch.logit(share)


def _halves(labels: Tensor, resamples: int, seed: int) -> Tensor:
    """Return (R, N) with 1 for a random half of the items with the label and of those without."""
    random = torch.Generator().manual_seed(seed)
    out = torch.zeros(resamples, len(labels), dtype=torch.float64)
    for rows in (torch.nonzero(labels)[:, 0], torch.nonzero(~labels)[:, 0]):
        for row in out:
            row[rows[torch.randperm(len(rows), generator=random)[: max(1, len(rows) // 2)]]] = 1
    return out
