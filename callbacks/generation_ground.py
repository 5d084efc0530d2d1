"""What searches of one network stand on: its held-out excerpts, the prior, and an independent network that judges."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callbacks.generation_excerpts import Excerpts, held_out_excerpts
from callbacks.generation_network import Network, network_of
from callbacks.generation_priors import USUAL_SECONDS, PriorPlan, build_prior, described, plan_prior
from configs.errors import InputError, naming
from configs.generation_schema import GenerationConfig
from interpretability.generation.prior import Prior, check_prior
from models.classifier import AudioClassifier
from models.run_loading import load_run

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule


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
    usual = getattr(module, "excerpt_seconds", USUAL_SECONDS)  # of a network that hears excerpts of one length
    plan = plan_prior(settings, module.front_end.config, str(module.device), usual)
    network = network_of(module, plan.n_samples, plan.kind, settings.features)
    excerpts = held_out_excerpts(datamodule, network, settings.n_clips)
    prior = build_prior(plan, network, excerpts)
    check_prior(prior, network.sound, module.device)
    other, judge = independent_network(network, settings, independent)
    note = "" if other else "skipped: no independent network is configured (independent=RUN)"
    return SearchGround(network, excerpts, prior, described(plan, excerpts, prior), plan, settings, other, judge, note)


def independent_network(
    network: Network, settings: GenerationConfig, given: AudioClassifier[Any] | None = None
) -> tuple[Network | None, str | None]:
    """Return the judge as one that hears the same excerpts, and its name; None where there is none.

    Raises:
        InputError: A run that cannot be loaded, tells other classes apart, or has another front end.
    """
    own = network.module
    if given is None and settings.independent is None:
        return None, None
    name = "an independent network"
    if given is None:
        path = Path(settings.independent or "")
        with naming("independent"):
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
