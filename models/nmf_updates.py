"""The updates of sparse NMF: in place, preallocated, and none raises the objective.

The objective is D_beta(X | W H) + mu sum H with ||w_k||_2 = 1. D_beta sums over entries (x of X, v of W H):

    beta = 2   Euclidean        (x - v)^2 / 2
    beta = 1   Kullback-Leibler x log(x / v) - x + v
    beta = 0   Itakura-Saito    x / v - log(x / v) - 1
    else                        (x^beta + (beta - 1) v^beta - beta x v^(beta - 1)) / (beta (beta - 1))

Le Roux, Weninger and Hershey (2015) put the norm inside the objective; their multiplicative update of W is a heuristic
that may raise it. Here the constrained problem is read as the equivalent scale-free one,
D_beta(X | W H) + mu sum_k ||w_k||_2 ||h_k||_1, and majorised: D_beta by the bound of Févotte and Idier (2011),
the norm at a unit column by ||w|| <= (||w||^2 + 1) / 2. With r the factor by which an entry u of W changes, P and Q the
two parts of the gradient of D_beta, a = max(beta - 1, 0), b = max(2 - beta, 0), the bound is least where

    Q r^a + mu ||h_k||_1 u r = P r^-b        (beta > 2: r^2 / 2 <= r^beta / beta gives the plain quotient).

Columns are then scaled to one and rows of H by the inverse, which leaves the objective as it is. For H,
r = (P / (Q + mu))^gamma is exact for beta <= 1 and least of a bound elsewhere. Entries stay above a floor far below
hearing: no denormals, no division by zero, no locked zeros. The bounds are separable with one minimum, so that
clamping to the floor keeps the descent.
"""

import torch
from torch import Tensor

# Smallest entry of W (unit columns) and, times the largest entry of X, of H.
FLOOR = 1e-10
# For beta < 1, D is infinite at x = 0: entries below this share of the largest one (-120 dB) are read as that share.
DATA_FLOOR = 1e-6


def beta_divergence(X: Tensor, V: Tensor, beta: float) -> Tensor:
    """Return D_beta(X | V) of two matrices of one shape, summed over all entries: a 0-dim float64 tensor.

    An entry x = 0 counts with its limit for beta >= 1; for beta < 1 it must be positive. V must be positive.
    """
    return _divergence_over(V.clone(), X, beta)


def _divergence_over(V: Tensor, X: Tensor, beta: float) -> Tensor:
    """D_beta(X | V); V is overwritten, which saves the time of fresh memory."""
    if beta == 2:
        return _total(V.sub_(X).square_()) / 2
    if beta == 1:
        excess = _total(V) - _total(X)
        # The clamp gives 0 log 0 its limit, 0.
        return _total(torch.div(X, V, out=V).clamp_(min=torch.finfo(V.dtype).tiny).log_().mul_(X)) + excess
    if beta == 0:
        ratio = torch.div(X, V, out=V)
        return _total((ratio - 1).sub_(ratio.log_()))
    power = V.pow(beta - 1)
    terms = X.pow(beta).add_((beta - 1) * power * V).sub_(beta * X * power)
    return _total(terms) / (beta * (beta - 1))


def _total(matrix: Tensor) -> Tensor:
    """Sum in float64 of the rows' sums: as exact as converting each entry here, and six times as fast."""
    return matrix.sum(-1).sum(dtype=torch.float64)


def floored(X: Tensor) -> Tensor:
    """X with entries below -120 dB of its largest one (of 1 in silence) raised to that."""
    largest = X.amax()
    return torch.maximum(X, DATA_FLOOR * torch.where(largest > 0, largest, 1.0))


