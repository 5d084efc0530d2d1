"""What is probed: a classifier and the clips it hears, or a generator and the latents it speaks from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from callbacks.probe_clips import ProbeClips
from configs.errors import InputError
from interpretability.isolation import evaluation_mode, forked_randomness, isolated
from interpretability.layers.capture import find_layer
from interpretability.layers.choice import every_activation
from interpretability.layers.generator_run import generator_clocks
from interpretability.layers.sounding_generator import SoundingGenerator
from interpretability.layers.time_base import TimeBase
from interpretability.layers.time_trace import layer_clocks
from models.classifier import AudioClassifier
from models.gan_generators import GeneratorTraining
from models.spectrogram_gan_training import SpectrogramTraining
from models.untrained import untrained

Kind = Literal["classifier", "generator"]

SILENCE = 64
"""Frames' worth of silence by which the layers of a classifier are found."""
BATCH = 32
"""Clips evaluated at once."""
LATENT_SEED = 11
"""Seed of the latents that a generator is probed with."""
CALIBRATION = 128
"""Clips from which an untrained network gets its running statistics."""
UNTRAINED_SEED = 0
"""Seed of the untrained network that a model is compared with."""
ITERATIONS = 8
"""Of Griffin and Lim, where spectrograms are generated: on trained runs, spectra come as near as with 100."""


@dataclass(frozen=True, eq=False)
class ProbeInput:
    """What a network is evaluated on.

    Attributes:
        given: waveforms (N, S) of a classifier, latents (N, Z) of a generator.
        length: true samples (N,) of the waveforms; None where the sound is made.
        names: of the N items.
        labels: classes (N,) int64, labels (N, C) float32 with NaN where unknown, or None.
        label_names: of the classes.
        groups: speaker or recording of each item.
        note: what is to be said of the groups.
    """

    given: Tensor
    length: Tensor | None
    names: tuple[str, ...]
    labels: Tensor | None
    label_names: tuple[str, ...]
    groups: tuple[str, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.given)

    def first(self, count: int) -> "ProbeInput":
        """Return the first items."""
        length = None if self.length is None else self.length[:count]
        labels = None if self.labels is None else self.labels[:count]
        given, names, groups = self.given[:count], self.names[:count], self.groups[:count]
        return ProbeInput(given, length, names, labels, self.label_names, groups, self.note)


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with the clocks of its layers, in samples of the sound.

    Attributes:
        kind: classifier or generator.
        network: the module whose layers are named.
        layers: those with a clock, in the order in which they are evaluated.
        clocks, axes: of each layer.
        unheard: why a layer that was named or found has none.
        sample_rate: of the sound, in Hz.
        notes: what is to be said of how it sounds.
    """

    kind: Kind
    network: nn.Module
    layers: tuple[str, ...]
    clocks: dict[str, TimeBase]
    axes: dict[str, int]
    unheard: dict[str, str]
    sample_rate: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    notes: tuple[str, ...] = ()


def network_of(model: pl.LightningModule) -> nn.Module:
    """Return the module whose layers are probed: the averaged generator, with its vocoder, if any; or the model."""
    if isinstance(model, SpectrogramTraining):
        config, vocoder = model.config.front_end, model.excerpts.vocoder(ITERATIONS)
        network = model.average.module
        return SoundingGenerator(network, vocoder.invert, config.hop_length, config.n_fft, vocoder.name)
    return model.average.module if isinstance(model, GeneratorTraining) else model


def subject_of(model: pl.LightningModule, wanted: Sequence[str]) -> Subject:
    """Find the layers of a model and their clocks.

    Raises:
        InputError: A layer that does not exist, no layer with a time axis, or none of those named has one.
    """
    network, device = network_of(model), model.device
    for path in wanted:
        find_layer(network, path)
    with isolated(model, 0, device):
        if isinstance(model, GeneratorTraining):
            latents = model.latents(1)[0]
            layers = list(wanted) or every_activation(network, lambda: network(latents))[:-1]
            clocks, unheard = _generator_clocks(network, layers, latents, bool(wanted))
            axes: dict[str, int] = {}
            kind: Kind = "generator"
            rate = model.sample_rate
        elif isinstance(model, AudioClassifier):
            front_end = model.config.front_end
            silence = torch.zeros(1, SILENCE * front_end.n_fft, device=device)
            layers = list(wanted) or every_activation(model, lambda: model(silence))
            found = layer_clocks(model, layers, silence)
            clocks, axes, unheard, kind = found.clocks, found.axes, found.unheard, "classifier"
            rate = front_end.sample_rate
        else:
            raise InputError(
                f"a {type(model).__name__} neither hears nor makes a sound: layers are probed of classifiers and of "
                "generators"
            )
    heard = tuple(dict.fromkeys(path for path in layers if path in clocks))
    if not heard:
        raise InputError(next(iter(unheard.values()), "no layer of the network has a time axis"))
    clocks = {path: clocks[path] for path in heard}
    return Subject(kind, network, heard, clocks, axes, unheard, rate, device, _notes(network))


def _notes(network: nn.Module) -> tuple[str, ...]:
    if not isinstance(network, SoundingGenerator):
        return ()
    return (
        f"The generator makes spectrograms. Its sound is made from them by a vocoder ({network.vocoding}): layers lie "
        "in the sound where the frames lie that they become, and phases are the vocoder's.",
    )


def _generator_clocks(
    network: nn.Module, layers: Sequence[str], latents: Tensor, named: bool
) -> tuple[dict[str, TimeBase], dict[str, str]]:
    try:
        return generator_clocks(network, layers, latents), {}
    except InputError:
        clocks: dict[str, TimeBase] = {}
        unheard: dict[str, str] = {}
        for path in layers:
            try:
                clocks[path] = generator_clocks(network, [path], latents)[path]
            except InputError as error:
                unheard[path] = str(error)
        if not clocks and named:
            raise
        return clocks, unheard


def clips_input(probes: ProbeClips) -> ProbeInput:
    """Return the clips of a probe set, padded to the longest; groups are its speakers or recordings."""
    order = mixed(len(probes))
    batch = probes.batch(order.tolist())
    targets, observed = probes.targets, probes.observed
    labels = targets if targets.ndim == 1 else targets.float()
    if observed is not None:
        labels = labels.float().masked_fill(~observed, torch.nan)
    clip_names = tuple(probes.names[i] for i in order)
    groups, note = tuple(probes.groups[i] for i in order), ""
    if len(set(groups)) < 2:
        note = f"All clips are of one speaker or recording ({groups[0]}): probes are scored on other clips of it."
        groups = clip_names
    names = tuple(probes.datamodule.class_names)
    return ProbeInput(batch.waveform, batch.length, clip_names, labels[order], names, groups, note)


def mixed(count: int) -> Tensor:
    """Return always the same order of items: where classes take turns, folds of a probe would lack whole classes."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(LATENT_SEED))


