"""What a step is: the papers count updates of the generator, each after several of the critic on batches of its own."""

import torch
from torch import Tensor, nn


def passes_over_data(generator_steps: int, n_clips: int, batch_size: int = 64, critic_steps: int = 5) -> float:
    """Return how many times the training clips were heard: steps * critic_steps * batch_size / n_clips.

    With the defaults these are the "epochs" that the papers give beside their steps (12,255 steps on 5,463 clips are
    717.8): every critic step takes a fresh batch, the generator's step takes none.
    """
    return generator_steps * critic_steps * batch_size / n_clips


class StepCount(nn.Module):
    """Counts steps of critic and generator; part of checkpoints, as an epoch may end between two generator steps."""

    def __init__(self, critic_steps: int) -> None:
        super().__init__()
        self.critic_steps = critic_steps
        self.critic: Tensor
        self.generator: Tensor
        self.register_buffer("critic", torch.zeros((), dtype=torch.int64))
        self.register_buffer("generator", torch.zeros((), dtype=torch.int64))

    def count_critic(self) -> bool:
        """Count a step of the critic; return whether a step of the generator is due after it."""
        self.critic += 1
        return int(self.critic) % self.critic_steps == 0

    def count_generator(self) -> None:
        """Count a step of the generator."""
        self.generator += 1
