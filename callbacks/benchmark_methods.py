"""The rows of the table of explanations: those of components, attribution methods, and controls that know nothing."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from callbacks.benchmark_blocks import Block, fingerprint
from callbacks.benchmark_cell import Answer, Method, Question, energy_of
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import CommandError
from configs.registry import nearest
from interpretability.attribution.gradients import captum_attribution
from interpretability.attribution.methods import TITLES, attribution_methods, natural_mask, passes
from interpretability.attribution.settings import AttributionSettings, Explainer
from interpretability.isolation import evaluation_mode
from interpretability.listening.contamination import clip_seed
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.interpretation import normalise, select
from interpretability.listening.masks import group_masks
from interpretability.listening.removal import on_magnitudes
from interpretability.listening.separation_scores import random_components, random_mask
from models.classifier import AudioClassifier
from models.explanation import explain, require_components
from models.run_loading import LoadedRun
from models.untrained import with_untrained_head

Model = AudioClassifier[Any]
NEED_CAPTUM = {"saliency", "input_x_gradient", "integrated_gradients", "occlusion"}
SETTINGS_OF = {"integrated_gradients": "ig_", "slime_time": "slime_", "slime_frequency": "slime_"}
"""Beginning of the settings of a method, where it is not its name."""


def class_relevance(model: Model, question: Question) -> tuple[Tensor, Tensor, Tensor]:
    """Relevance (B, K), normalised, of the components for the classes asked for; W (F, K) and H (B, K, T)."""
    said = explain(require_components(model), question.waveform)
    rows = torch.arange(len(said), device=said.relevance.device)
    return normalise(said.relevance[rows, question.labels]), said.dictionary, said.activations


def of_components(model: Model, threshold: float) -> list[tuple[str, Method]]:
    """Both explanations of a model with components, by suffix of their names, and random components as a control.

    `selected` takes the components above the threshold whole, as published; `weighted` takes each one that speaks for
    the class by its relevance.
    """

    def selected(question: Question) -> Answer:
        relevance, W, H = class_relevance(model, question)
        gains = torch.stack([select(relevance, threshold).to(H), relevance.clamp_min(0)], dim=1)
        chosen, weighted = group_masks(W, H, gains).unbind(1)
        return Answer(chosen, weighted, chosen)

    def weighted(question: Question) -> Answer:
        relevance, W, H = class_relevance(model, question)
        mask = group_masks(W, H, relevance.clamp_min(0)[:, None])[:, 0]
        return Answer(mask, mask, mask)

    def at_random(question: Question) -> Answer:
        relevance, W, H = class_relevance(model, question)
        chosen = select(relevance, threshold)
        drawn = [
            random_components(own[None], _generator("components", name))
            for own, name in zip(chosen, question.names, strict=True)
        ]
        mask = group_masks(W, H, torch.cat(drawn)[:, None].to(H))[:, 0]
        return Answer(mask, mask, mask)

    settings = {"threshold": threshold}
    return [
        ("", Method("selected", "selected components", "own", selected, settings)),
        (", weighted", Method("weighted", "components by relevance", "own", weighted, settings)),
        (
            ", random ones",
            Method("random_components", "random components, equal count", "control", at_random, settings),
        ),
    ]


def _generator(*key: str) -> torch.Generator:
    return torch.Generator().manual_seed(clip_seed(*key))


def of_decoder(run: LoadedRun) -> Method:
    """The mask that a trained decoder (L-MAC) makes of each clip, brought onto the scale of magnitudes."""
    model: Any = run.model
    settings: Any = run.config.model

    def masks(question: Question) -> Answer:
        with torch.no_grad(), evaluation_mode(run.model):
            mask: Tensor = model.masks(question.spectrum)
            mask = on_magnitudes(mask[:, None], question.spectrum, settings.mask_scale)[:, 0]
        return Answer(mask, mask, mask)

    guided = getattr(settings, "guided_from", None) is not None
    name, title = ("lmac_guided", "L-MAC, fine-tuned") if guided else ("lmac", "L-MAC")
    return Method(name, title, "baseline", masks, {"checkpoint": fingerprint(run)}, 2)


def of_loudness() -> list[Method]:
    """Controls that ask no classifier: a random mask of equal energy, and the loudest bins."""

    def at_random(question: Question) -> Answer:
        spectrum = question.spectrum
        energy = energy_of(torch.ones_like(spectrum.real), spectrum) / 2 if question.energy is None else question.energy
        drawn = [_generator("mask", name) for name in question.names]
        rows = zip(spectrum, energy, drawn, strict=True)
        mask = torch.cat([random_mask(s[None], e[None], generator) for s, e, generator in rows])
        noise = torch.stack(
            [torch.rand(s.shape, generator=generator) for s, generator in zip(spectrum, drawn, strict=True)]
        )
        return Answer(mask, noise.to(mask), mask)

    def loudest(question: Question) -> Answer:
        power = torch.view_as_real(question.spectrum).square().sum(dim=-1)
        mask = power / power.amax(dim=(1, 2), keepdim=True).clamp_min(1e-20)
        return Answer(mask, mask, mask)

    return [
        Method("random_mask", "random mask", "control", at_random),
        Method("loudest_bins", "loudest bins", "control", loudest),
    ]


def methods_of(block: Block, settings: ExplanationsBenchmark) -> list[Method]:
    """Return the rows of a block; the first one sets the mask energy at which all are compared.

    Raises:
        CommandError: `methods` names an unknown one.
    """
    found: list[Method] = []
    runs = block.own or ([block.stand_in] if block.stand_in is not None else [])
    for run in runs:
        found += _named(block, run, settings.threshold)
    return [*found, *of_loudness(), *map(of_decoder, block.decoders), *attributions(block.f, settings)]


def _named(block: Block, run: LoadedRun, threshold: float) -> list[Method]:
    """Rows of one run with components under names of its own."""
    name, words, control = _title(block, run)
    methods = []
    for suffix, method in of_components(run.model, threshold):
        kind = "control" if control else method.kind
        if control and method.kind == "control":
            continue
        made_with = {**method.settings, "checkpoint": fingerprint(run)}
        methods.append(
            dataclasses.replace(
                method, name=f"{name}_{method.name}", title=f"{words}{suffix}", kind=kind, settings=made_with
            )
        )
    return methods


def _title(block: Block, run: LoadedRun) -> tuple[str, str, bool]:
    """Name, words for people, and whether a run is there as a control only."""
    model = run.config.model
    if run is block.run:
        return "own", "own components", False
    if run is block.stand_in:
        return "twin", "components of the by-design twin", True
    control = getattr(model, "control", "none")
    pooling = getattr(model, "pooling", "")
    if control != "none":
        return f"post_hoc_{pooling}_{control}", f"post-hoc, {control.replace('_', ' ')}", True
    return f"post_hoc_{pooling}", f"post-hoc, {pooling} pooling".replace("_", " "), False


def untrained_explanation(block: Block, settings: ExplanationsBenchmark) -> Method:
    """Return the first row of a block as a head of random weights gives it."""
    model = with_untrained_head(block.own[0].model, settings.seed)
    return of_components(model, settings.threshold)[0][1]


def attributions(f: ExplainedClassifier, settings: ExplanationsBenchmark) -> list[Method]:
    """Attribution baselines.

    Raises:
        CommandError: `methods` names an unknown one.
        InputError: A method needs a package that is not installed.
    """
    for name in settings.methods:
        if name not in TITLES:
            raise CommandError(f"methods: {name} is unknown{nearest(name, list(TITLES))}; known: {', '.join(TITLES)}")
    chosen = [name for name in TITLES if not settings.methods or name in settings.methods]
    if NEED_CAPTUM & set(chosen):
        captum_attribution()  # said before anything is computed
    details = AttributionSettings(
        ig_steps=settings.ig_steps,
        smoothgrad_samples=settings.smoothgrad_samples,
        occlusion_patches=settings.occlusion_patches,
        shap_samples=settings.shap_samples,
        slime_samples=settings.slime_samples,
        seed=settings.seed,
    )
    explainers = attribution_methods(details)
    return [_attribution(f, name, explainers[name], details) for name in chosen]


def _attribution(f: ExplainedClassifier, name: str, explainer: Explainer, details: AttributionSettings) -> Method:
    def answer(question: Question) -> Answer:
        relevance = explainer(f, question.spectrum, question.labels).to(question.spectrum.real)
        return Answer(natural_mask(relevance), relevance, relevance)

    wanted = {key: value for key, value in vars(details).items() if key.startswith(SETTINGS_OF.get(name, name))}
    return Method(name, TITLES[name], "baseline", answer, wanted, round(passes(details, name)))
