"""The real excerpts that a unit's sounds are compared with, and whether there are enough of them for a search."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from callbacks.generation_ground import SearchBasis
from callbacks.generation_network import Network
from callbacks.generation_units import Unit, units_of
from configs.errors import InputError
from configs.generation_schema import GenerationConfig
from interpretability.generation.readings import unit_activations
from interpretability.generation.reference import Reference, choose_excerpts
from interpretability.generation.target import Target

AT_ONCE = 64
"""Excerpts heard together."""


def reference_of(basis: SearchBasis, unit: Unit, settings: GenerationConfig) -> Reference:
    """Return the real excerpts that excite a unit by the network's present weights.

    Those of a class are excerpts of its own clips, and where it is minimised, of the others.

    Raises:
        InputError: Constant activations, or too few excerpts (says how many, and what would give more).
    """
    pool, share = _offered(basis, unit, settings)
    seen = _activations(basis.network, unit.target, basis.excerpts.inputs[pool])
    found = _chosen(basis, unit, settings, pool, seen, share, settings.least)
    return replace(found, places=pool[found.places])


def check_references(basis: SearchBasis, keys: Sequence[str], trained: bool = True) -> None:
    """Look for a unit that can be searched for, before anything slow is made for them.

    Args:
        basis: with excerpts.
        keys: units as typed.
        trained: whether the network's weights decide; else it is the excerpts that could excite a unit at most.

    Raises:
        InputError: None of the units has, or can have, excerpts enough.
    """
    settings, reasons = basis.settings, list[str]()
    for unit in units_of(basis.network, keys, settings.read_out):
        try:
            if trained:
                reference_of(basis, unit, settings)
            else:
                _check_possible(basis, unit, settings)
        except InputError as error:
            reasons.append(str(error))
        else:
            return
    raise InputError(reasons[0] if len(reasons) == 1 else f"none of {len(reasons)} units has enough; {reasons[0]}")


def _check_possible(basis: SearchBasis, unit: Unit, settings: GenerationConfig) -> None:
    """Compare what is needed with what any weights could give: as many as fit into each recording, and the share."""
    pool, share = _offered(basis, unit, settings)
    fit = _chosen(basis, unit, settings, pool, -torch.arange(len(pool), dtype=torch.float64), 1.0, 0).n
    most = min(fit, max(1, round(share * len(pool))))
    if most < settings.least:
        raise InputError(
            f"{unit.name}: {most} reference excerpts of {len(pool)} at most, and {settings.least} are needed: raise "
            f"share, class_share or per_recording{_advice(basis, unit, settings)}"
        )


def _offered(basis: SearchBasis, unit: Unit, settings: GenerationConfig) -> tuple[Tensor, float]:
    """Return the places (n,) of the excerpts that a unit's reference is chosen from, and the share that is."""
    excerpts, lowest = basis.excerpts, settings.aim == "minimise"
    pool, share = torch.arange(len(excerpts)), settings.share
    if unit.is_class:
        pool = excerpts.without_class(unit.number) if lowest else excerpts.of_class(unit.number)
        share = settings.share if lowest else settings.class_share
    if not len(pool):
        whose = "of another class" if lowest else "of this class"
        raise InputError(
            f"{unit.name}: none of {len(excerpts)} held-out excerpts is {whose}{_advice(basis, unit, settings)}"
        )
    return pool, share


def _chosen(
    basis: SearchBasis,
    unit: Unit,
    settings: GenerationConfig,
    pool: Tensor,
    seen: Tensor,
    share: float,
    least: int,
) -> Reference:
    excerpts, lowest = basis.excerpts, settings.aim == "minimise"
    try:
        return choose_excerpts(
            seen,
            [excerpts.recordings[i] for i in pool.tolist()],
            excerpts.seconds[pool],
            excerpts.n_samples / excerpts.datamodule.sample_rate,
            share=share,
            most=settings.most,
            per_recording=settings.per_recording,
            least=least,
            lowest=lowest,
        )
    except InputError as error:
        said = str(error)
        if unit.is_class and not lowest:
            said = said.replace("share=", "class_share=").replace("raise share", "raise class_share")
        said = said.replace(", or offer more", _advice(basis, unit, settings))
        raise InputError(f"{unit.name}: {said}") from None


def _advice(basis: SearchBasis, unit: Unit, settings: GenerationConfig) -> str:
    """Return what would offer more excerpts of a unit, as the end of a message: shorter ones, more clips."""
    excerpts = basis.excerpts
    short = len(excerpts.too_short)
    if unit.is_class:
        of_class = sum(unit.number in labels for labels in excerpts.too_short)
        short = short - of_class if settings.aim == "minimise" else of_class
    if short:
        remedy = "a lower generation.seconds" if basis.plan.generator is None else "a prior of shorter excerpts"
        return f"; {short} clips are shorter than an excerpt of {excerpts.length:.2f} s and left out: give {remedy}"
    return "; raise n_clips for more clips" if excerpts.offered >= settings.n_clips else ""


def _activations(network: Network, target: Target, inputs: Tensor) -> Tensor:
    device = network.module.device
    parts = torch.split(inputs, AT_ONCE)
    return torch.cat([unit_activations(network.module, target, part.to(device), network.run) for part in parts])
