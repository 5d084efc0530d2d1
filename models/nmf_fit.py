"""Learning the atoms W: on all frames at once or in mini-batches, from one seed or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.nmf import encode, random_atoms, sparse_nmf
from models.nmf_frames import Frames, batches, blocks, can_repeat
from models.nmf_updates import FLOOR, Factorization, quotient_factor

# Updates that one pass of mini-batches counts for: a pass costs about as much as ten updates on all frames.
UPDATES_PER_PASS = 10
# Updates of a mini-batch's activations before it moves the atoms.
ACTIVATION_UPDATES = 15
# What the statistics of one pass ago still weigh, as in scikit-learn's MiniBatchNMF.
FORGETTING = 0.7

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""


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

    Mini-batches: each is encoded under the present atoms, its two gradient parts are added to running sums with a
    forgetting factor, and the sums' quotient gives the next atoms (the scheme of scikit-learn's MiniBatchNMF, with the
    norm's penalty and any beta). `updates` // 10 passes are made, one only if `frames` is an iterator; `max_frames`
    ends the work after so many frames in all, wherever that is in the stream. `fixed` (F, K0) atoms stay.
    `progress` is called as progress(done, total), in updates or in passes.
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
    passes = max(1, updates // UPDATES_PER_PASS) if can_repeat(frames) else 1
    learner: MiniBatchLearner | None = None
    for done in range(passes):
        for X in batches(frames, batch_frames, generator):
            if learner is None:
                learner = MiniBatchLearner(random_atoms(X, n_components, fixed, generator), fixed, beta, sparsity)
            learner.learn(X)
            if max_frames is not None and learner.frames_seen >= max_frames:
                return learner.fit()
        if learner is None:
            raise ValueError("no frames to learn from")
        learner.end_pass()
        if progress is not None:
            progress(done + 1, passes)
    assert learner is not None  # noqa: S101 - passes >= 1
    return learner.fit()


class MiniBatchLearner:
    """Atoms W (F, K0 + K) and the running sums A, B (F, K) whose quotient they are: w = (A / B)^gamma.

    A sums P w^(1/gamma), B sums Q + mu ||h||_1 w, with P, Q as in `models.nmf_updates`: for beta = 1 and no penalty,
    the minimiser of the sum of the batches' majorants.
    """

    def __init__(self, W: Tensor, fixed: Tensor | None, beta: float, sparsity: float) -> None:
        self.W, self.beta, self.sparsity = W, beta, sparsity
        self.n_fixed = 0 if fixed is None else fixed.shape[1]
        free = W[:, self.n_fixed :]
        self.A, self.B = torch.zeros_like(free), torch.zeros_like(free)
        self.frames_seen = 0
        self.pass_frames: int | None = None
        self.pass_objective, self.last_pass_objective = 0.0, float("nan")
        self.seen_in_pass = 0

    def learn(self, X: Tensor) -> None:
        """Encode one mini-batch X (F, n) and move the atoms."""
        n = X.shape[1]
        self.frames_seen += n
        self.seen_in_pass += n
        H = encode(X, self.W, self.beta, self.sparsity, ACTIVATION_UPDATES)
        problem = Factorization.of(X, self.W, H, beta=self.beta, sparsity=self.sparsity, n_fixed=self.n_fixed)
        self.pass_objective += float(problem.objective())
        P, Q = problem.atom_gradient()
        W, H = self.W[:, self.n_fixed :], problem.H[self.n_fixed :]
        keep = FORGETTING ** (n / (self.pass_frames or self.frames_seen))
        power = 1 / problem.exponent
        self.A.mul_(keep).add_(P * W.pow(power))
        self.B.mul_(keep).add_(Q + self.sparsity * H.sum(1) * W)
        W.copy_(quotient_factor(self.A, self.B, problem.exponent)).clamp_(min=FLOOR)
        norm = torch.linalg.vector_norm(W, dim=0)
        W.div_(norm)
        # The sums follow the new scale, at which past activations would have been larger by the norm.
        self.A.mul_(norm.pow(1 - power))
        self.B.mul_(norm)

    def end_pass(self) -> None:
        """Note the number of frames and the objective of the pass that ended."""
        self.last_pass_objective = self.pass_objective / self.seen_in_pass
        self.pass_frames, self.seen_in_pass, self.pass_objective = self.seen_in_pass, 0, 0.0

    def fit(self) -> Fit:
        """The atoms and the mean objective per frame over the last (or the unfinished first) pass."""
        if self.pass_frames is None:
            return Fit(self.W, self.pass_objective / self.seen_in_pass)
        return Fit(self.W, self.last_pass_objective)


def best_fit(fit: Callable[[int], Fit], seeds: Sequence[int]) -> tuple[Fit, tuple[float, ...]]:
    """Fit once for each seed; return the fit with the lowest objective, and all objectives in order."""
    fits = [fit(seed) for seed in seeds]
    return min(fits, key=lambda each: each.objective), tuple(each.objective for each in fits)
