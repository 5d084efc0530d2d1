"""Rows of the table of explanations that are made of components, and controls that know nothing of the classifier."""

from typing import Any

import torch
from torch import Tensor

from callbacks.benchmark_cell import Answer, Method, Question, energy_of
from interpretability.listening.contamination import clip_seed
from interpretability.listening.fitted_masks import fitted_group_masks
from interpretability.listening.interpretation import normalise, select
from interpretability.listening.masks import group_masks
from interpretability.listening.separation_scores import random_components, random_mask
from interpretability.power_spectrum import power_spectrum
from models.classifier import AudioClassifier
from models.explanation import explain, require_components

Model = AudioClassifier[Any]


def class_relevance(model: Model, question: Question) -> tuple[Tensor, Tensor, Tensor]:
    """Relevance (B, K), normalised, of the components for the classes asked for; W (F, K) and H (B, K, T)."""
    said = explain(require_components(model), question.waveform)
    rows = torch.arange(len(said), device=said.relevance.device)
    return normalise(said.relevance[rows, question.labels]), said.dictionary, said.activations


def of_components(model: Model, threshold: float) -> list[tuple[str, Method]]:
    """The explanations of a model with components, by suffix of their names, and random components as a control.

    `selected` takes the components above the threshold whole, as published; `weighted` takes each one that speaks for
    the class by its relevance; `fitted` takes the selected ones with spectra fitted to the clip.
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

    def fitted(question: Question) -> Answer:
        relevance, W, H = class_relevance(model, question)
        gains = select(relevance, threshold).to(H)[:, None]
        mask = fitted_group_masks(question.spectrum, W, H, gains)[:, 0]
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
        (", fitted", Method("fitted", "selected components, fitted to the clip", "own", fitted, settings, 30)),
        (
            ", random ones",
            Method("random_components", "random components, equal count", "control", at_random, settings),
        ),
    ]


def _generator(*key: str) -> torch.Generator:
    return torch.Generator().manual_seed(clip_seed(*key))


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
        power = power_spectrum(question.spectrum)
        mask = power / power.amax(dim=(1, 2), keepdim=True).clamp_min(1e-20)
        return Answer(mask, mask, mask)

    return [
        Method("random_mask", "random mask", "control", at_random),
        Method("loudest_bins", "loudest bins", "control", loudest),
    ]
