"""Search for sounds that a unit responds to: all settings and seeds in one batch, nothing left behind on the network.

    J(z) = objective(a_k(network(jitter(decode(z))))) + weight * log prior(z)         (Mishra et al. 2019, with Adam)

Rows of the batch never meet: a lane does the same alone, in any company, and in chunks of any size.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.lane_search import LaneSearch, Rank
from interpretability.generation.lanes import Lane
from interpretability.generation.prior import Prior
from interpretability.generation.readings import Readings, device_of
from interpretability.generation.search_result import Search
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.target import Target
from interpretability.isolation import isolated

USUAL = SearchSettings()


def activation_maximisation(
    model: nn.Module,
    target: Target,
    prior: Prior,
    lanes: Sequence[Lane],
    settings: SearchSettings = USUAL,
    run: Callable[[Tensor], Any] | None = None,
    rank: Rank | None = None,
    start: Tensor | None = None,
    device: torch.device | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Search:
    """Search with all lanes at once.

    Works with gradients switched off around it and in inference mode; flags, gradients and random streams of the
    caller are as they were. Five lines in a notebook:

        target, seen = Target(unit=1), unit_activations(model, Target(unit=1), excerpts)
        reference = choose_excerpts(seen, recordings, seconds, length=1.6, share=0.2)
        prior = SpectralPrior(excerpts[reference.places], Sound(excerpts.shape[1:], 22050))
        search = activation_maximisation(model, target, prior, grid((0.3, 0.1, 0.03)), reference.settings())
        generated = prior.decode(search.snapshots[-1].latent)

    Args:
        model: any network, on `device`.
        target: a unit, as a number (`readings.checked`).
        prior: what is searched.
        lanes: settings, no two alike.
        settings: of the search.
        run: evaluates the network on excerpts; None calls it with them alone.
        rank: scores the lanes for halving.
        start: (n, ...) latents to begin with, such as those of an earlier search; None draws them by seed.
        device: of the work; None is that of the model's first parameter or buffer, else the CPU.
        watch: called after each step with the latent-steps done, and those that all lanes would take to the end.

    Raises:
        InputError: No lanes or equal ones, halving without `rank`, latents of another shape, a unit that does not
            exist or has no gradient, or an activation that is not finite for the first latents.
    """
    if not lanes or len(set(lanes)) < len(lanes):
        raise InputError(f"{len(lanes)} lanes, {len(set(lanes))} different: name at least one, and none twice")
    if settings.halving is not None and rank is None:
        raise InputError("halving needs scores of the lanes: hand in `rank`, or leave it out")
    place = device or device_of(model)
    parts = nn.ModuleList([model, *prior.modules])
    with ExitStack() as stack:
        stack.enter_context(isolated(parts, settings.seed, place))
        stack.enter_context(torch.autocast(place.type, enabled=False))
        reader = stack.enter_context(Readings(model, {"unit": target}, run))
        return LaneSearch(reader, target, prior, tuple(lanes), settings, place).search(start, rank, watch)
