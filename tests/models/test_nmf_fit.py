"""Learning atoms from streams of frames: drawing, batching, mini-batches against all frames at once, seeds."""

import pytest
import torch
from torch import Tensor

from configs.errors import InputError
from models.nmf import encode, relative_error
from models.nmf_fit import best_fit, fit_dictionary
from models.nmf_frames import batches, draw_frames
from models.nmf_minibatch import MiniBatchLearner
from models.nmf_updates import beta_divergence


def planted(n_frames: int = 1200, n_atoms: int = 5, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Sparse atoms W (60, K) with unit columns and frames W H of them."""
    g = torch.Generator().manual_seed(seed)
    W = torch.rand(60, n_atoms, generator=g) * (torch.rand(60, n_atoms, generator=g) < 0.3) + 1e-3
    W = W / W.norm(dim=0)
    H = torch.rand(n_atoms, n_frames, generator=g) * (torch.rand(n_atoms, n_frames, generator=g) < 0.4) + 1e-3
    return W, W @ H


def objective(X: Tensor, W: Tensor, beta: float, sparsity: float) -> float:
    H = encode(X, W, beta, sparsity, 200)
    return float(beta_divergence(X, W @ H, beta) + sparsity * H.sum()) / X.shape[1]


@pytest.mark.parametrize("batch_frames", [None, 100])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_planted_atoms_are_found(beta: float, batch_frames: int | None) -> None:
    W, X = planted()
    fit, _ = best_fit(lambda seed: fit_dictionary(X, 5, beta, 0.0, 200, batch_frames=batch_frames, seed=seed), range(3))
    assert float((W.T @ fit.W).amax(1).min()) >= 0.95
    assert torch.allclose(fit.W.norm(dim=0), torch.ones(5), atol=1e-5)


@pytest.mark.parametrize("sparsity", [0.0, 0.1])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_mini_batches_end_near_all_frames_at_once(beta: float, sparsity: float) -> None:
    X = planted(n_atoms=12)[1] + 0.1 * torch.rand(60, 1200, generator=torch.Generator().manual_seed(0))
    whole = objective(X, fit_dictionary(X, 8, beta, sparsity, 140).W, beta, sparsity)
    parts = objective(X, fit_dictionary(X, 8, beta, sparsity, 140, batch_frames=150).W, beta, sparsity)
    assert parts <= 1.03 * whole


def test_one_pass_over_a_generator_learns() -> None:
    X = planted(6000)[1]
    fit = fit_dictionary((block for block in X.split(333, dim=1)), 5, 1.0, 0.0, 200, batch_frames=100)
    assert relative_error(X, fit.W, encode(X, fit.W)) < 0.02
    assert fit.objective == pytest.approx(objective(X, fit.W, 1.0, 0.0), abs=0.1)


def test_max_frames_ends_the_work_within_the_stream() -> None:
    seen = 0

    def endless():
        nonlocal seen
        g = torch.Generator().manual_seed(0)
        while True:
            seen += 50
            yield torch.rand(20, 50, generator=g)

    fit = fit_dictionary(endless, 4, batch_frames=100, max_frames=1000)
    assert seen == 1000
    assert torch.isfinite(fit.W).all()


def test_fixed_atoms_stay_in_mini_batches() -> None:
    W, X = planted()
    fit = fit_dictionary(X, 3, 1.0, 0.1, 60, batch_frames=200, fixed=W[:, :2])
    assert fit.W.shape == (60, 5)
    assert torch.allclose(fit.W[:, :2], W[:, :2], atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_silent_mini_batches_give_finite_atoms(beta: float) -> None:
    learner = MiniBatchLearner(planted()[0].clone(), beta, 0.2)
    learner.learn(torch.zeros(60, 40))
    learner.learn(planted()[1][:, :50])
    learner.learn(torch.zeros(60, 40))
    assert torch.isfinite(learner.W).all()
    assert (learner.W >= 0).all()
    assert learner.frames_seen == 130


def test_batches_have_one_size_whatever_the_blocks() -> None:
    X = torch.arange(100.0).expand(3, 100)
    sizes = [batch.shape[1] for batch in batches(X.split([7, 50, 1, 42], dim=1), 30, torch.Generator())]
    assert sizes == [30, 30, 30, 10]
    joined = torch.cat(list(batches(X.split(9, dim=1), 30, torch.Generator())), dim=1)
    assert torch.equal(joined, X)
    shuffled = torch.cat(list(batches(X, 30, torch.Generator())), dim=1)
    assert not torch.equal(shuffled, X)
    assert torch.equal(shuffled.sort(dim=1).values, X)


def test_draw_is_uniform_and_does_not_depend_on_the_blocks() -> None:
    X = torch.arange(1, 1001).float().expand(3, 1000)
    one = draw_frames(X, 50, torch.Generator().manual_seed(1))
    assert torch.equal(one, draw_frames(X.split(17, dim=1), 50, torch.Generator().manual_seed(1)))
    draws = torch.cat([draw_frames(X, 50, torch.Generator().manual_seed(s))[0] for s in range(40)])
    assert len(set(one[0].tolist())) == 50
    assert abs(float(draws.mean()) - 500.5) < 4 * 289 / 2000**0.5


def test_silent_frames_are_not_drawn_and_silence_is_refused() -> None:
    X = torch.zeros(3, 100)
    X[1, 40:45] = 1
    assert torch.equal(draw_frames(X, 50, torch.Generator()), X[:, 40:45])
    with pytest.raises(InputError, match="100 frames, all silent"):
        draw_frames(torch.zeros(3, 100), 50, torch.Generator())
    X[2, 3] = float("nan")
    with pytest.raises(InputError, match="class dog hold NaN"):
        draw_frames(X, 50, torch.Generator(), whose="class dog")


def test_best_of_several_seeds_is_kept() -> None:
    X = planted(300)[1]
    fit, objectives = best_fit(lambda seed: fit_dictionary(X, 5, 1.0, 0.0, 30, seed=seed), range(4))
    assert len(set(objectives)) == 4
    assert fit.objective == min(objectives)
