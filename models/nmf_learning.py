"""From the training clips to a dictionary: one factorisation for all classes, or one for each, beside fixed noise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from configs.schema import NMFConfig
from models.nmf import encode, relative_error
from models.nmf_dictionary import Dictionary, effective_components
from models.nmf_fit import UPDATES_PER_PASS, Fit, best_fit, fit_dictionary
from models.nmf_frames import Frames, draw_frames

QUIET_SHARE = 0.1
"""Share of the frames, the quietest that are not silent, that background noise is learned from."""
MEASURED_FRAMES = 4000
"""Frames on which the scale of the components, their error and their number in use are measured."""

ClassFrames = Callable[[int | None], Iterator[Tensor]]
"""Called with a class number, or None for all classes: a fresh pass over log-magnitude frames, as blocks (F, n)."""


def learn_dictionary(
    frames: ClassFrames,
    class_names: tuple[str, ...],
    n_components: int,
    settings: NMFConfig,
    front_end: dict[str, Any],
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Dictionary:
    """Learn `n_components` atoms from training frames (Parekh et al. 2022, section 3.2; sheet 1.9).

    `settings.noise_components` atoms are learned first, on the quietest frames of all classes, held fixed while the
    others are fitted beside them, and left out of the result. With `settings.per_class` each class gets its share of
    the components from its own frames. Frames of the whole split are sampled (`settings.frames` of them, per class
    where classes are fitted apart). With `settings.batch_frames` mini-batches are streamed from all frames instead,
    for as long as the passes over such a sample would take.

    Raises:
        InputError: Frames that are all silent or not finite.
    """
    say = progress or (lambda text: None)
    generator = torch.Generator().manual_seed(seed)
    sample = draw_frames(lambda: frames(None), settings.frames, generator)
    noise = None
    if settings.noise_components:
        say(f"{settings.noise_components} noise atoms")
        noise = fit(quietest(sample), settings.noise_components, settings, None, [seed])[0].W
    fits: list[tuple[str, Fit, tuple[float, ...]]] = []
    seeds = range(seed, seed + settings.seeds)
    if settings.per_class:
        for c, (name, share) in enumerate(zip(class_names, shares(n_components, len(class_names)), strict=True)):
            say(f"{share} atoms of {name}")
            own = partial(frames, c)
            drawn = (
                own if settings.batch_frames else draw_frames(own, settings.frames, generator, whose=f"class {name}")
            )
            best, objectives = fit(drawn, share, settings, noise, seeds)
            fits.append((name, best, (min(objectives),)))
    else:
        say(f"{n_components} atoms")
        everything = partial(frames, None) if settings.batch_frames else sample
        fits.append(("all", *fit(everything, n_components, settings, noise, seeds)))
    n_noise = 0 if noise is None else noise.shape[1]
    atoms = torch.cat([each.W[:, n_noise:] for _, each, _ in fits], dim=1)
    owners = tuple(name for name, each, _ in fits for _ in range(each.W.shape[1] - n_noise))
    objectives = tuple(value for _, _, objectives in fits for value in objectives)
    return describe(atoms, sample, settings, front_end, owners, objectives)


def random_dictionary(
    frames: ClassFrames, n_components: int, settings: NMFConfig, front_end: dict[str, Any], seed: int = 0
) -> Dictionary:
    """Return atoms drawn at random, the control for what a learned dictionary is worth; scaled on training frames.

    Raises:
        InputError: Frames that are all silent or not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    sample = draw_frames(lambda: frames(None), settings.frames, generator)
    atoms = torch.randn(sample.shape[0], n_components, generator=generator).abs()
    return describe(atoms / atoms.norm(dim=0), sample, settings, front_end, ("random",) * n_components)


def describe(
    atoms: Tensor,
    sample: Tensor,
    settings: NMFConfig,
    front_end: dict[str, Any],
    owners: tuple[str, ...],
    objectives: tuple[float, ...] = (),
) -> Dictionary:
    """Return atoms (F, K) as a dictionary, its scale and error measured on frames (F, n)."""
    measured = sample[:, :MEASURED_FRAMES]
    activations = encode(measured, atoms, settings.beta, settings.sparsity)
    scale = activations.mean(dim=1) + activations.std(dim=1, correction=0)
    return Dictionary(
        atoms=atoms,
        # A component that is never active on the sample keeps a scale that does not blow up the rare frame it is.
        scale=scale.clamp_min(1e-3 * float(scale.max())),
        front_end=front_end,
        nmf=asdict(settings),
        owners=owners,
        relative_error=relative_error(measured, atoms, activations),
        effective_components=effective_components(activations),
        objectives=objectives,
    )


def fit(
    source: Frames, n_components: int, settings: NMFConfig, fixed: Tensor | None, seeds: Sequence[int]
) -> tuple[Fit, tuple[float, ...]]:
    """Fit once for each seed; the best fit and all objectives."""
    once = partial(
        fit_dictionary,
        source,
        n_components,
        settings.beta,
        settings.sparsity,
        settings.updates,
        batch_frames=settings.batch_frames,
        max_frames=settings.frames * max(1, settings.updates // UPDATES_PER_PASS),
        fixed=fixed,
    )
    return best_fit(lambda seed: once(seed=seed), seeds)


def quietest(frames: Tensor) -> Tensor:
    """Return the `QUIET_SHARE` of frames (F, n) with the least energy: what is there when nothing happens."""
    energy = frames.square().sum(dim=0)
    return frames[:, energy.argsort()[: max(1, round(QUIET_SHARE * frames.shape[1]))]]


def shares(total: int, n_classes: int) -> list[int]:
    """Divide components as evenly as can be; the first classes take one more where they do not come out even."""
    return [total // n_classes + (c < total % n_classes) for c in range(n_classes)]
