"""What units of a run ask for: sounds generated to excite them, scored against the real excerpts that do.

    ground = open_search("RUN")
    found = search_units(ground, ["dog", "bottleneck:5"])
    found[0].choice.score  # the setting whose sounds are nearest to the real excerpts, with its scores
    found[0].waveform  # (n, N) its sounds

Within a program that has model and data at hand, `prepare_search` makes the ground. It is made once: excerpts are kept
as the network's inputs, so that later searches see the weights of their moment. `callbacks.generation_files` writes
what is found.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from callbacks.generation_ground import SearchGround, open_search, prepare_search
from callbacks.generation_priors import lanes_of
from callbacks.generation_reference import reference_of
from callbacks.generation_result import UnitGenerations, WarmStart, refreshed
from callbacks.generation_units import HEAD, Unit, head_target, units_of
from configs.errors import InputError
from configs.generation_schema import GenerationConfig
from interpretability.generation.activation_maximisation import activation_maximisation
from interpretability.generation.judge import Judge
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Halving
from interpretability.generation.listener import Listener
from interpretability.generation.prior import Prior
from interpretability.generation.readings import measuring
from interpretability.generation.reference import Reference
from interpretability.generation.search_result import Search, Snapshot
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.selection import By, choose
from interpretability.generation.target import Target
from interpretability.generation.vocoding import generated

__all__ = [
    "SearchGround",
    "UnitGenerations",
    "WarmStart",
    "Watch",
    "open_search",
    "prepare_search",
    "reference_of",
    "refreshed",
    "search_unit",
    "search_units",
]

Watch = Callable[[str, int, int], None]
"""Called with what is searched for, latent-steps done and latent-steps foreseen at most."""


def search_units(
    ground: SearchGround,
    units: Sequence[str] = (),
    warm_start: Mapping[str, WarmStart] | None = None,
    watch: Watch | None = None,
    **changes: Any,  # noqa: ANN401 - fields of GenerationConfig
) -> list[UnitGenerations]:
    """Search for what units ask for, one after the other; leaves no trace on the network.

    Args:
        ground: of `prepare_search`.
        units: as typed; none takes those of the settings, and if they name none, all classes.
        warm_start: unit -> where its search goes on; units that are not in it start anew.
        watch: told how far the work is.
        **changes: settings for this search in place of the ground's, such as `snapshots=[20]`.

    Raises:
        InputError: A unit that does not exist, that no excerpt excites more than another, or too few excerpts.
    """
    settings = replace(ground.settings, **changes)
    for problem in settings.problems():
        raise InputError(problem)
    found = units_of(ground.network, units or settings.units, settings.read_out)
    return [search_unit(ground, unit, settings, (warm_start or {}).get(unit.key), watch) for unit in found]


def search_unit(
    ground: SearchGround,
    unit: Unit,
    settings: GenerationConfig,
    warm: WarmStart | None = None,
    watch: Watch | None = None,
) -> UnitGenerations:
    """Search for what one unit asks for; as `search_units`."""
    started = time.perf_counter()
    network, prior = ground.network, ground.prior
    reference = reference_of(ground, unit, settings)
    real = ground.excerpts.inputs[reference.places]
    target = _aimed(unit.target, settings.aim, reference)
    judge = Judge(network.listener(target), prior, real, reference, _judge_of(ground, unit), settings.seed)
    lanes = lanes_of(settings, ground.plan.family) if warm is None else warm.lanes
    halving = Halving() if settings.halving and len(lanes) > 2 and len(settings.snapshots) > 1 else None
    search = activation_maximisation(
        network.module,
        target,
        prior,
        lanes,
        _search_settings(settings, reference, halving),
        network.run,
        judge.rank if halving else None,
        None if warm is None else warm.latent,
        watch=None if watch is None else lambda done, all_: watch(unit.name, done, all_),
    )
    # A search that goes on begins where the last one ended: its ceiling is that of latents drawn anew.
    drawn = search if warm is None else replace(search, start=drawn_latents(prior, len(warm.latent), settings.seed))
    scores = tuple(_known(score, unit) for score in judge.scores(drawn))
    by: By = "frechet" if all(score.excess == score.excess for score in scores) else "kernel"
    choice = choose(scores, by)
    chosen = _snapshot_of(search, choice.score)
    with measuring(network.module, prior):
        sound = generated(prior, chosen.latent.to(network.module.device), network.vocoder(settings.vocoder_iterations))
        start = prior.decode(search.start.to(network.module.device)).cpu()
    features = sound.excerpts.cpu()
    assert sound.waveform is not None  # noqa: S101 - features come with a vocoder
    return UnitGenerations(
        unit=unit,
        aim=settings.aim,
        scores=scores,
        ceiling=_known(judge.ceiling(drawn), unit),
        floors=judge.floors(settings.latents if warm is None else len(warm.latent)),
        endless=judge.endless(chosen) if warm is None else None,
        by=by,
        choice=choice,
        lane=chosen.lane,
        search=search,
        reference=reference,
        latent=chosen.latent,
        activation=chosen.activation,
        features=features,
        start_features=start,
        waveform=sound.waveform.cpu(),
        vocoding=sound.vocoding,
        sample_rate=sound.sample_rate,
        nearest=reference.places[_nearest(judge, network.listener(target), features)],
        warm=warm is not None,
        seconds=time.perf_counter() - started,
    )


def drawn_latents(prior: Prior, n: int, seed: int) -> Tensor:
    """Return the latents (n, ...) with which a search begins that does not go on from another."""
    return torch.cat([prior.sample(1, torch.Generator().manual_seed(seed + i)) for i in range(n)])


def _aimed(target: Target, aim: str, reference: Reference) -> Target:
    if aim == "reach":
        return target.calibrated(reference.activation)
    return replace(target, aim="minimise" if aim == "minimise" else "maximise")


def _search_settings(settings: GenerationConfig, reference: Reference, halving: Halving | None) -> SearchSettings:
    return reference.settings(
        snapshots=tuple(settings.snapshots),
        seeds=settings.latents,
        seed=settings.seed,
        keep=settings.keep,
        chunk=settings.chunk,
        halving=halving,
        stop=reference.stop if settings.keep == "band" else None,
    )


def _judge_of(ground: SearchGround, unit: Unit) -> Listener | None:
    """The independent network listens for the same class; other units have no counterpart in it."""
    if ground.independent is None:
        return None
    return ground.independent.listener(head_target(unit.number if unit.is_class else 0))


def _known(score: LaneScore, unit: Unit) -> LaneScore:
    """Leave out what the independent network cannot know of a unit that it does not have."""
    if unit.layer == HEAD:
        return score
    return replace(score, transfer=float("nan"), recognised=float("nan"))


def _snapshot_of(search: Search, score: LaneScore) -> Snapshot:
    return next(s for s in search.snapshots if (s.lane.name, s.step) == (score.lane, score.step))


def _nearest(judge: Judge, listener: Listener, features: Tensor) -> Tensor:
    made = listener.hears(features)[1].double()
    return torch.cdist(made, judge.features.cpu().double()).argmin(dim=1)
