"""Sparse NMF against scikit-learn, closed forms, plain loops and planted truth."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from configs.errors import InputError
from models.nmf import encode, relative_error, sparse_nmf
from models.nmf_updates import beta_divergence, norm_penalised_factor


def drawn(seed: int = 0, shape: tuple[int, int] = (40, 90), rank: int = 8, noise: float = 1e-3) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    low_rank = torch.rand(shape[0], rank, generator=g).pow(3) @ torch.rand(rank, shape[1], generator=g).pow(4)
    return low_rank + noise * torch.rand(shape, generator=g)


def start(X: Tensor, n_components: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    W = torch.rand(X.shape[0], n_components, generator=g) + 0.01
    return W, torch.rand(n_components, X.shape[1], generator=g) + 0.01


def largest_rise(objective: Tensor) -> float:
    return float(((objective[1:] - objective[:-1]) / objective[:-1].abs()).max())


@pytest.mark.parametrize("beta", [2.0, 1.0, 0.0, 0.5, 1.5])
def test_divergence_is_the_plain_sum(beta: float) -> None:
    x, v = drawn(0).double(), drawn(1).double()
    d = {2.0: (x - v) ** 2 / 2, 1.0: x * (x / v).log() - x + v, 0.0: x / v - (x / v).log() - 1}.get(beta)
    if d is None:
        d = (x**beta + (beta - 1) * v**beta - beta * x * v ** (beta - 1)) / (beta * (beta - 1))
    assert float(beta_divergence(x, v, beta)) == pytest.approx(float(d.sum()), rel=1e-12)


def test_divergence_counts_zeros_with_their_limit() -> None:
    assert float(beta_divergence(torch.zeros(2, 3), torch.full((2, 3), 0.5), 1)) == pytest.approx(3.0)


@pytest.mark.parametrize("beta", [2.0, 1.0, 0.0])
def test_equals_scikit_learn_after_50_updates(beta: float) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    X = drawn(noise=0.1) + 0.01
    W, H = start(X, 6)
    ours = sparse_nmf(X, 6, beta, 0.0, 50, initial=(W, H), unit_norm=False, accelerate=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = decomposition.NMF(6, init="custom", solver="mu", beta_loss=int(beta), tol=0, max_iter=50)
        theirs = peer.fit_transform(X.numpy(), W=W.numpy().copy(), H=H.numpy().copy()), peer.components_
    for mine, other in zip((ours.W, ours.H), theirs, strict=True):
        assert np.abs(mine.numpy() - other).max() <= 1e-5 * np.abs(other).max()
    product = theirs[0] @ theirs[1]
    assert np.abs((ours.W @ ours.H).numpy() - product).max() <= 1e-5 * product.max()


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("sparsity", [0.0, 0.2, 5.0])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_objective_never_rises(beta: float, sparsity: float, accelerate: bool) -> None:
    for seed in range(3):
        X = drawn(seed)
        if seed == 2:
            X[:5], X[:, :7] = 0, 0
        result = sparse_nmf(X, 10, beta, sparsity, 200, seed=seed, accelerate=accelerate, evaluate_every=1)
        assert result.evaluated_at == tuple(range(201))
        assert largest_rise(result.objective) <= 1e-6
        assert (result.W >= 0).all()
        assert (result.H >= 0).all()
        assert torch.allclose(result.W.norm(dim=0), torch.ones(10), atol=1e-5)


def test_history_is_the_objective_of_the_returned_factors() -> None:
    X = drawn()
    result = sparse_nmf(X, 6, 1.0, 0.3, 35, evaluate_every=10)
    V = (result.W @ result.H).double()
    expected = (torch.xlogy(X, X / V) - X + V).sum() + 0.3 * result.H.double().sum()
    assert result.evaluated_at == (0, 10, 20, 30, 35)
    assert float(result.objective[-1]) == pytest.approx(float(expected), rel=1e-6)


def test_extrapolation_reaches_the_objective_of_many_more_plain_updates() -> None:
    X = drawn(shape=(60, 200), rank=12, noise=0.1)
    for beta in (0.0, 1.0, 2.0):
        plain = sparse_nmf(X, 12, beta, 0.2, 100, accelerate=False).objective[-1]
        assert sparse_nmf(X, 12, beta, 0.2, 50).objective[-1] < plain


def test_rise_under_extrapolation_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.nmf_momentum.SHARE", 6.0)
    result = sparse_nmf(drawn(), 6, 1.0, 0.1, 40, evaluate_every=2)
    assert largest_rise(result.objective) <= 1e-6
    assert result.objective[-1] < 0.5 * result.objective[0]


@pytest.mark.parametrize("beta", [0.0, 0.7, 1.0, 1.4, 2.0])
def test_norm_penalised_factor_solves_its_equation(beta: float) -> None:
    g = torch.Generator().manual_seed(0)
    P, Q, S = (torch.rand(50, generator=g, dtype=torch.float64) * 10 ** (4 * k) + 1e-3 for k in (1, 0, 1))
    r = norm_penalised_factor(P, Q, S, beta, 1 / (2 - beta) if beta < 1 else 1.0)
    a, b = max(beta - 1, 0), 2 - beta
    assert torch.allclose(Q * r**a + S * r, P * r**-b, rtol=1e-9)
    if beta == 1:
        assert torch.allclose(r, 2 * P / (Q + (Q * Q + 4 * S * P).sqrt()), rtol=1e-9)


def test_stationary_point_of_the_penalised_problem() -> None:
    """At convergence, the gradient of the objective with the norm inside it vanishes where W and H are positive."""
    X = drawn(noise=0.05).double()
    result = sparse_nmf(X, 4, 1.0, 0.3, 3000)
    W, H = result.W.clone().requires_grad_(), result.H.clone().requires_grad_()
    V = (W / W.norm(dim=0)) @ H
    (torch.xlogy(X, X / V) - X + V).sum().add(0.3 * H.sum()).backward()
    assert (W.grad * W).abs().max() < 1e-3
    assert (H.grad * H).abs().max() < 1e-3


def test_sparsity_makes_activations_sparser() -> None:
    X = drawn(noise=0.05)
    shares = [float((sparse_nmf(X, 10, 1.0, mu, 200).H < 1e-3).float().mean()) for mu in (0.0, 0.5, 2.0)]
    assert shares[0] < shares[1] < shares[2]


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_silence_gives_finite_factors_and_no_denormals(beta: float) -> None:
    result = sparse_nmf(torch.zeros(20, 30), 4, beta, 0.2, 100)
    X = drawn()
    X[3], X[:, 10:20] = 0, 0
    partly = sparse_nmf(X, 6, beta, 0.2, 100)
    for factor in (result.W, result.H, partly.W, partly.H, partly.W @ partly.H):
        assert torch.isfinite(factor).all()
        assert (factor.abs() >= torch.finfo(torch.float32).tiny).all()
    assert float((partly.W @ partly.H)[3].max()) < 1e-3
    assert torch.isfinite(encode(torch.zeros(20, 5), result.W, beta)).all()


def test_scale_of_the_input_does_not_matter() -> None:
    X = drawn()
    small, large = sparse_nmf(X * 1e-6, 6, 1.0, 0.1, 50), sparse_nmf(X * 1e6, 6, 1.0, 0.1, 50)
    assert torch.allclose(small.W, large.W, atol=1e-3)


def test_fixed_atoms_stay_and_the_rest_is_learned() -> None:
    X = drawn(rank=6)
    fixed = drawn(5)[:, :2] / drawn(5)[:, :2].norm(dim=0)
    fixed[3] = 0
    fixed = fixed / fixed.norm(dim=0)
    result = sparse_nmf(X, 5, 1.0, 0.1, 100, fixed=fixed)
    assert result.W.shape == (40, 7)
    assert torch.allclose(result.W[:, :2], fixed, atol=1e-6)
    assert largest_rise(result.objective) <= 1e-6


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_planted_atoms_are_found(beta: float) -> None:
    g = torch.Generator().manual_seed(3)
    W = torch.rand(60, 5, generator=g) * (torch.rand(60, 5, generator=g) < 0.3) + 1e-3
    W = W / W.norm(dim=0)
    H = torch.rand(5, 400, generator=g) * (torch.rand(5, 400, generator=g) < 0.4) + 1e-3
    best = min((sparse_nmf(W @ H, 5, beta, 0.0, 300, seed=s) for s in range(3)), key=lambda r: float(r.objective[-1]))
    assert float((W.T @ best.W).amax(1).min()) > 0.95


def test_float64_and_same_seed_same_factors() -> None:
    X = drawn()
    first, second = sparse_nmf(X.double(), 5, seed=4, updates=20), sparse_nmf(X.double(), 5, seed=4, updates=20)
    assert first.W.dtype == torch.float64
    assert torch.equal(first.W, second.W)
    assert not torch.equal(first.W, sparse_nmf(X.double(), 5, seed=5, updates=20).W)


def test_tolerance_stops_and_progress_is_told() -> None:
    told: list[tuple[int, float]] = []
    result = sparse_nmf(drawn(), 3, updates=5000, tolerance=1e-3, progress=lambda n, value: told.append((n, value)))
    assert result.evaluated_at[-1] < 5000
    assert [n for n, _ in told] == list(result.evaluated_at[1:])
    assert told[-1][1] == float(result.objective[-1])


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_encode_finds_the_activations_of_each_clip_alone(beta: float) -> None:
    W = sparse_nmf(drawn(), 6, beta).W
    X = torch.stack([drawn(seed, (40, 30)) for seed in range(4)])
    H = encode(X, W, beta, 0.1, 50)
    assert H.shape == (4, 6, 30)
    for clip, activations in zip(X, H, strict=True):
        assert torch.allclose(encode(clip, W, beta, 0.1, 50), activations, rtol=1e-3, atol=1e-5)
    plain = encode(X, W, beta, 0.1, 2000, accelerate=False)
    assert float((W @ H - W @ plain).abs().max()) < 0.02 * float(X.max())


def test_euclidean_encoding_is_least_squares_with_signs() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    X, W = drawn(1).double(), start(drawn(1), 4)[0].double()
    H = encode(X, W, 2.0, 0.0, 3000)
    expected = np.stack([optimize.nnls(W.numpy(), column)[0] for column in X.T.numpy()], axis=1)
    assert np.abs(H.numpy() - expected).max() < 1e-4 * expected.max()


def test_encode_from_a_warm_start_keeps_what_is_already_right() -> None:
    X, W = drawn(), sparse_nmf(drawn(), 6).W
    H = encode(X, W, updates=400)
    assert torch.allclose(encode(X, W, updates=1, initial=H), H, atol=1e-3)
    assert relative_error(X, W, H) < 0.05


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_unusable_entries_are_refused(bad: float) -> None:
    X = drawn()
    X[2, 3] = bad
    with pytest.raises(InputError, match="NaN, infinite or negative"):
        sparse_nmf(X, 3)
    with pytest.raises(InputError, match="NaN, infinite or negative"):
        encode(X, drawn(1)[:, :3])


def test_start_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(40, 3\) and \(3, 90\)"):
        sparse_nmf(drawn(), 3, initial=start(drawn(), 4))
