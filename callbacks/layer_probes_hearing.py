"""One evaluation of all layers on a probe set: the series of each, and what linear probes read."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.layer_probes_subject import ProbeInput, Subject, evaluated
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import LayerCapture
from interpretability.layers.generator_run import SOUND
from interpretability.layers.linear_probes import pooled_features
from interpretability.layers.resampling import steps_within
from interpretability.layers.series import (
    channel_mean,
    channel_norm,
    channel_statistics,
    positive_share,
    zscored_mean,
)
from models.classifier import AudioClassifier
from models.front_end import log_mel_front_end

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": channel_mean,
    "norm": channel_norm,
    "positive": positive_share,
}


@dataclass(frozen=True, eq=False)
class Hearing:
    """What the layers of a network do on N items, on the CPU.

    Attributes:
        series: (N, T) of each layer; of a generator also its sound.
        features: mean and deviation (N, 2C) of each layer's channels inside the clip's true length.
        input: what a probe reads off the input: log-mel means and deviations, or the latents.
        sound: (N, S), heard or made.
        length: true samples (N,).
    """

    series: dict[str, Tensor]
    features: dict[str, Tensor]
    input: Tensor
    sound: Tensor
    length: Tensor


@torch.no_grad()
def hear(subject: Subject, given: ProbeInput, reduction: str, of_input: Tensor | None = None) -> Hearing:
    """Evaluate a network once and keep of its maps what is needed; `of_input` is `Hearing.input` where that is known.

    Raises:
        InputError: A layer whose output is no map.
    """
    series: dict[str, list[Tensor]] = {path: [] for path in subject.layers}
    features: dict[str, list[Tensor]] = {path: [] for path in subject.layers}
    caught: dict[str, tuple[Tensor, Tensor]] = {}  # of this batch; of a layer called twice the last call counts
    sounds: list[Tensor] = []
    done, reduce = 0, reductions(subject, given, reduction)

    def keep(path: str) -> Callable[[Tensor], Tensor]:
        def kept(maps: Tensor) -> Tensor:
            within = None
            if given.length is not None:
                lengths = given.length[done : done + len(maps)].to(maps.device)
                within = steps_within(subject.clocks[path], lengths, maps.shape[-1])
            caught[path] = reduce[path](maps.float()).cpu(), pooled_features(maps, within).cpu()
            return maps[:0]

        return kept

    with ExitStack() as stack:
        stack.enter_context(evaluation_mode(subject.network))
        for path in subject.layers:
            stack.enter_context(LayerCapture(subject.network, [path], keep(path), subject.axes))
        for output in evaluated(subject.network, given, subject.device):
            for path, (line, pooled) in caught.items():
                series[path].append(line)
                features[path].append(pooled)
            done += len(next(iter(caught.values()))[0])
            if subject.kind == "generator":
                sounds.append(output.flatten(1).float().cpu())
    joined = {path: torch.cat(parts) for path, parts in series.items()}
    pooled_all = {path: torch.cat(parts) for path, parts in features.items()}
    if subject.kind == "generator":
        sound = torch.cat(sounds)
        length = torch.full((len(sound),), sound.shape[1], dtype=torch.int64)
        return Hearing({**joined, SOUND: sound}, pooled_all, given.given.float(), sound, length)
    assert given.length is not None  # noqa: S101 - a classifier hears clips
    read = log_mel(subject, given) if of_input is None else of_input
    return Hearing(joined, pooled_all, read, given.given.float(), given.length)


def reductions(subject: Subject, given: ProbeInput, name: str) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return how each layer becomes a series; for z-scores the network is evaluated once to know its channels."""
    if name != "zscored":
        return dict.fromkeys(subject.layers, REDUCTIONS[name])

    def run() -> None:
        for _ in evaluated(subject.network, given, subject.device):
            pass

    found = channel_statistics(subject.network, subject.layers, [run], subject.axes)
    return {path: zscored_mean(found[path]) for path in subject.layers}


def log_mel(subject: Subject, given: ProbeInput) -> Tensor:
    """Return mean and deviation (N, 2M) of each band of the log-mel input inside the clips."""
    model = subject.network
    assert isinstance(model, AudioClassifier)  # noqa: S101
    assert given.length is not None  # noqa: S101
    front_end = log_mel_front_end(model.config.front_end).to(model.device)
    parts = []
    for waveform, length in zip(torch.split(given.given, 64), torch.split(given.length, 64), strict=True):
        features = front_end.features(front_end.stft(front_end.normalize(waveform.to(model.device))))
        inside = torch.arange(features.shape[-1]) < front_end.n_frames(length)[:, None]
        parts.append(pooled_features(features.transpose(1, 2), inside.to(model.device)).cpu())
    return torch.cat(parts)
