"""Exact sparse codes of spectra under a dictionary, and their gradient: what task-driven dictionary learning needs.

    h*(x, W) = argmin over h >= 0:   1/2 ||x - W h||^2 + lambda1 sum h + lambda2/2 ||h||^2

For lambda2 > 0 the minimum is unique, and differentiable wherever the set of active entries does not change (Mairal,
Bach and Ponce 2012, proposition 1). On the active set A, (W_A'W_A + lambda2 I) h_A = W_A'x - lambda1; differentiating
both sides gives, for a loss with gradient g in h and b_A = (W_A'W_A + lambda2 I)^-1 g_A, b = 0 elsewhere,

    gradient in W:   (x - W h*) b' - W b h*'          gradient in x:   W b
"""

from typing import Any

import torch
from torch import Tensor

CONJUGATE_STEPS = 40  # conjugate gradients end after as many steps as there are active entries, by rounding a few more


def sparse_code(X: Tensor, W: Tensor, sparsity: float, ridge: float, steps: int = 80) -> Tensor:
    """Return the codes H (B, K, T) >= 0 of spectrograms X (B, F, T) under W (F, K), differentiable in X and W.

    Args:
        X: non-negative spectrograms.
        W: atoms, one in each column.
        sparsity: lambda1 >= 0, as in `models.nmf`.
        ridge: lambda2 > 0.
        steps: of the accelerated projected gradient that finds the codes.
    """
    n_clips, n_bins, n_frames = X.shape
    wide = X.movedim(0, 1).reshape(n_bins, -1)  # one wide matrix: a single large product in place of one for each clip
    codes: Tensor = _SparseCode.apply(wide, W, sparsity, ridge, steps)  # type: ignore[no-untyped-call]
    return codes.reshape(W.shape[1], n_clips, n_frames).movedim(0, 1)


def solve(P: Tensor, G: Tensor, steps: int) -> Tensor:
    """Return argmin over H >= 0 of 1/2 H'G H - P'H, column by column, for P (K, N) and positive definite G (K, K).

    Projected gradient steps with Nesterov's momentum, which starts anew where it points uphill (Beck and Teboulle 2009;
    O'Donoghue and Candès 2015).
    """
    rate = 1 / torch.linalg.matrix_norm(G, ord=2)
    H = point = (P / G.sum(dim=1, keepdim=True).clamp_min(1e-12)).clamp_min(0)
    momentum = H.new_ones(())
    for _ in range(steps):
        new = torch.addmm(P, G, point, alpha=-1).mul_(rate).add_(point).clamp_(min=0)
        change = new - H
        if float(((point - new) * change).sum()) > 0:
            momentum = torch.ones_like(momentum)
        following = (1 + (1 + 4 * momentum.square()).sqrt()) / 2
        point = torch.add(new, change, alpha=float((momentum - 1) / following))
        H, momentum = new, following
    return H


def solve_active(G: Tensor, active: Tensor, right: Tensor, steps: int = CONJUGATE_STEPS) -> Tensor:
    """Return B (K, N) with G_AA b_A = right_A and zero elsewhere, `active` (K, N) naming A of each column.

    By conjugate gradients on all columns at once, each within its own active set.
    """
    keep = active.to(right.dtype)
    B = torch.zeros_like(right)
    residual = right * keep
    direction = residual.clone()
    size = residual.square().sum(dim=0)
    for _ in range(min(steps, len(G) + 8)):
        image = (G @ direction) * keep
        along = (size / (direction * image).sum(dim=0).clamp_min(1e-30)).nan_to_num_(0.0)
        B.addcmul_(along, direction)
        residual.addcmul_(along, image, value=-1)
        new_size = residual.square().sum(dim=0)
        direction = residual + (new_size / size.clamp_min(1e-30)) * direction
        size = new_size
    return B


class _SparseCode(torch.autograd.Function):
    """Codes of the columns of X (F, N), with the implicit gradient on the active set."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, W: Tensor, sparsity: float, ridge: float, steps: int) -> Tensor:  # noqa: ANN401
        G = W.T @ W + ridge * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
        H = solve(W.T @ X - sparsity, G, steps)
        ctx.save_for_backward(X, W, G, H)
        return H

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        X, W, G, H = ctx.saved_tensors
        B = solve_active(G, H > 0, gradients[0])
        for_X = W @ B if ctx.needs_input_grad[0] else None
        for_W = (X - W @ H) @ B.T - W @ (B @ H.T) if ctx.needs_input_grad[1] else None
        return for_X, for_W, None, None, None