def latents_input(model: GeneratorTraining, count: int) -> ProbeInput:
    """Return always the same latents of a generator; what they are labelled with is their code, where there is one."""
    random = torch.Generator().manual_seed(LATENT_SEED)
    categories = None if model.codes is None else mixed(count) % model.codes.n_categories
    latents, categories = model.latents(count, categories, random=random)
    names = tuple(f"latents {i}" for i in range(count))
    codes = 0 if model.codes is None else model.codes.n_categories
    return ProbeInput(latents.cpu(), None, names, categories, tuple(f"code {i}" for i in range(codes)), names)


def untrained_twin(model: pl.LightningModule, given: ProbeInput) -> pl.LightningModule:
    """Return the same model with untrained weights, whose running statistics are those of its own maps.

    Without the latter a layer after batch normalisation would differ from that of a first training step.
    """
    with _detached(model):
        twin: pl.LightningModule = untrained(model, UNTRAINED_SEED)
    network = network_of(twin)
    norms = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    before = [(part.momentum, part.training) for part in norms]
    with torch.no_grad(), evaluation_mode(twin), forked_randomness(UNTRAINED_SEED, model.device):
        for part in norms:
            part.reset_running_stats()
            part.momentum = None  # the plain mean over batches
            part.train()
        for _ in evaluated(network, given.first(CALIBRATION), model.device) if norms else ():
            pass
    for part, (momentum, training) in zip(norms, before, strict=True):
        part.momentum = momentum
        part.train(training)
    return twin


def evaluated(network: nn.Module, given: ProbeInput, device: torch.device) -> Iterator[Any]:
    """Evaluate a network on its input, batch after batch; yield what it returns."""
    for start in range(0, len(given), BATCH):
        part = given.given[start : start + BATCH].to(device)
        if given.length is None:
            yield network(part)
        else:
            yield network(part, given.length[start : start + BATCH].to(device))


@contextmanager
def _detached(model: pl.LightningModule) -> Iterator[None]:
    """A model without its trainer, so that a copy of it does not copy the whole training."""
    kept: dict[str, Any] = {name: model.__dict__[name] for name in ("_trainer", "_fabric") if name in model.__dict__}
    for name in kept:
        model.__dict__[name] = None
    try:
        yield
    finally:
        model.__dict__.update(kept)
