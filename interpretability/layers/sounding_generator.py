"""A generator of spectrograms with its vocoder: from latents to sound, so that it is probed as one of waveforms is."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.time_base import TimeBase


class SoundingGenerator(nn.Module):
    """From latents (B, Z) by way of features (B, 1, M, T) to sounds (B, (T - 1) hop).

    Each excerpt goes through the vocoder alone, so that its sound depends on its latents only: a vocoder that starts
    from random phases gives those of its seed to every one of them, whatever the batch.

    Attributes:
        generator: of features; layers are named from here on, such as `generator.relu1`.
        vocoding: name of the vocoder.
        frames: clock of the generated frames in samples of the sound. Frame j lies at sample j hop, and its window is
            what it touches; a vocoder that goes back and forth carries a little of it further.
    """

    def __init__(
        self, generator: nn.Module, invert: Callable[[Tensor], Tensor], hop: int, window: int, vocoding: str
    ) -> None:
        super().__init__()
        self.generator, self.vocoding = generator, vocoding
        self.frames = TimeBase(TimeBase().jump * hop, TimeBase().centre, TimeBase().span * window)
        self._invert = invert

    def features(self, latents: Tensor) -> Tensor:
        """Latents (B, Z) -> features (B, 1, M, T)."""
        return self.generator(latents)  # type: ignore[no-any-return]

    @torch.no_grad()
    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, Z) -> sounds (B, N), without gradient: vocoding has none that says anything.

        Raises:
            InputError: Features that no sound belongs to, such as those of weights that have diverged.
        """
        sound = torch.cat([self._invert(one) for one in torch.split(self.features(latents).float(), 1)])
        if not bool(sound.isfinite().all()):
            raise InputError(f"the generated spectrograms are too loud, or no numbers: {self.vocoding} gives no sound")
        return sound

    def on_sound(self, clock: TimeBase) -> TimeBase:
        """Carry a clock that counts in generated frames over to samples of the sound."""
        hop = self.frames.jump
        return TimeBase(clock.jump * hop, clock.centre * hop, (clock.span - 1) * hop + self.frames.span)