class Factorization:
    """Factors, buffers and constants of one factorisation X (F, T) ~ W (F, K) H (K, T).

    W and H are taken over and written to. The first `n_fixed` atoms never change (and may hold exact zeros).
    X must be contiguous and, for beta < 1, positive.
    """

    def __init__(
        self, X: Tensor, W: Tensor, H: Tensor, *, beta: float, sparsity: float, n_fixed: int, unit_norm: bool
    ) -> None:
        self.X, self.W, self.H = X, W, H
        self.beta, self.sparsity, self.n_fixed, self.unit_norm = beta, sparsity, n_fixed, unit_norm
        largest = float(X.amax()) if X.numel() else 0.0
        self.floor_H = FLOOR * (largest or 1.0)
        H.clamp_(min=self.floor_H)
        W[:, n_fixed:].clamp_(min=FLOOR)
        if unit_norm:
            self.normalise(slice(None))
        self.V = torch.empty_like(X)
        self.U = self.V if beta in (1, 2) else torch.empty_like(X)
        self.P_H = torch.empty_like(H)
        self.Q_H = self.P_H if beta == 1 else torch.empty_like(H)
        self.exponent = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1.0
        self._encoding_constants: tuple[Tensor, Tensor] | None = None

    def objective(self) -> Tensor:
        """D_beta(X | W H) + mu sum H as a 0-dim float64 tensor."""
        torch.mm(self.W, self.H, out=self.V)
        if self.beta < 2:
            self.V.clamp_(min=torch.finfo(self.V.dtype).tiny)
        return _divergence_over(self.V, self.X, self.beta) + self.sparsity * self.H.sum(dtype=torch.float64)

    def update_atoms(self) -> None:
        """One step on the atoms that are not fixed, then unit norm."""
        free = slice(self.n_fixed, None)
        W, H = self.W[:, free], self.H[free]
        if W.shape[1] == 0:
            return
        P, Q = self.atom_gradient()
        if self.unit_norm and self.sparsity:
            penalty = (self.sparsity * H.sum(1)) * W
            W.mul_(norm_penalised_factor(P, Q, penalty, self.beta, self.exponent))
        else:
            W.mul_(quotient_factor(P, Q, self.exponent))
        W.clamp_(min=FLOOR)
        if self.unit_norm:
            self.normalise(free)

    def atom_gradient(self) -> tuple[Tensor, Tensor]:
        """P = (X (WH)^(beta-2)) H' and Q = (WH)^(beta-1) H' of the free atoms, each (F, K - K0)."""
        H = self.H[self.n_fixed :]
        if self.beta == 2:
            return self.X @ H.T, self.W @ (self.H @ H.T)
        self._fill_gradient_weights()
        P = self.V @ H.T
        return P, (H.sum(1).expand_as(P) if self.beta == 1 else self.U @ H.T)

    def update_activations(self) -> None:
        """One step on the activations."""
        W = self.W
        if self.beta == 2:
            P, gram = self._euclidean_constants()
            Q = torch.mm(gram, self.H, out=self.Q_H).add_(self.sparsity)
        else:
            self._fill_gradient_weights()
            P = torch.mm(W.T, self.V, out=self.P_H)
            # For beta = 1 the sums of the columns stand for the product with a matrix of ones.
            Q = W.sum(0).unsqueeze(1) if self.beta == 1 else torch.mm(W.T, self.U, out=self.Q_H)
            Q.add_(self.sparsity)
        # Q_H is P_H for beta = 1; W'X, kept between the steps of an encoding, is never overwritten.
        factor = torch.div(P, Q.clamp_(min=torch.finfo(W.dtype).tiny), out=self.Q_H)
        self.H.mul_(factor if self.exponent == 1 else factor.pow_(self.exponent)).clamp_(min=self.floor_H)

    def _euclidean_constants(self) -> tuple[Tensor, Tensor]:
        """W'X and W'W; computed once where no atom changes."""
        if self.n_fixed < self.W.shape[1]:
            return torch.mm(self.W.T, self.X, out=self.P_H), self.W.T @ self.W
        if self._encoding_constants is None:
            self._encoding_constants = torch.mm(self.W.T, self.X, out=self.P_H), self.W.T @ self.W
        return self._encoding_constants

    def _fill_gradient_weights(self) -> None:
        """V <- X (WH)^(beta-2) and, except for beta = 1, U <- (WH)^(beta-1)."""
        torch.mm(self.W, self.H, out=self.V)
        if self.beta == 1:
            torch.div(self.X, self.V, out=self.V)
        elif self.beta == 0:
            torch.reciprocal(self.V, out=self.U)
            torch.mul(self.U, self.U, out=self.V).mul_(self.X)
        else:
            torch.pow(self.V, self.beta - 1, out=self.U)
            torch.div(self.U, self.V, out=self.V).mul_(self.X)

    def normalise(self, columns: slice) -> None:
        """Scale columns of W to unit l2 norm and rows of H by the inverse: W H stays as it is."""
        norm = torch.linalg.vector_norm(self.W[:, columns], dim=0).clamp_(min=FLOOR)
        self.W[:, columns].div_(norm)
        self.H[columns].mul_(norm.unsqueeze(1))


def quotient_factor(P: Tensor, Q: Tensor, exponent: float) -> Tensor:
    """(P / Q)^exponent entry by entry, finite where Q is 0 (an atom or frame without any energy)."""
    factor = P / Q.clamp(min=torch.finfo(P.dtype).tiny)
    return factor if exponent == 1 else factor.pow_(exponent)


def norm_penalised_factor(P: Tensor, Q: Tensor, S: Tensor, beta: float, exponent: float) -> Tensor:
    """The r > 0 with Q r^a + S r = P r^-b, entry by entry, a = max(beta-1, 0), b = max(2-beta, 0).

    Newton's method on the logarithm of r: there the left side's logarithm is convex with a slope between a + b and
    1 + b, so four steps reach rounding error. For beta >= 2 the two powers agree or are bounded by the larger one.
    """
    if beta >= 2:
        return quotient_factor(P, Q + S, exponent)
    tiny = torch.finfo(P.dtype).tiny
    a, b = max(beta - 1, 0.0), 2 - beta
    log_P, log_Q, log_S = (M.clamp(min=tiny).log() for M in (P, Q, S))
    u = torch.zeros_like(P)
    for _ in range(4):
        from_Q, from_S = log_Q + a * u, log_S + u
        total = torch.logaddexp(from_Q, from_S)
        share = torch.exp(from_S - total)
        u -= (total + b * u - log_P) / (b + a + (1 - a) * share)
    return u.exp_()
