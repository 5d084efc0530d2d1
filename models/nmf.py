"""Sparse non-negative matrix factorisation of log-magnitude spectrograms, and encoding under a fixed dictionary.

    minimise over W, H >= 0:   D_beta(X | W H) + mu sum H        with ||w_k||_2 = 1 for every atom

The updates, and why none of them raises the objective, are in `models.nmf_updates`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from models.nmf_momentum import Momentum
from models.nmf_updates import FLOOR, Factorization, floored

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class NMFResult:
    """A factorisation X (F, T) ~ W H.

    `W` (F, K): atoms, fixed ones first, unit l2 columns where `unit_norm` was asked for. `H` (K, T): activations.
    `objective` (n,) float64: D_beta(X | W H) + mu sum H after the numbers of updates in `evaluated_at`, from 0 on.
    """

    W: Tensor
    H: Tensor
    objective: Tensor
    evaluated_at: tuple[int, ...]


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
    accelerate: bool = True,
    evaluate_every: int = 10,
    tolerance: float = 0.0,
    progress: Progress | None = None,
) -> NMFResult:
    """Factorise X (F, T) >= 0 by `updates` alternating updates of W, then H.

    Args:
        X: spectrogram, any non-negative scale, float32 or float64; never written to.
        n_components: number of atoms to learn, besides the fixed ones.
        beta: divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, or any other number.
        sparsity: mu, the weight of sum H.
        updates: number of updates of both factors.
        initial: (W (F, K), H (K, T)) to start from, K counting the fixed atoms; copied. None draws them.
        fixed: (F, K0) atoms that are kept as they are (scaled to unit norm under `unit_norm`); first columns of W.
        unit_norm: hold ||w_k||_2 = 1; without it, columns are free (with sparsity > 0 their scale then runs away).
        seed: of the drawn start, an int or a CPU generator; the same start on every device.
        accelerate: extrapolate between updates. At each evaluation a rise is undone and its updates are done plainly.
        evaluate_every: updates between two entries of the objective's history.
        tolerance: stop once the relative fall between two evaluations is below it; 0 never stops early.
        progress: called as progress(updates done, objective) at each evaluation.

    Raises:
        InputError: X holds NaN, infinite or negative entries.
        ValueError: initial factors of other shapes.
    """
    X = _checked(X, beta)
    n_fixed = 0 if fixed is None else fixed.shape[1]
    if initial is None:
        W, H = _drawn_start(X, n_components, fixed, seed)
    else:
        W, H = _given_start(X, n_components + n_fixed, initial)
    if fixed is not None:
        W[:, :n_fixed] = fixed
    problem = Factorization(X, W, H, beta=beta, sparsity=sparsity, n_fixed=n_fixed, unit_norm=unit_norm)
    momentum = Momentum(problem) if accelerate else None
    history, evaluated_at = [problem.objective()], [0]
    while evaluated_at[-1] < updates:
        count = min(evaluate_every, updates - evaluated_at[-1])
        history.append(_descend(problem, momentum, count, history[-1]))
        evaluated_at.append(evaluated_at[-1] + count)
        if progress is not None:
            progress(evaluated_at[-1], float(history[-1]))
        if tolerance and bool(history[-2] - history[-1] <= tolerance * history[-2].abs()):
            break
    return NMFResult(problem.W, problem.H, torch.stack(history).cpu(), tuple(evaluated_at))


def encode(
    X: Tensor,
    W: Tensor,
    beta: float = 1.0,
    sparsity: float = 0.0,
    updates: int = 50,
    *,
    initial: Tensor | None = None,
    accelerate: bool = True,
) -> Tensor:
    """Return activations H (..., K, T) of spectrograms X (..., F, T) under the fixed dictionary W (F, K).

    All clips are solved at once. Each column of H depends on its own frame only, so that padding or other clips of the
    batch do not change it (beyond rounding, and the floor, which follows the loudest entry of the batch).
    `initial` (..., K, T) is a warm start; entries at zero start from the floor.

    Raises InputError where X holds NaN, infinite or negative entries.
    """
    n_bins, n_frames = X.shape[-2:]
    n_components = W.shape[1]
    # One wide matrix: a single large product per update instead of one for each clip.
    flat = _checked(X.reshape(-1, n_bins, n_frames).movedim(0, 1).reshape(n_bins, -1), beta)
    W = W.detach().to(flat)
    if initial is None:
        H = _projection(flat, W)
    else:
        H = initial.detach().to(flat).reshape(-1, n_components, n_frames).movedim(0, 1).reshape(n_components, -1)
        H = H.clone(memory_format=torch.contiguous_format)
    problem = Factorization(flat, W, H, beta=beta, sparsity=sparsity, n_fixed=n_components, unit_norm=False)
    update = Momentum(problem).update if accelerate else problem.update_activations
    for _ in range(updates):
        update()
    return problem.H.reshape(n_components, -1, n_frames).movedim(0, 1).reshape(*X.shape[:-2], n_components, n_frames)


def relative_error(X: Tensor, W: Tensor, H: Tensor) -> float:
    """||X - W H||^2 / ||X||^2 over all entries of X (..., F, T); 0 for silence that is rebuilt as silence."""
    residual = (X - W @ H).square().sum(dtype=torch.float64)
    energy = X.square().sum(dtype=torch.float64)
    return float(residual / energy) if energy > 0 else float(residual)


def _descend(problem: Factorization, momentum: Momentum | None, count: int, last: Tensor) -> Tensor:
    """Do `count` updates and return the objective; extrapolated ones that raised it are replaced by plain ones."""
    if momentum is not None:
        W, H = problem.W.clone(), problem.H.clone()
        for _ in range(count):
            momentum.update()
        objective = problem.objective()
        if bool(objective <= last):
            return objective
        problem.W.copy_(W)
        problem.H.copy_(H)
    for _ in range(count):
        problem.update_atoms()
        problem.update_activations()
    if momentum is not None:
        momentum.restart()
    return problem.objective()


def _checked(X: Tensor, beta: float) -> Tensor:
    """X as a contiguous floating tensor, floored for beta < 1."""
    X = X.detach()
    if not X.is_floating_point():
        X = X.to(torch.get_default_dtype())
    if X.numel() == 0:
        return X.contiguous()
    low, high = (float(value) for value in torch.aminmax(X))
    if not (low >= 0 and high < float("inf")):
        raise InputError("the spectrogram for NMF holds NaN, infinite or negative entries; give log(1 + |S|) >= 0")
    return floored(X) if beta < 1 else X.contiguous()


def _given_start(X: Tensor, n_components: int, initial: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Copies of the given factors on X's device and type; ValueError where their shapes do not fit."""
    W, H = (factor.detach().to(X).clone(memory_format=torch.contiguous_format) for factor in initial)
    if W.shape != (X.shape[0], n_components) or H.shape != (n_components, X.shape[1]):
        wanted = f"({X.shape[0]}, {n_components}) and ({n_components}, {X.shape[1]})"
        raise ValueError(f"initial factors of shapes {tuple(W.shape)} and {tuple(H.shape)}; expected {wanted}")
    return W, H


def random_atoms(X: Tensor, n_components: int, fixed: Tensor | None, generator: torch.Generator) -> Tensor:
    """Uniform random unit columns (F, K0 + K) on X's device and type, the fixed ones first.

    Frames of the data, means of frames and a spread choice of frames were tried as starts on ESC-10: after 100 updates
    none was better by more than 0.3 %, and single frames were worse by up to 1 %.
    """
    W = torch.rand(X.shape[0], n_components, generator=generator).to(X).add_(1e-3)
    W /= torch.linalg.vector_norm(W, dim=0)
    return W if fixed is None else torch.cat([fixed.to(X), W], dim=1)


def _drawn_start(X: Tensor, n: int, fixed: Tensor | None, seed: int | torch.Generator) -> tuple[Tensor, Tensor]:
    """Random atoms, and activations by a scaled projection of X on them."""
    W = random_atoms(X, n, fixed, seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed))
    return W, _projection(X, W)


def _projection(X: Tensor, W: Tensor) -> Tensor:
    """Activations (K, T) of the right order: W'X, scaled so that W'W H has the size of W'X for equal shares."""
    H = W.T @ X
    return H.div_((W.T @ W).sum(1, keepdim=True).clamp_(min=FLOOR))
