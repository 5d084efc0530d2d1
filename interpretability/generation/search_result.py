"""What a search leaves behind: the kept examples of each lane at each snapshot."""

from dataclasses import dataclass

from torch import Tensor

from configs.errors import InputError
from interpretability.generation.lanes import Lane
from interpretability.generation.prior import Prior
from interpretability.generation.target import Target


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The kept examples of one lane after some steps: one setting of the paper's grid.

    Attributes:
        lane: the setting.
        step: steps taken by then; those of an example that stopped early are fewer.
        latent: (n, ...) kept latents on the CPU.
        activation: (n,) of the unit, for the kept latents without jitter.
        at_step: (n,) int64, step at which each was kept.
        stopped: (n,) bool, whether the example had stopped early.
    """

    lane: Lane
    step: int
    latent: Tensor
    activation: Tensor
    at_step: Tensor
    stopped: Tensor

    @property
    def name(self) -> str:
        """The setting in words."""
        return f"{self.lane.name}, {self.step} steps"


@dataclass(frozen=True, eq=False)
class Search:
    """All settings of one search.

    Attributes:
        target: what was looked for.
        prior: where.
        start: (n, ...) latents that every lane began with.
        start_activation: (n,) of them: the ceiling, what no search gives.
        snapshots: of every lane and step that was reached, lanes in order within each step.
        trace: (L, n, steps + 1) activation before every step and after the last, NaN where there was none.
        latent_steps: evaluations with a gradient, the work.
    """

    target: Target
    prior: Prior
    start: Tensor
    start_activation: Tensor
    snapshots: tuple[Snapshot, ...]
    trace: Tensor
    latent_steps: int

    def of(self, lane: Lane, step: int) -> Snapshot:
        """Return a snapshot.

        Raises:
            InputError: There is none, because the lane was dropped before or never ran.
        """
        for snapshot in self.snapshots:
            if snapshot.lane == lane and snapshot.step == step:
                return snapshot
        raise InputError(f"no snapshot of {lane.name} after {step} steps: the lane was dropped before, or did not run")
