"""The clips on which unlearning is learned, decided and reported, and the units that it may remove."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.benchmark_clips import data_of, spread
from configs.errors import InputError
from datamodules.audio_datamodule import AudioDataModule
from datamodules.clip_source import Split
from interpretability.dissection.answers import Answers
from interpretability.layers.capture import find_layer
from interpretability.layers.choice import auto_layers
from models.classifier import Analysis, AudioClassifier
from models.nmf_bottleneck import NMFBottleneck
from models.run_loading import LoadedRun

COMPONENTS = "bottleneck.decoder"
"""Layer whose units are the components of an NMF bottleneck: its outputs are their activations H."""
ALIAS = {"bottleneck": COMPONENTS}
"""Shorter names of layers."""
AT_ONCE = 32
"""Clips analysed at a time."""
IN_ONE_CALL = 512
"""Clips that the model is given in one call, which ablations are cheap after; more go in several."""


def classifier_of(run: LoadedRun) -> AudioClassifier[Any]:
    """Return the model of a run if it is a classifier whose units decide by themselves.

    Raises:
        InputError: It is an interpreter of another classifier, has learned no classes, or has no layers of units.
    """
    name = run.config.model.name
    if getattr(run.model, "classifier", None) is not None:
        raise InputError(f"{run.path}: model.name={name} explains another classifier; give the run of that one")
    if not getattr(run.model, "decides", False):
        raise InputError(f"{run.path}: model.name={name} has learned no classes: there is nothing to forget")
    if not hasattr(run.model, "backbone"):
        raise InputError(f"{run.path}: model.name={name} has no network whose units could be removed")
    return run.model


def clips_for(run: LoadedRun, split: Split, count: int | None = None) -> Callable[[], Answers]:
    """Return what evaluates a run's model on clips of a split, `count` of them spread over the classes, None for all.

    Features are computed once and the model is evaluated in one call, so that ablations are cheap.

    Raises:
        InputError: The split has no clips.
    """
    data = data_of(run)
    places = places_of(data, split, count)
    if not places:
        raise InputError(f"{run.path}: the data have no {split} clips")
    batch = data.batch(split, places)
    return evaluation_of(classifier_of(run), batch.waveform, batch.target, batch.length, batch.observed)


def places_of(data: AudioDataModule, split: Split, count: int | None) -> list[int]:
    """Return places of `count` clips of a split, spread over the classes; None, or more than there are, gives all."""
    total = len(data.dataset(split))
    if count is None or count >= total:
        return list(range(total))
    return spread([data.clip(split, place).target for place in range(total)], count)


@torch.no_grad()
def evaluation_of(
    model: AudioClassifier[Any],
    waveform: Tensor,
    target: Tensor,
    length: Tensor | None = None,
    observed: Tensor | None = None,
) -> Callable[[], Answers]:
    """Return what evaluates a model on clips (N, samples) with these truths; the front end has then done its work."""
    parts = []
    for start in range(0, len(waveform), AT_ONCE):
        places = slice(start, start + AT_ONCE)
        lengths = None if length is None else length[places].to(model.device)
        parts.append(model.analyse(waveform[places].to(model.device), lengths))
    features = torch.cat([part.features for part in parts])
    frames = features.new_empty(0, parts[0].spectrum.shape[-1])  # all that is asked of a spectrum here is its length
    n_steps, mask = None, None
    if length is not None and any(part.mask is not None for part in parts):
        length = length.to(model.device)
        n_steps = model.front_end.n_steps(length)
        mask = torch.arange(frames.shape[-1], device=features.device) < model.front_end.n_frames(length)[:, None]
    calls = [slice(start, start + IN_ONE_CALL) for start in range(0, len(features), IN_ONE_CALL)]

    def part(places: slice) -> Analysis:
        rest = (None, None) if n_steps is None or mask is None else (n_steps[places], mask[places])
        return Analysis(frames, features[places], *rest)

    def evaluate() -> Answers:
        with torch.no_grad():
            logits = [model.respond(part(places)).logits.float().cpu() for places in calls]
        return Answers(torch.cat(logits), target, observed)

    return evaluate


def unit_layers(model: AudioClassifier[Any], asked: Sequence[str], evaluate: Callable[[], Answers]) -> list[str]:
    """Return the layers that were asked for, or else the components, or the deepest maps of a black box.

    Raises:
        InputError: A layer that does not exist.
    """
    if asked:
        paths = [ALIAS.get(path, path) for path in asked]
        for path in paths:
            find_layer(model, path)
        return paths
    if isinstance(getattr(model, "bottleneck", None), NMFBottleneck):
        return [COMPONENTS]
    return auto_layers(model, evaluate, count=1)
