"""Which prior a search goes through: a trained generator, components or spectra of real excerpts, or regularisers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.generation_excerpts import Excerpts, training_excerpts
from callbacks.generation_network import Kind, Network
from configs.data_schema import FrontEndConfig
from configs.errors import CommandError, InputError, naming
from configs.generation_schema import NAMED_PRIORS, GenerationConfig, unknown_prior
from interpretability.generation.frame_prior import FramePrior
from interpretability.generation.input_space import InputSpace
from interpretability.generation.lanes import Lane, grid
from interpretability.generation.principal_prior import principal_prior
from interpretability.generation.prior import Prior
from interpretability.generation.spectral_prior import SpectralPrior
from models.gan_loading import LoadedGenerator, load_generator

USUAL_SECONDS = 1.6
"""Length of an excerpt for a prior without training: the paper's is 1.64 s."""
UNTRAINED_NOTE = "untrained: mean spectrum of {n} held-out excerpts, phases searched"
PRINCIPAL_NOTE = "untrained: {n} principal components of training excerpts"
FRAMES_NOTE = "learned on the spot: frames of training excerpts, and {n} directions in which they follow one another"
INPUT_NOTE = "untrained: input space, held by total variation and norm alone"
STEPS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "spectral": ((0.3, 0.1, 0.03), (0.0,), (0.0, 0.05, 0.2)),
    "principal": ((0.1, 0.03, 0.01), (10.0, 1.0, 0.1), (0.0,)),
    "frames": ((0.1, 0.03, 0.01), (10.0, 1.0, 0.1), (0.0,)),
    "input": ((0.1, 0.03, 0.01), (10.0, 1.0, 0.1), (0.05,)),
    "generator": ((0.1, 0.03, 0.01), (1.0, 0.1, 0.01), (0.0,)),
}
"""Step sizes, weights and jitter that are tried where the configuration leaves them open: nine settings."""
OF_FEATURES = {"principal": PRINCIPAL_NOTE, "frames": FRAMES_NOTE}
"""Priors that are made of the features of training excerpts, and what is said of them."""


@dataclass(frozen=True)
class PriorPlan:
    """What is known of a prior before any excerpt is heard.

    Attributes:
        family: spectral, principal, frames, input or generator.
        kind: of what it decodes; None takes what the network hears.
        n_samples: length of an excerpt.
        generator: as loaded.
    """

    family: str
    kind: Kind | None
    n_samples: int
    generator: LoadedGenerator | None = None


def plan_prior(
    config: GenerationConfig,
    front_end: FrontEndConfig,
    device: str = "cpu",
    usual: float = USUAL_SECONDS,
    group: str = "",
) -> PriorPlan:
    """Say how long excerpts are, and open the generator if there is one.

    Args:
        config: settings of the search.
        front_end: of the network that hears.
        device: of the generator.
        usual: seconds of an excerpt where nothing else is said.
        group: what stands before the keys in messages, such as "callbacks.explanation_fid.generation.".

    Raises:
        CommandError: A prior that is neither one of the names nor a run folder.
        InputError: A generator that cannot be loaded, was trained with another rate or front end, or makes excerpts of
            another length.
    """
    rate = front_end.sample_rate
    if config.prior in NAMED_PRIORS:
        seconds = usual if config.seconds is None else config.seconds
        family = "spectral" if config.prior == "none" else config.prior
        return PriorPlan(family, "features" if family in OF_FEATURES else None, round(seconds * rate))
    if not Path(config.prior).expanduser().exists():
        raise CommandError(unknown_prior(f"{group}prior", config.prior))
    with naming(f"{group}prior"):
        loaded = load_generator(config.prior, device)
        loaded.check_heard_by(front_end)
    if config.seconds is not None and round(config.seconds * rate) != loaded.n_samples:
        raise InputError(
            f"{group}prior={config.prior} makes excerpts of {loaded.n_samples / rate:.3f} s, "
            f"seconds={config.seconds:g} were asked for; leave seconds out"
        )
    return PriorPlan("generator", loaded.sound.kind, loaded.n_samples, loaded)


def build_prior(plan: PriorPlan, network: Network, excerpts: Excerpts) -> Prior:
    """Return the prior; without a generator it is made of real excerpts."""
    sound = network.sound
    if plan.generator is not None:
        return plan.generator.prior()
    floor = None
    if sound.kind == "features":
        floor = float(network.encode(torch.zeros(1, network.n_samples)).min())
    if plan.family == "spectral":
        return SpectralPrior(excerpts.inputs, sound, floor, name="spectra of real excerpts")
    if plan.family in OF_FEATURES:
        real = training_excerpts(excerpts.datamodule, network)
        if plan.family == "frames":
            return FramePrior(real.to(network.module.device), sound, floor=floor)
        prior = principal_prior(real, sound, floor, name="principal components")
        prior.generator.to(network.module.device)
        return prior
    if sound.kind == "waveform":
        return InputSpace(sound, 0.0, float(excerpts.inputs.std()), decay=1.0, name="input space")
    mean, deviation = _band_moments(excerpts.inputs)
    return InputSpace(sound, mean, deviation, decay=1.0, floor=floor, name="input space")


def described(plan: PriorPlan, excerpts: Excerpts, prior: Prior) -> str:
    """Return what every figure says of its prior."""
    if plan.generator is not None:
        return f"trained: model.name={plan.generator.config.model.name} of run {plan.generator.path.name}"
    if plan.family in OF_FEATURES:
        return OF_FEATURES[plan.family].format(n=prior.latent_shape[0])
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
