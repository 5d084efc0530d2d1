"""Which prior a search goes through: a trained generator, the spectra of real excerpts, or none but regularisers."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.generation_excerpts import Excerpts
from callbacks.generation_network import Kind, Network
from configs.errors import InputError
from configs.generation_schema import UNTRAINED, GenerationConfig
from interpretability.generation.input_space import InputSpace
from interpretability.generation.lanes import Lane, grid
from interpretability.generation.latent_priors import UniformLatent
from interpretability.generation.prior import Prior, Sound
from interpretability.generation.spectral_prior import SpectralPrior
from models.gan_loading import LoadedGenerator, load_generator

USUAL_SECONDS = 1.6
"""Length of an excerpt for a prior without training: the paper's is 1.64 s."""
UNTRAINED_NOTE = "untrained: mean spectrum of {n} held-out excerpts, phases searched"
INPUT_NOTE = "untrained: input space, held by total variation and norm alone"
STEPS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "spectral": ((0.3, 0.1, 0.03), (0.0,), (0.0, 0.05, 0.2)),
    "input": ((0.1, 0.03, 0.01), (10.0, 1.0, 0.1), (0.05,)),
    "generator": ((0.1, 0.03, 0.01), (1.0, 0.1, 0.01), (0.0,)),
}
"""Step sizes, weights and jitter that are tried where the configuration leaves them open: nine settings."""


@dataclass(frozen=True)
class PriorPlan:
    """What is known of a prior before any excerpt is heard.

    Attributes:
        family: spectral, input or generator.
        kind: of what it decodes; None takes what the network hears.
        n_samples: length of an excerpt.
        generator: as loaded.
    """

    family: str
    kind: Kind | None
    n_samples: int
    generator: LoadedGenerator | None = None


def plan_prior(config: GenerationConfig, sample_rate: int, device: str = "cpu") -> PriorPlan:
    """Say how long excerpts are, and open the generator if there is one.

    Raises:
        InputError: A generator that cannot be loaded, has another rate, or makes excerpts of another length.
    """
    if config.prior in UNTRAINED:
        seconds = USUAL_SECONDS if config.seconds is None else config.seconds
        return PriorPlan("input" if config.prior == "input" else "spectral", None, round(seconds * sample_rate))
    loaded = load_generator(config.prior, device)
    if loaded.sample_rate != sample_rate:
        raise InputError(
            f"prior={config.prior} makes sounds at {loaded.sample_rate} Hz, the network takes {sample_rate} Hz; choose "
            "a generator that was trained at the network's rate, or prior=none"
        )
    n_samples = loaded.model.settings.clip_samples
    if config.seconds is not None and round(config.seconds * sample_rate) != n_samples:
        raise InputError(
            f"prior={config.prior} makes excerpts of {n_samples / sample_rate:.3f} s, seconds={config.seconds:g} were "
            "asked for; leave seconds out"
        )
    return PriorPlan("generator", "waveform", n_samples, loaded)


def build_prior(plan: PriorPlan, network: Network, excerpts: Excerpts) -> Prior:
    """Return the prior; those without training take their spectrum, or mean and deviation, from real excerpts."""
    sound = network.sound
    if plan.generator is not None:
        return generator_prior(plan.generator, sound)
    floor = None
    if sound.kind == "features":
        floor = float(network.encode(torch.zeros(1, network.n_samples)).min())
    if plan.family == "spectral":
        return SpectralPrior(excerpts.inputs, sound, floor, name="spectra of real excerpts")
    if sound.kind == "waveform":
        return InputSpace(sound, 0.0, float(excerpts.inputs.std()), decay=1.0, name="input space")
    mean, deviation = _band_moments(excerpts.inputs)
    return InputSpace(sound, mean, deviation, decay=1.0, floor=floor, name="input space")


def generator_prior(loaded: LoadedGenerator, sound: Sound) -> Prior:
    """Return a trained generator as a prior; codes are latents like the others, between off and on."""
    settings = loaded.model.settings
    return UniformLatent(loaded.generator, settings.latents, sound, name=f"generator {loaded.config.model.name}")


def described(plan: PriorPlan, excerpts: Excerpts) -> str:
    """Return what every figure says of its prior."""
    if plan.generator is not None:
        return f"trained: model.name={plan.generator.config.model.name} of run {plan.generator.path.name}"
    return INPUT_NOTE if plan.family == "input" else UNTRAINED_NOTE.format(n=len(excerpts))


def lanes_of(config: GenerationConfig, family: str) -> tuple[Lane, ...]:
    """Return the settings that are tried."""
    usual: Any = STEPS[family]
    lrs, weights, transforms = (
        own or given for own, given in zip((config.lr, config.weight, config.transform), usual, strict=True)
    )
    return grid(lrs, weights, transforms)


def _band_moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (1, M, 1) of features (N, 1, M, T) in each band; a band that does not vary has deviation 1."""
    bands = features.movedim(2, 0).flatten(1)
    deviation = bands.std(dim=1)
    deviation = torch.where(deviation > 1e-4, deviation, torch.ones_like(deviation))
    return bands.mean(dim=1)[None, :, None], deviation[None, :, None]
