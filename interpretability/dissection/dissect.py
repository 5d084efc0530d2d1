"""Dissection of any network in one call: what each unit responds to, tested on clips that did not choose its name."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.dissection import Dissection, LayerDissection
from interpretability.dissection.found_axes import found_axes
from interpretability.dissection.halves import Halves, split_halves
from interpretability.dissection.measurement import LayerMeasurement, Question, State
from interpretability.dissection.naming import NamingRules
from interpretability.dissection.probe_set import ProbeBatch, ProbeSet, require_rate
from interpretability.dissection.read_out import Axes, UnitReader
from interpretability.isolation import isolated
from interpretability.layers.choice import auto_layers

KEEP_BYTES = 64 << 20
"""Values of all clips and units are kept up to this size, by default."""

Run = Callable[[ProbeBatch], object]
"""Evaluates the network on a batch."""
Gather = Callable[[State], Sequence[State]]
"""Called with what one process has gathered; returns that of all processes, in the same order on each."""


def dissect(
    model: nn.Module,
    layers: Literal["auto"] | Sequence[str],
    probe_set: ProbeSet,
    concepts: Concepts,
    read_out: str = "mean",
    k: int = 16,
    seed: int = 0,
    *,
    axes: Mapping[str, Axes] | None = None,
    run: Run | None = None,
    sample_rate: int | None = None,
    halves: Halves | None = None,
    rules: NamingRules | None = None,
    keep_bytes: int = KEEP_BYTES,
    gather: Gather | None = None,
) -> Dissection:
    """Measure, name and test the units of some layers of a network.

    Each clip is evaluated once. The model is in eval mode meanwhile, gets no gradients, and is left as it was.

    Example:
        clips = WaveformProbes(waveforms, sample_rate=16000)
        found = dissect(model, "auto", clips, one_hot(targets, class_names))
        names = found.layers["blocks.2"].names

        An AST of `transformers`, whose tokens are two for the clip, then `rows` rows of patches on the frequency axis:
        layer = "audio_spectrogram_transformer.layernorm"
        tokens = {layer: Axes(units=2, time=1, leading=2, bins=rows)}
        found = dissect(ast, [layer], clips, concepts, axes=tokens, run=lambda b: ast(input_values=mels(b.waveform)))

        PANNs' CNN14, whose maps have time before frequency:
        found = dissect(cnn14, ["conv_block3"], clips, concepts, axes={"conv_block3": Axes(units=1, time=2)})

    Args:
        model: any network.
        layers: dotted paths, or "auto" for the last three resolutions of its maps.
        probe_set: N clips.
        concepts: what the units are compared with, on the same N clips.
        read_out: "mean", "max", "first" (token) or a percentile such as "p95".
        k: clips kept at either end of each unit.
        seed: of halves, bootstrap and permutations.
        axes: of layers whose output is not (B, U, F, T), (B, U, T) or (B, U); those of (B, T, U) and (T, B, U) are
            found with a longer clip where the network takes one.
        run: evaluates the network on a batch; by default on its waveform, and its length if `forward` takes one.
        sample_rate: that the model wants, in Hz.
        halves: which clips name; drawn from the concepts by default.
        rules: when a name is given.
        keep_bytes: values of all layers are kept up to this size and scored exactly; above it they are scored from
            bins (`binned_scores.TOLERANCE`) and memory does not grow with N.
        gather: joins the shards of a distributed run.

    Raises:
        InputError: An empty probe set, concepts of other clips, another sample rate, a layer that does not exist or
            cannot be read out.
    """
    require_rate(probe_set, sample_rate)
    concepts.require_clips(len(probe_set.names))
    halves = split_halves(concepts, seed) if halves is None else halves
    question = Question.of(concepts, halves, k, seed, rules or NamingRules())
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    run = _default_run(model) if run is None else run
    with isolated(model, seed, device):
        first = _first(probe_set, device, alone=gather is None)
        paths = _paths(model, layers, lambda: run(first))
        axes = found_axes(model, paths, run, first, axes or {})
        with UnitReader(model, paths, probe_set.sample_rate, read_out, axes) as reader:
            sizes = {path: reading.values.shape[1] for path, reading in reader.read(first, run).items()}
            keep = sum(sizes.values()) * concepts.n_clips * 4 <= keep_bytes
            measured = {path: LayerMeasurement(path, question, sizes[path], keep) for path in paths}

            def listen(chosen: Tensor | None) -> None:
                for batch in _batches(probe_set, chosen, device):
                    bounds = {path: found for path, layer in measured.items() if (found := layer.bounds) is not None}
                    for path, reading in reader.read(batch, run, bounds).items():
                        measured[path].update(reading, batch.index)

            listen(None if keep else halves.naming)
            for measurement in measured.values():
                measurement.begin_scoring(_gathered(measurement, gather))
            if not keep:
                listen(~halves.naming)
        found: dict[str, LayerDissection] = {}
        for path in paths:
            measurement = measured.pop(path)
            found[path] = measurement.finish(read_out, _gathered(measurement, gather))
    return Dissection(found, concepts, concepts.n_clips, halves.naming)


def _default_run(model: nn.Module) -> Run:
    """Call the model with the waveforms, and with their lengths if it wants to know them."""
    if "length" in inspect.signature(model.forward).parameters:
        return lambda batch: model(batch.waveform, length=batch.length)
    return lambda batch: model(batch.waveform)


def _first(probe_set: ProbeSet, device: torch.device, alone: bool) -> ProbeBatch:
    """Return at most two clips, to look at the network with; silence if another process has all the clips.

    Raises:
        InputError: The probe set yields none.
    """
    for batch in probe_set.batches():
        if len(batch):
            return batch.rows(torch.arange(len(batch)) < 2).to(device)
    if alone:
        raise InputError("the probe set is empty: it yields no clip")
    silence = torch.zeros(1, probe_set.sample_rate)
    return ProbeBatch(silence, torch.tensor([probe_set.sample_rate]), torch.tensor([0])).to(device)


def _paths(model: nn.Module, layers: Literal["auto"] | Sequence[str], run_once: Callable[[], object]) -> list[str]:
    """Paths of the layers, each once."""
    if isinstance(layers, str):
        return auto_layers(model, run_once) if layers == "auto" else [layers]
    if not layers:
        raise InputError("no layer to dissect: name some, or take layers='auto'")
    return list(dict.fromkeys(layers))


def _batches(probe_set: ProbeSet, chosen: Tensor | None, device: torch.device) -> Iterator[ProbeBatch]:
    """Yield the batches, or what they hold of the clips chosen (N,)."""
    for batch in probe_set.batches():
        part = batch if chosen is None else batch.rows(chosen[batch.index.cpu()].to(batch.index.device))
        if len(part):
            yield part.to(device)


def _gathered(measurement: LayerMeasurement, gather: Gather | None) -> Sequence[State] | None:
    return None if gather is None else gather(measurement.state())
