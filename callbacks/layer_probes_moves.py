"""Which latents of a generator are moved, along which path and from where: its codes, its latents, the papers' own."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.layer_probes_subject import LATENT_SEED
from configs.errors import InputError
from configs.layer_probes_schema import FEWEST_BASES
from interpretability.layers.protocols import PROTOCOLS
from models.gan_codes import OneHotCodes
from models.gan_generators import GeneratorTraining

SETTINGS = 7
"""Values at which a latent is set."""
FIRST = 4
"""Latents that are moved where a generator has no codes."""
MOST = 8
"""Codes that are moved at most."""


@dataclass(frozen=True, eq=False)
class Move:
    """Latents that go along a path (S, k) together from starting points (K, Z); `others` may be the random ones."""

    name: str
    latents: tuple[int, ...]
    path: Tensor
    bases: Tensor
    others: tuple[int, ...]
    source: str = ""
    latent_range: tuple[float, float] = (-1.0, 1.0)


def moved_latents(model: GeneratorTraining, wanted: Sequence[int]) -> list[int]:
    """Return the latents to move: those wanted, or the codes, or the first few.

    Raises:
        InputError: A latent that does not exist.
    """
    total = model.settings.latents
    if wrong := [latent for latent in wanted if latent >= total]:
        raise InputError(f"latent {wrong[0]} does not exist: the generator has {total}, counted from 0")
    if wanted:
        return list(wanted)
    return list(range(FIRST if model.codes is None else min(model.codes.n_variables, MOST)))


def moves_of(model: GeneratorTraining, count: int, wanted: Sequence[int], protocols: Sequence[str] = ()) -> list[Move]:
    """Return the moves from `count` starting points, then those of published protocols.

    A category replaces the one before it, so that both ends are codes of the training; a bit goes from 0 to 1 with the
    other bits as drawn; any other latent goes from end to end of its training range. Latents that are wanted take a
    protocol's path, where they are as many as its own.

    Raises:
        InputError: A latent that does not exist, too few starting points, a protocol that the model is too small for.
    """
    if count < FEWEST_BASES:
        raise InputError(f"callbacks.layer_probes.bases={count} must be 0 or at least {FEWEST_BASES}")
    n_codes = 0 if model.codes is None else model.codes.n_variables
    bases, _ = model.latents(count, random=torch.Generator().manual_seed(LATENT_SEED + 1))
    free, usual = tuple(range(n_codes, model.settings.latents)), (-model.reach, model.reach)
    moves = []
    for latent in moved_latents(model, wanted):
        start, way = bases.clone(), torch.linspace(0, 1, SETTINGS)[:, None]
        if latent < n_codes and isinstance(model.codes, OneHotCodes):
            before = (latent - 1) % n_codes
            start[:, :n_codes] = 0
            move = Move(f"code {before} to {latent}", (before, latent), torch.cat([1 - way, way], dim=1), start, free)
        elif latent < n_codes:
            move = Move(f"bit {latent}", (latent,), way, start, free)
        else:
            move = Move(f"latent {latent}", (latent,), model.reach * (2 * way - 1), start, free, "", usual)
        moves.append(move)
    return moves + [_published(model, name, wanted, count) for name in protocols]


def _published(model: GeneratorTraining, name: str, wanted: Sequence[int], count: int) -> Move:
    protocol = PROTOCOLS[name]
    if len(wanted) == len(protocol.latents):
        protocol = protocol.of_latents(*wanted)
    n_codes = 0 if model.codes is None else model.codes.n_variables
    bases = protocol.starting_points(model.settings.latents, LATENT_SEED, count).to(model.device)
    if model.codes is not None:  # codes are 0, as in the papers, or where the protocol has none, as in training
        drawn = model.codes.of(model.codes.draw(len(bases), torch.Generator().manual_seed(LATENT_SEED)))
        bases[:, :n_codes] = 0.0 if protocol.codes else drawn.to(bases)
    free = tuple(range(n_codes, model.settings.latents))
    usual = (0.0, 1.0) if set(protocol.latents) <= set(range(n_codes)) else (-model.reach, model.reach)
    return Move(name, protocol.latents, protocol.path, bases, free, protocol.source, usual)
