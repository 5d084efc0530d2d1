"""How every layer's series answers a small push of every latent variable: the local effect, without extrapolation.

Forward-mode derivatives: one push of a latent gives its effect on all layers at once, for all starting points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import LayerCapture
from interpretability.layers.effects import mean_band
from interpretability.layers.generator_run import SOUND, check_latents, generate, sound_of
from interpretability.layers.series import channel_mean
from interpretability.layers.sounding_generator import SoundingGenerator


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivative of the layers' series with respect to latents at K starting points."""

    latents: tuple[int, ...]
    series: Mapping[str, Tensor]
    """(K, M, T) for M latents, in order; the sound as "sound", where it is not vocoded."""

    def band(self, layer: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean over starting points (M, T) and its 95 % interval: the rows of an effect map."""
        return mean_band(self.series[layer].double())

    def strength(self, layer: str) -> Tensor:
        """Return the root mean square derivative (M,) over time and starting points: which latents a layer answers."""
        return self.series[layer].double().square().mean(dim=(0, 2)).sqrt()


def forward_derivative(
    generator: nn.Module,
    layers: Sequence[str],
    bases: Tensor,
    latents: Sequence[int] | None = None,
    batch_size: int = 64,
) -> Derivatives:
    """Return d m_l(t) / d z_k for the channel mean m_l of each layer.

    Of a generator of spectrograms, derivatives end at the layers: its vocoder looks for phases, and has none.

    Args:
        generator: from latents (B, Z) to sounds.
        layers: dotted paths.
        bases: starting points (K, Z).
        latents: those that are pushed; all if None.
        batch_size: starting points at a time.

    Raises:
        InputError: Latents of the wrong size or that do not exist, layers that do not exist or have no time.
    """
    pushed = tuple(range(bases.shape[-1])) if latents is None else tuple(latents)
    check_latents(bases, pushed)
    generate(generator, bases[:1])  # a wrong size is said in one line
    vocoded = isinstance(generator, SoundingGenerator)
    parts: dict[str, list[Tensor]] = {layer: [] for layer in (*layers, *(() if vocoded else (SOUND,)))}

    def series(z: Tensor) -> dict[str, Tensor]:
        with LayerCapture(generator, layers, channel_mean) as caught:
            if isinstance(generator, SoundingGenerator):
                generator.features(z)
                return {layer: caught[layer] for layer in layers}
            sound = sound_of(generator, z)
            return {**{layer: caught[layer] for layer in layers}, SOUND: sound}

    with evaluation_mode(generator), torch.no_grad():
        for some in torch.split(bases, batch_size):
            rows: dict[str, list[Tensor]] = {layer: [] for layer in parts}
            for latent in pushed:
                push = torch.zeros_like(some)
                push[:, latent] = 1
                change = torch.func.jvp(series, (some,), (push,))[1]
                for layer, values in change.items():
                    rows[layer].append(values.detach().cpu())
            for layer, found in rows.items():
                parts[layer].append(torch.stack(found, dim=1))
    return Derivatives(pushed, {layer: torch.cat(found) for layer, found in parts.items()})
