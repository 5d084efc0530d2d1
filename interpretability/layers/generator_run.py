"""Running a generator on latents: checked sizes, batches, the series of its layers and its sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.layers.series import Reduction, SeriesCapture
from interpretability.layers.sounding_generator import SoundingGenerator
from interpretability.layers.time_base import TimeBase
from interpretability.layers.time_trace import synthesis_time_bases

SOUND = "sound"
"""Name of the generator's output among its layers."""


@dataclass(frozen=True, eq=False)
class GeneratorRun:
    """Series (B, T) of the layers of a generator, its sound (B, N) among them."""

    series: dict[str, Tensor]

    @property
    def sound(self) -> Tensor:
        """Return the sound (B, N)."""
        return self.series[SOUND]


@torch.no_grad()
def generate(generator: nn.Module, latents: Tensor) -> Tensor:
    """Return the sounds (B, N) of latents (B, Z), in eval mode.

    Raises:
        InputError: Latents that the generator does not take, or an output that is no sound.
    """
    with evaluation_mode(generator):
        return sound_of(generator, latents)


def sound_of(generator: nn.Module, latents: Tensor) -> Tensor:
    """Return the sounds (B, N) of latents (B, Z) as `generate`, with gradients and in the mode that is on."""
    check_latents(latents)
    try:
        output = generator(latents)
    except RuntimeError as error:
        raise InputError(
            f"the generator does not take latents of size {latents.shape[1]}: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(output, Tensor) or output.ndim not in (2, 3) or (output.ndim == 3 and output.shape[1] != 1):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"the generator returns {shape}; a sound is (clips, samples) or (clips, 1, samples)")
    return output.flatten(1)


def check_latents(latents: Tensor, moved: Sequence[int] = ()) -> None:
    """Check that latents are (K, Z) and that those to be moved are among them.

    Raises:
        InputError: They are not.
    """
    if latents.ndim != 2:
        raise InputError(f"latents have shape {tuple(latents.shape)}: they have to be (items, latent variables)")
    if wrong := [latent for latent in moved if not 0 <= latent < latents.shape[1]]:
        raise InputError(f"latent {wrong[0]} does not exist: there are {latents.shape[1]}, counted from 0")


def run_generator(
    generator: nn.Module,
    layers: Sequence[str],
    latents: Tensor,
    reduction: Reduction = "mean",
    batch_size: int = 64,
) -> GeneratorRun:
    """Return the series of layers and the sound for latents (B, Z), on the CPU.

    Raises:
        InputError: As `generate`, or a layer that does not exist or has no time.
    """
    check_latents(latents)
    parts: dict[str, list[Tensor]] = {path: [] for path in (*layers, SOUND)}
    with SeriesCapture(generator, layers, (reduction,)) as caught:
        for some in torch.split(latents, batch_size):
            parts[SOUND].append(sound_of(generator, some).float().cpu())
            for path in layers:
                parts[path].append(caught[path][reduction].cpu())
    return GeneratorRun({path: torch.cat(found) for path, found in parts.items()})


def generator_clocks(generator: nn.Module, layers: Sequence[str], latents: Tensor) -> dict[str, TimeBase]:
    """Return the clock of each layer in samples of the sound, the sound's own among them.

    Layers of a generator of spectrograms are followed to its frames, and these lie in the sound as its vocoder has it.

    Raises:
        InputError: As `synthesis_time_bases`.
    """
    run = generator.features if isinstance(generator, SoundingGenerator) else generator
    found = synthesis_time_bases(generator, layers, lambda: run(latents[:1])) if layers else {}
    if isinstance(generator, SoundingGenerator):
        found = {path: generator.on_sound(clock) for path, clock in found.items()}
    return {**found, SOUND: TimeBase()}
