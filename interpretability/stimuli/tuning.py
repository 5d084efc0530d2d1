"""Tuning curves: what each unit of a network answers to stimuli that differ in one property."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import Axes, UnitReader
from interpretability.isolation import isolated
from interpretability.stimuli.parametric import Stimuli
from interpretability.stimuli.tuning_shape import TuningShape, describe

Run = Callable[[ProbeBatch], object]
"""Evaluates the network on a batch; by default it is called with the waveforms (B, N) alone."""

BATCH = 16
SEED = 20_240_616


@dataclass(frozen=True, eq=False)
class TuningCurves:
    """Answers of the U units of a layer to one set of S stimuli.

    Attributes:
        layer: dotted path.
        stimuli: name of the set.
        unit: of `x`.
        x: (S,) the property that varies.
        response: (U, S) float32 read-outs.
        silence: (U,) float32 read-outs of a silent clip as long as the stimuli.
        high, low: shape of the curves at either pole: what raises a unit most, and what lowers it most.
    """

    layer: str
    stimuli: str
    unit: str
    x: Tensor
    response: Tensor
    silence: Tensor
    high: TuningShape
    low: TuningShape

    def at_pole(self, pole: int) -> TuningShape:
        """Return the shape at the pole +1 or -1."""
        return self.high if pole > 0 else self.low


def tuning_curves(
    model: nn.Module,
    layers: Sequence[str],
    stimuli: Stimuli | Mapping[str, Stimuli],
    read_out: str = "mean",
    axes: Mapping[str, Axes] | None = None,
    run: Run | None = None,
    batch_size: int = BATCH,
) -> dict[str, dict[str, TuningCurves]]:
    """Play sets of stimuli to a network and read its units out.

    Args:
        model: any network.
        layers: dotted paths.
        stimuli: one set, or several by name, at the sample rate of the network.
        read_out: as `UnitReader`: "mean", "max", "first" or a percentile.
        axes: of layers whose output is not (B, C, F, T), (B, C, T) or (B, C).
        run: evaluates the network on a batch; none calls it with the waveforms.
        batch_size: stimuli evaluated at once.

    Returns:
        Layer -> set -> curves. The network is as before: eval mode, gradients and random streams are put back.

    Raises:
        InputError: No stimuli, or a layer or read-out that cannot be used.
    """
    sets = {stimuli.name: stimuli} if isinstance(stimuli, Stimuli) else dict(stimuli)
    if not sets:
        raise InputError("tuning curves: no stimuli; give one set or more")
    found: dict[str, dict[str, TuningCurves]] = {layer: {} for layer in layers}
    for name, each in sets.items():
        clips = torch.cat([torch.zeros_like(each.waveform[:1]), each.waveform])
        answers = responses(model, layers, clips, each.sample_rate, read_out, axes, run, batch_size)
        for layer, response in answers.items():
            curve = response[:, 1:]
            shapes = describe(curve, each.x, each.log_x), describe(-curve, each.x, each.log_x)
            found[layer][name] = TuningCurves(layer, name, each.unit, each.x, curve, response[:, 0], *shapes)
    return found


def responses(
    model: nn.Module,
    layers: Sequence[str],
    clips: Tensor,
    sample_rate: int,
    read_out: str = "mean",
    axes: Mapping[str, Axes] | None = None,
    run: Run | None = None,
    batch_size: int = BATCH,
) -> dict[str, Tensor]:
    """Read-outs (U, S) of each layer for clips (S, N), on the CPU; arguments and errors as `tuning_curves`."""
    parameter = next(iter(model.parameters()), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    call = run or (lambda batch: model(batch.waveform))
    rows: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    with isolated(model, SEED, device), UnitReader(model, layers, sample_rate, read_out, axes) as reader:
        for start in range(0, len(clips), batch_size):
            part = clips[start : start + batch_size]
            index = torch.arange(start, start + len(part))
            length = torch.full((len(part),), part.shape[-1], dtype=torch.int64)
            readings = reader.read(ProbeBatch(part, length, index).to(device), call)
            for layer in layers:
                rows[layer].append(readings[layer].values.float().cpu())
    return {layer: torch.cat(parts).T for layer, parts in rows.items()}
