"""What units of a run ask for: sounds generated to excite them, scored against the real excerpts that do.

    ground = prepare_search(module, datamodule, settings)
    found = search_units(ground, ["dog", "bottleneck:5"])
    found[0].choice.score  # the setting whose sounds are nearest to the real excerpts, with its scores
    found[0].waveform  # (n, N) its sounds

A ground is prepared once: excerpts are kept as the network's inputs, so that later searches see the weights of their
moment. `callbacks.generation_files` writes what is found.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from callbacks.generation_excerpts import Excerpts, held_out_excerpts
from callbacks.generation_network import Network, network_of
from callbacks.generation_priors import PriorPlan, build_prior, described, lanes_of, plan_prior
from callbacks.generation_units import HEAD, Unit, head_target, units_of
from configs.errors import InputError
from configs.generation_schema import GenerationConfig
from interpretability.generation.activation_maximisation import activation_maximisation
from interpretability.generation.judge import Floors, Judge
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Halving, Lane
from interpretability.generation.listener import Listener
from interpretability.generation.prior import Prior, check_prior
from interpretability.generation.readings import measuring, unit_activations
from interpretability.generation.reference import Reference, choose_excerpts
from interpretability.generation.search_result import Search, Snapshot
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.selection import By, Choice, choose
from interpretability.generation.target import Target
from interpretability.generation.vocoding import generated
from models.classifier import AudioClassifier
from models.run_loading import load_run

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

Watch = Callable[[str, int, int], None]
"""Called with what is searched for, latent-steps done and latent-steps foreseen at most."""


@dataclass(frozen=True, eq=False)
class SearchGround:
    """What searches of one network stand on; prepared once, and used again while its weights change.

    Attributes:
        network: the explained classifier, live.
        excerpts: held-out real ones.
        prior: what is searched.
        prior_note: what figures say of it.
        plan: how the prior was chosen.
        settings: of the search.
        independent: a frozen classifier that judges, or None.
        judge: its name, or None.
        judge_note: why there is none; empty where there is one.
    """

    network: Network
    excerpts: Excerpts
    prior: Prior
    prior_note: str
    plan: PriorPlan
    settings: GenerationConfig
    independent: Network | None
    judge: str | None
    judge_note: str


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Where a search goes on: latents (n, ...) of an earlier one, and the settings that are tried from there."""

    latent: Tensor
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, eq=False)
class UnitGenerations:
    """What one unit asks for.

    Attributes:
        unit: which.
        aim: maximise, minimise or reach.
        scores: of all settings, each a lane after some steps.
        ceiling: of the latents that the search began with.
        floors: distances of as many real excerpts to other real ones.
        by: the distance that chose: frechet, or kernel where there are too few recordings for it.
        choice: the setting whose sounds explain the unit best, and why.
        lane: the setting as such.
        search: everything that was searched, with the trace of activations.
        reference: the real excerpts that excite the unit; its places count among `ground.excerpts`.
        latent: (n, ...) of the chosen setting, on the CPU; what a warm start takes.
        activation: (n,) of the unit for them.
        features: (n, *sound.shape) decoded.
        start_features: (n, *sound.shape) of the latents that the search began with.
        waveform: (n, N) as heard.
        vocoding: how features became sound.
        sample_rate: in Hz.
        nearest: (n,) for each sound the place of the nearest real excerpt of the reference, in the compared features.
        warm: whether the search went on from an earlier one.
        seconds: that the search took.
    """

    unit: Unit
    aim: str
    scores: tuple[LaneScore, ...]
    ceiling: LaneScore
    floors: Floors
    by: By
    choice: Choice
    lane: Lane
    search: Search
    reference: Reference
    latent: Tensor
    activation: Tensor
    features: Tensor
    start_features: Tensor
    waveform: Tensor
    vocoding: str
    sample_rate: int
    nearest: Tensor
    warm: bool
    seconds: float

    @property
    def key(self) -> str:
        """The unit as it was typed."""
        return self.unit.key


