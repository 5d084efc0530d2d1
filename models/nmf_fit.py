"""Learning the atoms W: on all frames at once or in mini-batches, from one seed or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.nmf import random_atoms, sparse_nmf
from models.nmf_frames import Frames, batches, blocks, can_repeat
from models.nmf_minibatch import MiniBatchLearner

# A pass of mini-batches costs about as much as fourteen updates on all frames, and counts for as many.
UPDATES_PER_PASS = 14


@dataclass(frozen=True)
class Fit:
    """Atoms W (F, K), fixed ones first, and the objective per frame that they reached (`sparse_nmf`'s over N)."""

    W: Tensor
    objective: float


def fit_dictionary(
    frames: Frames,
    n_components: int,
    beta: float = 1.0,
    sparsity: float = 0.0,
    updates: int = 200,
    *,
    batch_frames: int | None = None,
    max_frames: int | None = None,
    fixed: Tensor | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """Learn `n_components` atoms, on all frames at once or, with `batch_frames`, in mini-batches of that many.

    In mini-batches (`models.nmf_minibatch`), `updates` // 14 passes are made, which cost as much as `updates` on all
    frames; one only if `frames` is an iterator. `max_frames` ends the work after so many frames in all, wherever that
    is in the stream. `fixed` (F, K0) atoms stay. `progress` is called as progress(done, total), in updates or passes.
    """
    if batch_frames is None:
        X = frames if isinstance(frames, Tensor) else torch.cat(list(blocks(frames)), dim=1)
        result = sparse_nmf(
            X,
            n_components,
            beta,
            sparsity,
            updates,
            fixed=fixed,
            seed=seed,
            progress=(lambda done, _: progress(done, updates)) if progress is not None else None,
        )
        return Fit(result.W, float(result.objective[-1]) / X.shape[1])
    generator = torch.Generator().manual_seed(seed)
    n_fixed = 0 if fixed is None else fixed.shape[1]

    def begin(X: Tensor) -> MiniBatchLearner:
        return MiniBatchLearner(random_atoms(X, n_components, fixed, generator), beta, sparsity, n_fixed)

    passes = max(1, updates // UPDATES_PER_PASS) if can_repeat(frames) else 1
    learner: MiniBatchLearner | None = None
    for done in range(passes):
        for X in batches(frames, batch_frames, generator):
            learner = learner or begin(X)
            learner.learn(X)
            if max_frames is not None and learner.frames_seen >= max_frames:
                return Fit(learner.W, learner.objective)
        if learner is None:
            raise ValueError("no frames to learn from")
        learner.end_pass()
        if progress is not None:
            progress(done + 1, passes)
    assert learner is not None  # noqa: S101 - passes >= 1
    return Fit(learner.W, learner.objective)


def best_fit(fit: Callable[[int], Fit], seeds: Sequence[int]) -> tuple[Fit, tuple[float, ...]]:
    """Fit once for each seed; return the fit with the lowest objective, and all objectives in order."""
    fits = [fit(seed) for seed in seeds]
    return min(fits, key=lambda each: each.objective), tuple(each.objective for each in fits)
