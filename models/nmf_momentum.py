"""Extrapolation that lets the updates of NMF reach the same objective in about a third of the steps.

Nesterov-like, as the extrapolated block majorisation of Hien, Leplat and Gillis (2024), but on the logarithm of the
entries, where multiplicative updates take their steps: the update starts from W (W / W_previous)^alpha, then the same
for H. Positive entries stay positive. A rise is not excluded, so `models.nmf` checks the objective and falls back to
plain updates.
"""

import math

import torch

from models.nmf_updates import FLOOR, Factorization

# Above this share the last steps overshoot (on ESC-10 and drawn data: no rise at 0.9, a few at 1).
LARGEST_SHARE = 0.9


class Momentum:
    """Remembers the last factors of a factorisation and starts each update a little further along their path."""

    def __init__(self, problem: Factorization) -> None:
        self.problem = problem
        self.previous_W, self.previous_H = problem.W.clone(), problem.H.clone()
        self.step = 1.0

    def restart(self) -> None:
        """Forget the path, after the factors were set to other values."""
        self.previous_W.copy_(self.problem.W)
        self.previous_H.copy_(self.problem.H)
        self.step = 1.0

    def update(self) -> None:
        """One update of the atoms and one of the activations, each from its extrapolated point."""
        problem, share = self.problem, self._next_share()
        free = slice(problem.n_fixed, None)
        if problem.n_fixed < problem.W.shape[1]:
            _extrapolate(problem.W[:, free], self.previous_W[:, free], share, FLOOR)
            if problem.unit_norm:
                # The bound of the norm holds at unit columns; an extrapolated start may have any scale.
                problem.W[:, free].div_(torch.linalg.vector_norm(problem.W[:, free], dim=0))
            problem.update_atoms()
        _extrapolate(problem.H, self.previous_H, share, problem.floor_H)
        problem.update_activations()

    def _next_share(self) -> float:
        following = (1 + math.sqrt(1 + 4 * self.step**2)) / 2
        share = (self.step - 1) / following
        self.step = following
        return min(share, LARGEST_SHARE)


def _extrapolate(current: torch.Tensor, previous: torch.Tensor, share: float, floor: float) -> None:
    """current <- current (current / previous)^share, and previous <- the old current; in place."""
    moved = torch.div(current, previous).log_().mul_(share).exp_().mul_(current).clamp_(min=floor)
    previous.copy_(current)
    current.copy_(moved)