def prepare_search(
    module: AudioClassifier[Any],
    datamodule: "AudioDataModule",
    settings: GenerationConfig,
    independent: AudioClassifier[Any] | None = None,
) -> SearchGround:
    """Choose the prior, cut and hear the held-out excerpts, and open the independent network.

    Args:
        module: the classifier, on its device; its front end must be final, its weights need not be.
        datamodule: of its run.
        settings: of the search.
        independent: judges what is generated; None opens `settings.independent`.

    Raises:
        InputError: A prior or an independent network that does not fit, or clips too short for an excerpt.
    """
    for problem in settings.problems():
        raise InputError(problem)
    rate = module.front_end.config.sample_rate
    plan = plan_prior(settings, rate, str(module.device))
    network = network_of(module, plan.n_samples, plan.kind, settings.features)
    excerpts = held_out_excerpts(datamodule, network, settings.n_clips)
    prior = build_prior(plan, network, excerpts)
    check_prior(prior, network.sound, module.device)
    other, judge = _independent(network, settings, independent)
    note = "" if other else "skipped: no independent network is configured (independent=RUN)"
    return SearchGround(network, excerpts, prior, described(plan, excerpts), plan, settings, other, judge, note)


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
    scores = tuple(_known(score, unit) for score in judge.scores(search))
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
        ceiling=_known(judge.ceiling(search), unit),
        floors=judge.floors(settings.latents if warm is None else len(warm.latent)),
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


def refreshed(found: UnitGenerations) -> WarmStart:
    """Return where a small refresh of a search begins: its latents, with the chosen setting alone."""
    return WarmStart(found.latent, (found.lane,))


def reference_of(ground: SearchGround, unit: Unit, settings: GenerationConfig) -> Reference:
    """Return the real excerpts that excite a unit by the network's present weights.

    Those of a class are excerpts of its own clips, and where it is minimised, of the others.

    Raises:
        InputError: Constant activations, or too few excerpts (says how many).
    """
    excerpts, lowest = ground.excerpts, settings.aim == "minimise"
    pool, share = torch.arange(len(excerpts)), settings.share
    if unit.is_class:
        pool = excerpts.without_class(unit.number) if lowest else excerpts.of_class(unit.number)
        share = settings.share if lowest else settings.class_share
    if not len(pool):
        raise InputError(f"{unit.name}: none of {len(excerpts)} held-out excerpts is of this class; raise n_clips")
    network = ground.network
    offered = excerpts.inputs[pool]
    seen = _activations(network, unit.target, offered)
    rate = excerpts.datamodule.sample_rate
    try:
        found = choose_excerpts(
            seen,
            [excerpts.recordings[i] for i in pool.tolist()],
            excerpts.seconds[pool],
            excerpts.n_samples / rate,
            share=share,
            most=settings.most,
            per_recording=settings.per_recording,
            least=settings.least,
            lowest=lowest,
        )
    except InputError as error:
        raise InputError(f"{unit.name}: {error}") from None
    return replace(found, places=pool[found.places])


def _activations(network: Network, target: Target, inputs: Tensor) -> Tensor:
    device = network.module.device
    parts = [unit_activations(network.module, target, part.to(device), network.run) for part in torch.split(inputs, 64)]
    return torch.cat(parts)


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


def _independent(
    network: Network, settings: GenerationConfig, given: AudioClassifier[Any] | None
) -> tuple[Network | None, str | None]:
    """The judge as one that hears the same excerpts, and its name."""
    own = network.module
    if given is None and settings.independent is None:
        return None, None
    name = "an independent network"
    if given is None:
        path = Path(settings.independent or "")
        given, name = load_run(path, str(own.device)).model, f"run {path.name}"
    if given.class_names != own.class_names:
        raise InputError(
            f"independent={settings.independent}: it tells other classes apart; train one on the same data"
        )
    if given.front_end.fingerprint != own.front_end.fingerprint:
        raise InputError(
            f"independent={settings.independent}: its front end differs; train one with the settings of front_end.*"
        )
    given.requires_grad_(False).eval()
    return network_of(given, network.n_samples, network.sound.kind), name


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
