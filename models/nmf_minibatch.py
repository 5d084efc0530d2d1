"""Sparse NMF from mini-batches of frames: the past is kept as two matrices of the size of W.

For a mini-batch, the bound that an update of W minimises (`models.nmf_updates`) is a function of W alone, with two
coefficients per entry: A w^-b against B w^a. Running sums of these coefficients, with a forgetting factor, stand for
all earlier mini-batches, as in scikit-learn's MiniBatchNMF (and, for beta = 1, online EM). A mini-batch is encoded,
then atoms and activations are updated together a few times, extrapolated, against the batch and the running sums.

On 6,000 frames of ESC-10 (K = 64, mu = 0.2, beta 2, 1, 0), at the cost of 140 extrapolated updates on all frames, ten
passes of 512 frames ended 0.3 % below, 0.4 % above and 1.1 % below them; one pass of 128 frames, for a seventh of the
work, 2.1 to 2.4 % above. One update of the atoms for each mini-batch, or a memory of a pass, ended 15 to 30 % above.
"""

import torch
from torch import Tensor

from models.nmf import encode
from models.nmf_momentum import Momentum
from models.nmf_updates import FLOOR, Factorization, floored

# Updates of a mini-batch's activations alone, then of atoms and activations together.
ACTIVATION_UPDATES = 10
JOINT_UPDATES = 8
# The running sums reach back over 1 + 0.02 n of the n mini-batches so far.
MEMORY_GROWTH = 0.02


class MiniBatchLearner:
    """Atoms W (F, K0 + K), the first K0 fixed, that improve with each mini-batch they are shown."""

    def __init__(self, W: Tensor, beta: float, sparsity: float, n_fixed: int = 0) -> None:
        self.W, self.beta, self.sparsity, self.n_fixed = W, beta, sparsity, n_fixed
        self.past = _PastBound(torch.zeros_like(W[:, n_fixed:]), torch.zeros_like(W[:, n_fixed:]))
        self.n_batches = 0
        self.frames_seen = 0
        self._totals = {True: (0.0, 0), False: (0.0, 0)}  # objective and frames of the last whole pass, of the present

    @property
    def objective(self) -> float:
        """Mean objective per frame over the last whole pass (before the first has ended: so far)."""
        total, frames = self._totals[bool(self._totals[True][1])]
        return total / frames

    def learn(self, X: Tensor) -> None:
        """Move the atoms by one mini-batch X (F, n)."""
        H = encode(X, self.W, self.beta, self.sparsity, ACTIVATION_UPDATES)
        keep = 1 - 1 / (1 + MEMORY_GROWTH * self.n_batches)
        self.past.A.mul_(keep)
        self.past.B.mul_(keep)
        X = floored(X) if self.beta < 1 else X.contiguous()
        problem = _BatchWithPast(X, self.W, H, self.past, beta=self.beta, sparsity=self.sparsity, n_fixed=self.n_fixed)
        momentum = Momentum(problem)
        for _ in range(JOINT_UPDATES):
            momentum.update()
        self.W = problem.W
        problem.join_past()
        total, frames = self._totals[False]
        self._totals[False] = (total + float(problem.objective()), frames + X.shape[1])
        self.n_batches += 1
        self.frames_seen += X.shape[1]

    def end_pass(self) -> None:
        """Take the objective of the mini-batches since the last call as that of a whole pass."""
        self._totals = {True: self._totals[False], False: (0.0, 0)}


class _PastBound:
    """Coefficients A and B (F, K) of what earlier mini-batches say about the atoms: w = (A / B)^gamma is best."""

    def __init__(self, A: Tensor, B: Tensor) -> None:
        self.A, self.B = A, B


class _BatchWithPast(Factorization):
    """A factorisation of one mini-batch whose atoms also answer to the past."""

    def __init__(
        self, X: Tensor, W: Tensor, H: Tensor, past: _PastBound, *, beta: float, sparsity: float, n_fixed: int
    ) -> None:
        self.past: _PastBound | None = None  # set below: scaling the given W to unit norm must not touch it
        super().__init__(X, W, H, beta=beta, sparsity=sparsity, n_fixed=n_fixed, unit_norm=True)
        self.past = past

    def atom_gradient(self) -> tuple[Tensor, Tensor]:
        """The mini-batch's two parts and the past's, brought to the present entries."""
        P, Q = super().atom_gradient()
        if self.past is None:
            return P, Q
        return P + self.past.A * self.W[:, self.n_fixed :].pow(-1 / self.exponent), Q + self.past.B

    def normalise(self, columns: slice) -> None:
        """Unit columns; the past's activations are scaled by the inverse like the present ones."""
        if self.past is not None:
            norm = torch.linalg.vector_norm(self.W[:, self.n_fixed :], dim=0).clamp_(min=FLOOR)
            self.past.A.mul_(norm.pow(1 - 1 / self.exponent))
            self.past.B.mul_(norm)
        super().normalise(columns)

    def join_past(self) -> None:
        """Add this mini-batch's coefficients at the present atoms to the past's."""
        W, H = self.W[:, self.n_fixed :], self.H[self.n_fixed :]
        past, self.past = self.past, None
        P, Q = self.atom_gradient()
        assert past is not None  # noqa: S101 - it is only taken away here
        past.A.add_(P * W.pow(1 / self.exponent))
        past.B.add_(Q + self.sparsity * H.sum(1) * W)
