"""Sparse codes against other solvers, and their gradient against finite differences."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from models.nmf import encode
from models.sparse_coding import solve_active, sparse_code


def planted(n_bins=20, n=6, frames=15, clips=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    W = torch.rand(n_bins, n, generator=generator, dtype=dtype) ** 3
    W = W / W.norm(dim=0)
    H = torch.rand(clips, n, frames, generator=generator, dtype=dtype)
    H = torch.where(H > 0.6, H, torch.zeros(()).to(dtype))
    return W @ H, W, H


def test_planted_activations_are_found():
    X, W, H = planted()
    torch.testing.assert_close(sparse_code(X, W, 0.0, 1e-9, 2000), H, atol=1e-4, rtol=0)


def test_codes_are_those_of_a_quadratic_programme():
    X, W, _ = planted()
    X = X + 0.05 * torch.rand(X.shape, generator=torch.Generator().manual_seed(1), dtype=X.dtype)
    sparsity, ridge = 0.1, 0.05
    found = sparse_code(X, W, sparsity, ridge, 500)
    # ridge and penalty as further rows of a least-squares problem: B'B = W'W + ridge, B'y = W'x - sparsity
    B = np.linalg.cholesky(W.numpy().T @ W.numpy() + ridge * np.eye(6)).T
    for b in range(2):
        for t in range(15):
            right = W.numpy().T @ X[b, :, t].numpy() - sparsity
            expected = nnls(B, np.linalg.solve(B.T, right))[0]
            np.testing.assert_allclose(found[b, :, t].numpy(), expected, atol=1e-6)


def test_multiplicative_updates_come_to_the_same_codes():
    X, W, _ = planted(dtype=torch.float32)
    ours = sparse_code(X, W, 0.1, 1e-7, 1000)
    theirs = encode(X, W, beta=2.0, sparsity=0.1, updates=2000)
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)


def test_linear_systems_are_solved_on_the_active_set():
    _, W, _ = planted()
    G = W.T @ W + 0.01 * torch.eye(6, dtype=W.dtype)
    generator = torch.Generator().manual_seed(2)
    active = torch.rand(6, 30, generator=generator) > 0.4
    active[:, 0] = False
    right = torch.randn(6, 30, generator=generator, dtype=W.dtype)
    found = solve_active(G, active, right)
    for n in range(30):
        a = active[:, n]
        expected = torch.zeros(6, dtype=W.dtype)
        expected[a] = torch.linalg.solve(G[a][:, a], right[a, n])
        torch.testing.assert_close(found[:, n], expected, atol=1e-8, rtol=1e-6)


def test_gradients_are_those_of_finite_differences():
    X, W, _ = planted(frames=4)
    X = X + 0.02
    weights = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(3), dtype=X.dtype)

    def loss(X, W):
        return (weights * sparse_code(X, W, 0.05, 0.02, 3000)).sum()

    at_X, at_W = X.clone().requires_grad_(), W.clone().requires_grad_()
    loss(at_X, at_W).backward()
    generator = torch.Generator().manual_seed(4)
    for leaf, change in ((at_X, lambda d: (X + d, W)), (at_W, lambda d: (X, W + d))):
        for _ in range(5):
            d = 1e-6 * torch.randn(leaf.shape, generator=generator, dtype=X.dtype)
            slope = (loss(*change(d)) - loss(*change(-d))) / 2
            assert float((leaf.grad * d).sum()) == pytest.approx(float(slope), rel=1e-3, abs=1e-12)


def test_silence_has_no_code_and_no_gradient():
    _, W, _ = planted()
    W = W.requires_grad_()
    H = sparse_code(torch.zeros(1, 20, 3, dtype=W.dtype), W, 0.1, 0.01)
    H.sum().backward()
    assert not H.any()
    assert not W.grad.any()
