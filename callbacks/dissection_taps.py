"""Which layers of a classifier are dissected, how they are read, and what silences their units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.listening_clips import SPLIT
from callbacks.probe_clips import ProbeClips
from datamodules.batch import Batch
from interpretability.dissection.answers import Answers
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import Axes
from interpretability.isolation import isolated
from interpretability.layers.capture import find_layer
from interpretability.layers.choice import auto_layers
from models.backbones import Backbone, measure
from models.classifier import AudioClassifier

BOTTLENECK = "bottleneck"
"""Layer whose units are the components of the decision: their activations H (B, K, T)."""
DECODER = "bottleneck.decoder"
"""Module that makes H, up to the fixed level of each component: silencing its channels silences components."""
SILENCE = 64
"""Frames' worth of silence by which a model without a backbone is looked at."""
DEEPEST = 3
"""Maps of a backbone that are dissected where no layers are named."""


@dataclass(frozen=True)
class Taps:
    """Layers of a classifier.

    Attributes:
        layers: as they are called, shallow to deep.
        axes: of the layers whose output is no plain map.
        silenced: layer -> module whose channels are silenced in its place.
    """

    layers: tuple[str, ...]
    axes: Mapping[str, Axes]
    silenced: Mapping[str, str]

    def module_of(self, layer: str) -> str:
        """Path of the module whose channels are the units of a layer."""
        return self.silenced.get(layer, layer)


def activations(output: Any) -> Tensor:  # noqa: ANN401 - what a bottleneck returns
    """H (B, K, T) of what the bottleneck returns."""
    found: Tensor = output.activations
    return found


def taps_of(model: AudioClassifier[Any], wanted: Sequence[str]) -> Taps:
    """Return the layers that are `wanted`, or the deepest maps of the backbone and the components.

    A model without components, such as a black-box twin, is dissected without them where they are wanted among others.

    Raises:
        InputError: A layer that does not exist; the message names the nearest.
    """
    if len(wanted) > 1 and not hasattr(model, BOTTLENECK):
        wanted = [path for path in wanted if path != BOTTLENECK]
    for path in wanted:
        find_layer(model, path)
    layers = tuple(dict.fromkeys(wanted)) or usual_layers(model)
    components = BOTTLENECK in layers and hasattr(model, BOTTLENECK)
    return Taps(
        layers,
        {BOTTLENECK: Axes(pick=activations)} if components else {},
        {BOTTLENECK: DECODER} if components and hasattr(model.bottleneck, "decoder") else {},
    )


def usual_layers(model: AudioClassifier[Any]) -> tuple[str, ...]:
    """Return the last three maps of the backbone, where these are modules, and the components where there are any."""
    found: list[str] = []
    paths = dict(model.named_modules())
    for prefix, module in paths.items():
        if isinstance(module, Backbone):
            maps = [f"{prefix}.{name}" for name in measure(module, model.config.front_end.n_bands).maps]
            found = [path for path in maps if path in paths][-DEEPEST:]
            break
    components = [BOTTLENECK] if hasattr(model, BOTTLENECK) else []
    if not found and not components:
        silence = torch.zeros(1, SILENCE * model.config.front_end.n_fft, device=model.device)
        with isolated(model, 0, model.device):
            found = auto_layers(model, lambda: model(silence))
    return (*found, *components)


def run_of(model: AudioClassifier[Any]) -> Callable[[ProbeBatch], object]:
    """Return what evaluates a classifier on a batch."""
    return lambda batch: model(batch.waveform.to(model.device), batch.length.to(model.device))


def answers_of(model: AudioClassifier[Any], batch: Batch) -> Callable[[], Answers]:
    """Return what evaluates a classifier on always the same clips; they are analysed once."""
    moved = batch.to(model.device)
    with torch.no_grad():
        analysis = model.analyse(moved.waveform, moved.length)

    def evaluate() -> Answers:
        observed = None if batch.observed is None else batch.observed.cpu()
        return Answers(model.respond(analysis).logits.detach().float().cpu(), batch.target.cpu(), observed)

    return evaluate


def probe_batch(probes: ProbeClips, count: int) -> Batch:
    """Return the first `count` clips of the probe set with their targets: of each class about as many."""
    return probes.datamodule.batch(SPLIT, list(probes.indices[:count]))
