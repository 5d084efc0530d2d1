"""What searches of one network stand on: its held-out excerpts, the prior, and an independent network that judges."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from callbacks.benchmark_clips import data_of
from callbacks.generation_excerpts import Excerpts, held_out_excerpts
from callbacks.generation_network import Network, network_of
from callbacks.generation_priors import USUAL_SECONDS, PriorPlan, build_prior, described, plan_prior
from callbacks.generation_units import units_of
from configs.errors import InputError, naming
from configs.generation_schema import GenerationConfig
from interpretability.generation.prior import Prior, check_prior
from models.classifier import AudioClassifier
from models.frozen_classifier import FrozenClassifier
from models.run_loading import load_run

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule


@dataclass(frozen=True, eq=False)
class SearchBasis:
    """What is known of a search before there is a prior, which may take long.

    Attributes:
        network: the explained classifier, live.
        excerpts: held-out real ones.
        plan: how the prior is chosen.
        settings: of the search.
        independent: a frozen classifier that judges, or None.
        judge: its name, or None.
        judge_note: why there is none; empty where there is one.
    """

    network: Network
    excerpts: Excerpts
    plan: PriorPlan
    settings: GenerationConfig
    independent: Network | None
    judge: str | None
    judge_note: str


@dataclass(frozen=True, eq=False)
class SearchGround(SearchBasis):
    """What searches of one network stand on; prepared once, and used again while its weights change.

    Attributes:
        prior: what is searched.
        prior_note: what figures say of it.
    """

    prior: Prior
    prior_note: str

    def under(self, module: AudioClassifier[Any]) -> "SearchGround":
        """Return the same for other weights of the network, whose front end gives the same features."""
        return replace(self, network=_network_of(module, self.plan, self.settings))


def open_search(
    run: str | Path,
    device: str = "cpu",
    **changes: Any,  # noqa: ANN401 - fields of GenerationConfig
) -> SearchGround:
    """Prepare a search in the held-out clips of a run folder, for a notebook or a script.

    Args:
        run: its path.
        device: for example "cuda".
        **changes: settings in place of those of the run's callback, such as `seconds=0.5` or `prior="frames"`.

    Raises:
        CommandError: No such run.
        InputError: A run that cannot be loaded, settings that cannot be used, and as `prepare_search`.
    """
    opened = load_run(run, device)
    return prepare_search(opened.model, data_of(opened), replace(settings_of(opened.config.callbacks), **changes))


def settings_of(callbacks: Any) -> GenerationConfig:  # noqa: ANN401 - built at run time
    """Return the settings of the search in a run's callback, or the usual ones where it has none."""
    known = getattr(getattr(callbacks, "explanation_fid", None), "generation", None)
    return known if isinstance(known, GenerationConfig) else GenerationConfig()


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
    return with_prior(search_basis(module, datamodule, settings, independent))


def search_basis(
    module: AudioClassifier[Any],
    datamodule: "AudioDataModule",
    settings: GenerationConfig,
    independent: AudioClassifier[Any] | None = None,
) -> SearchBasis:
    """Return all but the prior; as `prepare_search`."""
    for problem in settings.problems():
        raise InputError(problem)
    plan = _plan(module, settings)
    network = _network_of(module, plan, settings)
    other, judge = independent_network(network, settings, independent)
    excerpts = held_out_excerpts(datamodule, network, settings.n_clips)
    note = "" if other else "skipped: no independent network is configured (independent=RUN)"
    return SearchBasis(network, excerpts, plan, settings, other, judge, note)


def with_prior(basis: SearchBasis) -> SearchGround:
    """Make the prior: frames take a minute to learn.

    Raises:
        InputError: One that does not fit the network, or excerpts that it cannot be made of.
    """
    prior = build_prior(basis.plan, basis.network, basis.excerpts)
    check_prior(prior, basis.network.sound, basis.network.module.device)
    return SearchGround(**vars(basis), prior=prior, prior_note=described(basis.plan, basis.excerpts, prior))


def checked_units(module: AudioClassifier[Any], settings: GenerationConfig, group: str = "") -> tuple[str, ...]:
    """Return the units of searches as typed, after a look at them, at the prior, and at the independent network.

    Args:
        module: the classifier.
        settings: of the search.
        group: what stands before the keys in messages, such as "callbacks.explanation_fid.generation.".

    Raises:
        InputError: Something is not there or does not fit; better before clips are heard than after it.
    """
    plan = _plan(module, settings, group)
    network = _network_of(module, plan, settings)
    independent_network(network, settings, group=group)
    return tuple(unit.key for unit in units_of(network, settings.units, settings.read_out, group))


def independent_network(
    network: Network, settings: GenerationConfig, given: AudioClassifier[Any] | None = None, group: str = ""
) -> tuple[Network | None, str | None]:
    """Return the judge as one that hears the same excerpts, and its name; None where there is none.

    Raises:
        InputError: A run that cannot be loaded, tells other classes apart, has another front end, or has the weights of
            the network that is explained.
    """
    own = network.module
    if given is None and settings.independent is None:
        return None, None
    name, key = "an independent network", f"{group}independent"
    if given is None:
        path = Path(settings.independent or "")
        with naming(key):
            given, name = load_run(path, str(own.device)).model, f"run {path.name}"
    said = f"{key}={settings.independent}"
    if given.class_names != own.class_names:
        raise InputError(f"{said}: it tells other classes apart; train one on the same data")
    if given.front_end.fingerprint != own.front_end.fingerprint:
        here, there = own.front_end.settings, given.front_end.settings
        differ = [f"{k}={there.get(k)}, not {here.get(k)}" for k in {**here, **there} if here.get(k) != there.get(k)]
        raise InputError(
            f"{said}: its front end differs: {', '.join(f'front_end.{one}' for one in differ)}; train one with these "
            "settings of the explained run"
        )
    if same_weights(given, own):
        raise InputError(f"{said}: it has the weights of the network that is explained; give a run of another seed")
    given.requires_grad_(False).eval()
    return network_of(given, network.n_samples, network.sound.kind), name


def same_weights(one: AudioClassifier[Any], other: AudioClassifier[Any]) -> bool:
    """Whether two classifiers decide by the same numbers; of an interpreter, it is those of what it explains."""
    first, second = (_decider(module).state_dict() for module in (one, other))
    return first.keys() == second.keys() and all(
        value.shape == second[name].shape and torch.equal(value, second[name].to(value.device))
        for name, value in first.items()
    )


def _decider(module: AudioClassifier[Any]) -> torch.nn.Module:
    frozen = getattr(module, "frozen", None)
    return frozen.module if isinstance(frozen, FrozenClassifier) else module


def _plan(module: AudioClassifier[Any], settings: GenerationConfig, group: str = "") -> PriorPlan:
    usual = getattr(module, "excerpt_seconds", USUAL_SECONDS)  # of a network that hears excerpts of one length
    return plan_prior(settings, module.front_end.config, str(module.device), usual, group)


def _network_of(module: AudioClassifier[Any], plan: PriorPlan, settings: GenerationConfig) -> Network:
    return network_of(module, plan.n_samples, plan.kind, settings.features)
