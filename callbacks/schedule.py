"""When an instrument measures, in epochs and in units of its own work; never in measured time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Points of a training: early ones geometrically, then every few epochs, until the work allowed is spent.

    Attributes:
        every_n_epochs: epochs between two points; 0 has none but the one at the end.
        early: also measure after epochs 1, 2, 4, 8 ... below `every_n_epochs`, where a training changes fastest.
        at_end: also measure when the training has ended, on the checkpoint that was chosen.
        work_per_point: units of work (clips, latent-steps, units) of one point.
        work_limit: units of work of a whole training, the end aside; None sets no limit.
    """

    every_n_epochs: int
    early: bool = True
    at_end: bool = True
    work_per_point: int = 0
    work_limit: int | None = None

    def due(self, epoch: int, work_done: int = 0) -> bool:
        """Tell whether to measure after epoch number `epoch` (from 1), with `work_done` units spent so far."""
        if self.every_n_epochs < 1:
            return False
        if self.work_limit is not None and work_done + self.work_per_point > self.work_limit:
            return False
        is_power_of_two = epoch & (epoch - 1) == 0
        return epoch % self.every_n_epochs == 0 or (self.early and epoch < self.every_n_epochs and is_power_of_two)
