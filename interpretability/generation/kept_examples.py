"""Which iterate of each example is kept, and which examples are done."""

from typing import Literal

import torch
from torch import Tensor

from interpretability.generation.target import Target

Keep = Literal["band", "best", "last"]
"""The best iterate inside the range of real excerpts, the most activating one as published, or the last."""

PUBLISHED_GAIN = 0.1
"""The paper keeps an iterate only if it is so much stronger than the kept one."""


class KeptExamples:
    """Kept latents of all rows (B, ...), with activation, step and whether the row has stopped.

    Under "band" an iterate is better if it is nearer to the band, or as near (inside: both at 0) with a higher
    objective J, so that neither a far overshoot nor a first weak hit is what remains.
    """

    def __init__(
        self, latent: Tensor, target: Target, keep: Keep, band: tuple[float, float] | None, stop: float | None
    ) -> None:
        n, device = len(latent), latent.device
        self.latent = latent.clone()
        self.activation = torch.zeros(n, device=device)
        self.at_step = torch.zeros(n, dtype=torch.long, device=device)
        self.stopped = torch.zeros(n, dtype=torch.bool, device=device)
        self._off, self._score = (torch.full((n,), sign * torch.inf, device=device) for sign in (1, -1))
        self._target, self._keep, self._stop = target, keep, stop
        self._band = band if keep == "band" else None

    def offer(self, rows: Tensor, latent: Tensor, activation: Tensor, log_prior: Tensor, step: int) -> None:
        """Keep what is better than before and stop what is there.

        Rows whose activation is not finite keep what they have and stop.

        Args:
            rows: (r,) positions.
            latent: (r, ...) iterates.
            activation: (r,) of the unit, without jitter.
            log_prior: (r,) weighted.
            step: steps taken so far.
        """
        finite = activation.isfinite() & log_prior.isfinite()
        wanted = self._target.objective(activation)
        score = wanted if self._keep == "best" else wanted + log_prior
        off = self._distance(activation)
        if self._keep == "last":
            better = torch.ones_like(finite)
        elif self._keep == "best":
            gain = PUBLISHED_GAIN if self._target.aim != "reach" else 0.0
            better = score >= self._score[rows] + gain
        else:
            better = (off < self._off[rows]) | ((off == self._off[rows]) & (score > self._score[rows]))
        taken = better & finite
        at = rows[taken]
        self.latent[at], self.activation[at] = latent[taken], activation[taken].to(self.activation.dtype)
        self._off[at], self._score[at] = off[taken].to(self._off.dtype), score[taken].to(self._score.dtype)
        self.at_step[at] = step
        self.stopped[rows] |= self._done(activation) | ~finite

    def _distance(self, activation: Tensor) -> Tensor:
        if self._band is None:
            return torch.zeros_like(activation)
        low, high = self._band
        return (low - activation).clamp_min(0) + (activation - high).clamp_min(0)

    def _done(self, activation: Tensor) -> Tensor:
        if self._stop is None or self._target.aim == "reach":
            return torch.zeros_like(activation, dtype=torch.bool)
        return activation >= self._stop if self._target.aim == "maximise" else activation <= self._stop
