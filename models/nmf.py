"""Sparse non-negative matrix factorisation with unit-norm atoms, by updates that never raise the objective.

    minimise over W, H >= 0:   D_beta(X | W H) + mu * sum H        with ||w_k||_2 = 1 for every atom

D_beta sums over entries (x of X, v of W H):

    beta = 2   Euclidean        (x - v)^2 / 2
    beta = 1   Kullback-Leibler x log(x / v) - x + v
    beta = 0   Itakura-Saito    x / v - log(x / v) - 1
    else                        (x^beta + (beta - 1) v^beta - beta x v^(beta - 1)) / (beta (beta - 1))

The norm constraint is put inside the objective (Le Roux, Weninger and Hershey 2015). Their multiplicative update of W
is a heuristic that may raise it. Here, instead, the constrained problem is read as the equivalent scale-free one,
D_beta(X | W H) + mu sum_k ||w_k||_2 ||h_k||_1, which is majorised and minimised: D_beta by the separable bound of
Févotte and Idier (2011), the norm at a unit column u by ||w|| <= (||w||^2 + 1) / 2. With r the factor by which an
entry of W changes, P and Q the two parts of the gradient of D_beta, a = max(beta - 1, 0), b = max(2 - beta, 0):

    Q r^a + mu ||h_k||_1 u r = P r^-b        (beta > 2: the bound r^2 / 2 <= r^beta / beta gives the plain quotient)

`_norm_penalised_factor` solves it; columns are then scaled to one and H by the inverse, which changes nothing in the
objective. For H, r = (P / (Q + mu))^gamma is the exact step for beta <= 1 and a bound of it elsewhere. Entries are
kept at a floor far below hearing, which removes denormals, divisions by zero and locked zeros; as the bounds are
separable and have one minimum, clamping there keeps the descent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError

# Smallest entry of W (unit columns) and, times the largest entry of X, of H.
FLOOR = 1e-10
# For beta < 1, D is infinite at x = 0: entries below this share of the largest one (-120 dB) are read as that share.
DATA_FLOOR = 1e-6

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class NMFResult:
    """A factorisation X (F, T) ~ W H.

    Attributes:
        W: (F, K) atoms, fixed ones first; unit l2 columns where `unit_norm` was asked for.
        H: (K, T) activations.
        objective: (n,) float64, D_beta(X | W H) + mu sum H at the updates listed in `evaluated_at`.
        evaluated_at: numbers of updates done at each entry of `objective`, from 0 to the last.
    """

    W: Tensor
    H: Tensor
    objective: Tensor
    evaluated_at: tuple[int, ...]


def beta_divergence(X: Tensor, V: Tensor, beta: float) -> Tensor:
    """Return D_beta(X | V), summed over all entries in float64 (a 0-dim tensor); shapes of X and V agree.

    An entry x = 0 counts with its limit for beta >= 1; for beta < 1 it must be positive. V must be positive.
    """
    if beta == 2:
        return torch.sub(X, V).square_().sum(dtype=torch.float64) / 2
    if beta == 1:
        return torch.xlogy(X, X / V).sub_(X).add_(V).sum(dtype=torch.float64)
    if beta == 0:
        ratio = X / V
        return ratio.sub(1).sub_(ratio.log_()).sum(dtype=torch.float64)
    power = V.pow(beta - 1)
    terms = X.pow(beta).add_((beta - 1) * power * V).sub_(beta * X * power)
    return terms.sum(dtype=torch.float64) / (beta * (beta - 1))


def sparse_nmf(
    X: Tensor,
    n_components: int,
    beta: float = 1.0,
    sparsity: float = 0.0,
    updates: int = 200,
    *,
    initial: tuple[Tensor, Tensor] | None = None,
    fixed: Tensor | None = None,
    unit_norm: bool = True,
    seed: int | torch.Generator = 0,
    evaluate_every: int = 10,
    tolerance: float = 0.0,
    progress: Progress | None = None,
) -> NMFResult:
    """Factorise X (F, T) >= 0 by `updates` alternating updates of W, then H.

    Args:
        X: spectrogram, any non-negative scale, float32 or float64; never written to.
        n_components: number of atoms to learn, besides the fixed ones.
        beta: divergence (2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, any real number in between or beyond).
        sparsity: mu, the weight of sum H.
        updates: number of updates of both factors.
        initial: (W (F, K), H (K, T)) to start from, K counting the fixed atoms; copied. None draws them.
        fixed: (F, K0) atoms that are kept as they are (scaled to unit norm under `unit_norm`); first columns of W.
        unit_norm: hold ||w_k||_2 = 1; without it, columns are free (with sparsity > 0 their scale then runs away).
        seed: of the drawn start, an int or a CPU generator; the same start on every device.
        evaluate_every: updates between two entries of the objective's history; 0 evaluates the first and last only.
        tolerance: stop once the relative fall between two evaluations is below it; 0 never stops early.
        progress: called as progress(updates done, objective) at each evaluation.

    Raises:
        InputError: X holds NaN, infinite or negative entries.
        ValueError: shapes that do not fit.
    """
    X, largest = _checked(X, beta)
    n_fixed = 0 if fixed is None else fixed.shape[1]
    W, H = _start(X, n_components, fixed, seed) if initial is None else _given_start(X, n_components + n_fixed, initial)
    if fixed is not None:
        W[:, :n_fixed] = fixed
    problem = _Problem(X, W, H, beta, sparsity, n_fixed, unit_norm, FLOOR * largest)
    history = [problem.objective()]
    evaluated_at = [0]
    for done in range(1, updates + 1):
        problem.update_W()
        problem.update_H()
        if done != updates and (evaluate_every == 0 or done % evaluate_every):
            continue
        history.append(problem.objective())
        evaluated_at.append(done)
        if progress is not None:
            progress(done, float(history[-1]))
        if tolerance and bool(history[-2] - history[-1] <= tolerance * history[-2].abs()):
            break
    return NMFResult(problem.W, problem.H, torch.stack(history).cpu(), tuple(evaluated_at))


def encode(
    X: Tensor,
    W: Tensor,
    beta: float = 1.0,
    sparsity: float = 0.0,
    updates: int = 100,
    *,
    initial: Tensor | None = None,
) -> Tensor:
    """Return activations H (..., K, T) of spectrograms X (..., F, T) under the fixed dictionary W (F, K).

    All clips are solved at once. Each column of H depends on its own frame only, so padding or other clips of the
    batch do not change it (beyond rounding). `initial` (..., K, T) is a warm start; entries at zero stay near zero.

    Raises InputError where X holds NaN, infinite or negative entries.
    """
    n_bins, n_frames = X.shape[-2:]
    # One wide matrix: a single large product per update instead of one for each clip.
    flat = X.reshape(-1, n_bins, n_frames).movedim(0, 1).reshape(n_bins, -1)
    flat, largest = _checked(flat, beta)
    W = W.to(flat)
    if initial is None:
        H = _projection(flat, W)
    else:
        H = initial.to(flat).reshape(-1, W.shape[1], n_frames).movedim(0, 1).reshape(W.shape[1], -1).clone()
    problem = _Problem(flat, W, H, beta, sparsity, W.shape[1], False, FLOOR * largest)
    for _ in range(updates):
        problem.update_H()
    H = problem.H.reshape(W.shape[1], -1, n_frames).movedim(0, 1)
    return H.reshape(*X.shape[:-2], W.shape[1], n_frames)


class _Problem:
    """The factors, the buffers and the constants of one factorisation; updates work in place."""

    def __init__(
        self,
        X: Tensor,
        W: Tensor,
        H: Tensor,
        beta: float,
        sparsity: float,
        n_fixed: int,
        unit_norm: bool,
        floor_H: float,
    ) -> None:
        self.X, self.H, self.beta, self.sparsity = X, H.clamp_(min=floor_H), beta, sparsity
        # The atoms that do not change are not clamped: they may hold exact zeros.
        self.W, self.n_fixed, self.unit_norm, self.floor_H = W, n_fixed, unit_norm, floor_H
        W[:, n_fixed:].clamp_(min=FLOOR)
        if unit_norm:
            self._normalise(slice(None))
        self.V = torch.empty_like(X)
        self.U = torch.empty_like(X) if beta not in (1, 2) else self.V
        self.P_H = torch.empty_like(H)
        self.Q_H = torch.empty_like(H) if beta != 1 else self.P_H
        self._constants: tuple[Tensor, Tensor] | None = None
        self.exponent = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1.0

    def objective(self) -> Tensor:
        """D_beta(X | W H) + mu sum H as a 0-dim float64 tensor."""
        torch.mm(self.W, self.H, out=self.V)
        if self.beta < 1:
            self.V.clamp_(min=torch.finfo(self.V.dtype).tiny)
        return beta_divergence(self.X, self.V, self.beta) + self.sparsity * self.H.sum(dtype=torch.float64)

    def update_W(self) -> None:
        """One step on the atoms that are not fixed, then unit norm."""
        free = slice(self.n_fixed, None)
        W, H = self.W[:, free], self.H[free]
        if W.shape[1] == 0:
            return
        if self.beta == 2:
            P, Q = self.X @ H.T, self.W @ (self.H @ H.T)
        else:
            self._fill_gradient_weights()
            P = self.V @ H.T
            Q = H.sum(1).expand_as(P) if self.beta == 1 else self.U @ H.T
        if self.unit_norm and self.sparsity:
            W.mul_(_norm_penalised_factor(P, Q, self.sparsity * H.sum(1) * W, self.beta, self.exponent))
        else:
            W.mul_(_factor(P, Q, self.exponent))
        W.clamp_(min=FLOOR)
        if self.unit_norm:
            self._normalise(free)

    def update_H(self) -> None:
        """One step on the activations."""
        W, constants = self.W, self._fixed_constants()
        if self.beta == 2:
            P, gram = constants if constants is not None else (torch.mm(W.T, self.X, out=self.P_H), W.T @ W)
            Q = torch.mm(gram, self.H, out=self.Q_H).add_(self.sparsity)
        else:
            self._fill_gradient_weights()
            P = torch.mm(W.T, self.V, out=self.P_H)
            if self.beta == 1:
                Q = (W.sum(0) + self.sparsity).unsqueeze(1)
            else:
                Q = torch.mm(W.T, self.U, out=self.Q_H).add_(self.sparsity)
        # In place on P or Q, whichever is not kept for the next update.
        factor = torch.div(P, Q, out=self.Q_H)
        self.H.mul_(factor if self.exponent == 1 else factor.pow_(self.exponent)).clamp_(min=self.floor_H)

    def _fixed_constants(self) -> tuple[Tensor, Tensor] | None:
        """W'X and W'W where no atom changes (encoding, beta = 2), computed once."""
        if self.beta != 2 or self.n_fixed < self.W.shape[1]:
            return None
        if self._constants is None:
            self._constants = (self.W.T @ self.X, self.W.T @ self.W)
        return self._constants

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

    def _normalise(self, columns: slice) -> None:
        """Scale columns of W to unit l2 norm and rows of H by the inverse: W H stays as it is."""
        norm = torch.linalg.vector_norm(self.W[:, columns], dim=0).clamp_(min=FLOOR)
        self.W[:, columns].div_(norm)
        self.H[columns].mul_(norm.unsqueeze(1))


def _factor(P: Tensor, Q: Tensor, exponent: float) -> Tensor:
    """(P / Q)^exponent, 0 where Q is 0 (an atom or frame without any energy)."""
    factor = P / Q.clamp(min=torch.finfo(P.dtype).tiny)
    return factor if exponent == 1 else factor.pow_(exponent)


def _norm_penalised_factor(P: Tensor, Q: Tensor, S: Tensor, beta: float, exponent: float) -> Tensor:
    """The r > 0 with Q r^a + S r = P r^-b, entry by entry, a = max(beta-1, 0), b = max(2-beta, 0).

    Newton's method on the logarithm of r: there the left side's logarithm is convex with a slope between a + b and
    1 + b, so four steps reach rounding error. For beta >= 2 the two powers agree or are bounded by the larger one.
    """
    if beta >= 2:
        return _factor(P, Q + S, exponent)
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


def _checked(X: Tensor, beta: float) -> tuple[Tensor, float]:
    """X as a contiguous floating tensor, floored for beta < 1, and its largest entry (1 for silence)."""
    if not X.is_floating_point():
        X = X.to(torch.get_default_dtype())
    if X.numel() == 0:
        return X.contiguous(), 1.0
    low, high = (float(value) for value in torch.aminmax(X))
    if not (low >= 0 and high < float("inf")):
        raise InputError("the spectrogram for NMF holds NaN, infinite or negative entries; give log(1 + |S|) >= 0")
    largest = high or 1.0
    return (X.clamp(min=DATA_FLOOR * largest) if beta < 1 else X.contiguous()), largest


def _given_start(X: Tensor, n_components: int, initial: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Copies of the given factors on X's device and type; ValueError where their shapes do not fit."""
    W, H = (factor.detach().to(X).contiguous().clone() for factor in initial)
    if W.shape != (X.shape[0], n_components) or H.shape != (n_components, X.shape[1]):
        wanted = f"({X.shape[0]}, {n_components}) and ({n_components}, {X.shape[1]})"
        raise ValueError(f"initial factors of shapes {tuple(W.shape)} and {tuple(H.shape)}; expected {wanted}")
    return W, H


def _start(X: Tensor, n_components: int, fixed: Tensor | None, seed: int | torch.Generator) -> tuple[Tensor, Tensor]:
    """Atoms drawn at random, activations by one scaled projection of X on them."""
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    W = torch.rand(X.shape[0], n_components, generator=generator).to(X).add_(1e-3)
    W /= torch.linalg.vector_norm(W, dim=0)
    if fixed is not None:
        W = torch.cat([fixed.to(X), W], dim=1)
    return W, _projection(X, W)


def _projection(X: Tensor, W: Tensor) -> Tensor:
    """Activations (K, T) of the right order: W'X, scaled so that W'W H has the size of W'X for equal shares."""
    H = W.T @ X
    return H.div_((W.T @ W).sum(1, keepdim=True).clamp_(min=FLOOR))
