"""The rows of the table of explanations: those of components, mask decoders, attribution methods and controls."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from callbacks.benchmark_blocks import Block, fingerprint
from callbacks.benchmark_cell import Answer, Method, Question
from callbacks.component_rows import of_components, of_loudness
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import CommandError, InputError
from configs.registry import nearest
from interpretability.attribution.gradients import captum_attribution
from interpretability.attribution.methods import TITLES, attribution_methods, natural_mask, passes
from interpretability.attribution.settings import AttributionSettings, Explainer
from interpretability.isolation import evaluation_mode
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.removal import on_magnitudes
from models.run_loading import LoadedRun
from models.untrained import with_untrained_head

NEED_CAPTUM = {"saliency", "input_x_gradient", "integrated_gradients", "occlusion"}
SETTINGS_OF = {
    "integrated_gradients": ("ig_",),
    "slime_time": ("slime_",),
    "slime_frequency": ("slime_",),
    "audio_lime": ("slime_samples", "lime_"),
}
"""Beginnings of the settings of a method, where they are not its name."""


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


def methods_of(block: Block, settings: ExplanationsBenchmark) -> list[Method]:
    """Return the rows of a block; the first one sets the mask energy at which all are compared.

    Raises:
        CommandError: `methods` names an unknown one.
        InputError: Two interpreters of one kind explain the same classifier: their rows could not be told apart.
    """
    found: list[Method] = []
    runs = block.own or ([block.stand_in] if block.stand_in is not None else [])
    for run in runs:
        found += _named(block, run, settings.threshold)
    found += [*of_loudness(), *map(of_decoder, block.decoders), *attributions(block.f, settings)]
    names = [method.name for method in found]
    twice = next((method.title for method in found if names.count(method.name) > 1), None)
    if twice is not None:
        raise InputError(f"{block.run.path}: two runs explain it in the same way ({twice}); give one of them")
    return found


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
    name, words = f"post_hoc_{pooling}", f"post-hoc, {pooling} pooling".replace("_", " ")
    if getattr(model, "masking_weight", 0):
        return f"{name}_masking", f"{words}, masks trained", False
    return name, words, False


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

    wanted = {key: value for key, value in vars(details).items() if key.startswith(SETTINGS_OF.get(name, (name,)))}
    return Method(name, TITLES[name], "baseline", answer, wanted, round(passes(details, name)))
