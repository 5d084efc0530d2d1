"""A warning where a generator is pushed beyond what it was trained on.

Values far outside the training range bring out a property, and break larger models: what the sound is then says nothing
about what the variable means (Begus 2021, footnote 22).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

SATURATED = 0.999
"""Magnitude of a sound from which on a sample counts as saturated."""
ALLOWED = 0.05
"""Share of saturated samples, or of activations beyond the usual, from which on a setting is not to be trusted."""


@dataclass(frozen=True, eq=False)
class RangeGuard:
    """For each of S settings."""

    outside: Tensor
    """(S,) bool: a moved latent is outside the training range."""
    saturated: Tensor
    """(S,) share of saturated samples of the sound, beyond that of sounds from the training range."""
    unusual: Mapping[str, Tensor]
    """Layer -> (S,) share of its series beyond the lowest and highest that the training range gives."""

    @property
    def broken(self) -> Tensor:
        """Return the settings (S,) bool at which too much is saturated or unusual; such a value explains nothing."""
        worst = torch.stack([self.saturated, *self.unusual.values()]).amax(dim=0)
        return self.outside & (worst > ALLOWED)

    def sentence(self) -> str:
        """Return what a report says about it, empty where nothing is outside the training range."""
        if not self.outside.any():
            return ""
        said = f"{int(self.outside.sum())} of {len(self.outside)} settings are outside the training range"
        if not self.broken.any():
            return f"{said}; sound and layers stay within what the training range gives"
        share = float(torch.stack([self.saturated, *self.unusual.values()])[:, self.broken].max())
        return f"{said}; at {int(self.broken.sum())} of them up to {share:.0%} of a layer or the sound is beyond it too"


def range_guard(
    series: Mapping[str, Tensor], usual: Mapping[str, Tensor], path: Tensor, latent_range: tuple[float, float]
) -> RangeGuard:
    """Compare settings with what the training range gives.

    Args:
        series: (K, S, T) of each layer, the sound as "sound".
        usual: (B, T) of the same layers for latents from the training range.
        path: (S, k) values of the moved latents.
        latent_range: lowest and highest value in training.
    """
    low, high = latent_range
    outside = ((path < low) | (path > high)).any(dim=1)
    unusual = {}
    for layer, values in series.items():
        lowest, highest = usual[layer].min(), usual[layer].max()
        unusual[layer] = ((values < lowest) | (values > highest)).float().mean(dim=(0, 2)).cpu()
    sound = series["sound"].abs() >= SATURATED
    before = (usual["sound"].abs() >= SATURATED).float().mean()
    saturated = (sound.float().mean(dim=(0, 2)) - before).clamp_min(0).cpu()
    return RangeGuard(outside.cpu(), saturated, unusual)
