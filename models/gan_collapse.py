"""The collapse alarm: ends the training of a generator that always makes the same, or whose codes say nothing."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from configs.errors import InputError


class CollapseError(InputError):
    """A generator collapsed; the message says by which figure, and what to try."""


class Signs(NamedTuple):
    """What the alarm looks at, taken at a validation.

    `spread` is the mean distance of two generated clips relative to real ones; `read` the share of codes that the Q
    network reads back and `chance` what guessing would, both None without codes.
    """

    spread: float
    read: float | None = None
    chance: float | None = None


class CollapseAlarm(nn.Module):
    """Counts validations in a row that look collapsed; the counts are part of checkpoints, so that resuming is exact.

    A generator has collapsed where its clips are nearer to each other than `distance` times real ones, its codes where
    the Q network reads hardly more of them than by guessing. Neither is judged before `after` steps of the generator:
    untrained ones all sound alike.
    """

    READABLE = 0.1
    """Share of the way from chance to certainty below which codes count as unread."""

    def __init__(self, distance: float, after: int, patience: int) -> None:
        super().__init__()
        self.distance, self.after, self.patience = distance, after, patience
        self.alike: Tensor
        self.unread: Tensor
        self.register_buffer("alike", torch.zeros((), dtype=torch.int64))
        self.register_buffer("unread", torch.zeros((), dtype=torch.int64))

    def look(self, signs: Signs, steps: int) -> None:
        """Take the signs after `steps` steps of the generator.

        Raises:
            CollapseError: They have been bad `patience` times in a row.
        """
        if self.patience == 0 or steps < self.after:
            return
        alike = not signs.spread >= self.distance  # NaN is no spread
        unread = False
        if signs.read is not None and signs.chance is not None:
            unread = signs.read < signs.chance + self.READABLE * (1 - signs.chance)
        self.alike.copy_((self.alike + 1) * alike)
        self.unread.copy_((self.unread + 1) * unread)
        if self.alike >= self.patience:
            raise CollapseError(
                f"the generator has collapsed after {steps} steps: its clips differ {signs.spread:.3f} times as much "
                f"as real ones (model.collapse_distance={self.distance:g}), {int(self.alike)} times in a row; try a "
                "lower model.learning_rate, a higher model.gradient_penalty, more model.critic_steps or more data"
            )
        if self.unread >= self.patience:
            raise CollapseError(
                f"the codes have collapsed after {steps} steps: the Q network reads {signs.read:.3f} of them, guessing "
                f"{signs.chance:.3f}, {int(self.unread)} times in a row; try a higher model.information_weight or "
                "model.q_learning_rate, or fewer codes"
            )
