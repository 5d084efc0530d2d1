"""Dose-response of edits: what happens to the units of a network when the sounds that drive them are changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binom, false_discovery_control
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.read_out import Axes
from interpretability.stimuli.edits import Change, Edit
from interpretability.stimuli.tuning import BATCH, Run, responses

FEWEST = 6
"""Excerpts of which a sign test can be significant at 5 % at all."""
LEVEL = 0.05
TIE = 1e-6
"""Difference between edit and sham, relative to the unit's range over the clips, that has no sign."""


@dataclass(frozen=True, eq=False)
class EditEffects:
    """What E edits do to R units of a layer on the clips that drive each most.

    Changes are in multiples of the unit's standard deviation over all clips that were given.

    Attributes:
        layer: dotted path.
        edits: the E edits.
        unit: (R,) int64.
        change: (E, R) median change of the read-out by the edit.
        sham: (E, R) median change by the edit's sham.
        difference: (E, R) median of the difference between the two, clip by clip: the effect.
        n: (R,) clips of each unit.
        p: (E, R) the larger of two-sided sign tests of the changes and of the differences, ties left out; 1 where the
            two go opposite ways.
        q: (E, R) p after Benjamini and Hochberg over all edits and units of the layer.
    """

    layer: str
    edits: tuple[Edit, ...]
    unit: Tensor
    change: Tensor
    sham: Tensor
    difference: Tensor
    n: Tensor
    p: Tensor
    q: Tensor

    @property
    def sign(self) -> Tensor:
        """(E, R) int64: +1 and -1 for edits that raise and lower a unit at a false discovery rate of 5 %, else 0."""
        return self.difference.sign().long() * (self.q <= LEVEL)

    def of_layer(self) -> dict[str, list[tuple[float, float, float]]]:
        """Return family -> (dose, share of units that are moved, median size of the effect over units), by dose.

        With all clips given for each unit this is the dose-response of the layer as a whole.
        """
        moved = (self.sign != 0).float().mean(dim=1)
        size = self.difference.abs().nanmedian(dim=1).values
        found: dict[str, list[tuple[float, float, float]]] = {}
        for place, edit in enumerate(self.edits):
            found.setdefault(edit.family, []).append((edit.dose, float(moved[place]), float(size[place])))
        return {family: sorted(points) for family, points in found.items()}

    def dose_response(self, row: int) -> dict[str, tuple[list[float], list[float]]]:
        """Return family -> doses and effects of one row, doses ascending."""
        curves: dict[str, list[tuple[float, float]]] = {}
        for place, edit in enumerate(self.edits):
            curves.setdefault(edit.family, []).append((edit.dose, float(self.difference[place, row])))
        return {
            family: ([dose for dose, _ in sorted(points)], [effect for _, effect in sorted(points)])
            for family, points in curves.items()
        }


def edit_effects(
    model: nn.Module,
    top: Mapping[str, tuple[Tensor, Tensor]],
    clips: Tensor,
    sample_rate: int,
    edits: Sequence[Edit],
    read_out: str = "mean",
    axes: Mapping[str, Axes] | None = None,
    run: Run | None = None,
    batch_size: int = BATCH,
) -> dict[str, EditEffects]:
    """Edit the clips that drive units and compare what the units answer with what they answer to sham edits.

    Each clip is edited once, whatever number of units it drives; only clips that drive one are edited.

    Args:
        model: any network.
        top: layer -> units (R,) and the clips (R, K) that drive each, as rows of `clips`; -1 for none.
        clips: (N, samples) recordings, or excerpts around the driving frames.
        sample_rate: in Hz.
        edits: such as `usual_edits`.
        read_out: as `UnitReader`.
        axes: of layers whose output is not (B, C, F, T), (B, C, T) or (B, C).
        run: evaluates the network on a batch; none calls it with the waveforms.
        batch_size: clips evaluated at once.

    Raises:
        InputError: No edits, fewer than six clips for a unit, or a layer or read-out that cannot be used.
    """
    if not edits:
        raise InputError("edits: none given")
    for layer, (units, driving) in top.items():
        few = ((driving >= 0).sum(dim=1) < FEWEST).nonzero().flatten()
        if len(few):
            raise InputError(f"edits: unit {int(units[few[0]])} of '{layer}' has fewer than {FEWEST} clips; give more")
    layers = list(top)
    used = torch.unique(torch.cat([driving[driving >= 0] for _, driving in top.values()]))
    place = torch.full((len(clips),), -1, dtype=torch.int64).index_put((used,), torch.arange(len(used)))

    def answers(sounds: Tensor) -> dict[str, Tensor]:
        return responses(model, layers, sounds, sample_rate, read_out, axes, run, batch_size)

    before = answers(clips)
    changes: dict[str, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in layers}
    for edit in edits:
        after = [answers(_changed(clips[used], sample_rate, way, batch_size)) for way in (edit.change, edit.sham)]
        for layer, (units, driving) in top.items():
            rows = place[driving.clamp_min(0)]
            start = before[layer][units].gather(1, driving.clamp_min(0))
            edited, sham = (found[layer][units].gather(1, rows) - start for found in after)
            absent = driving < 0
            changes[layer].append((edited.masked_fill(absent, torch.nan), sham.masked_fill(absent, torch.nan)))
    return {layer: _effects(layer, tuple(edits), top[layer][0], before[layer], changes[layer]) for layer in layers}


def _changed(clips: Tensor, sample_rate: int, way: Change, batch_size: int) -> Tensor:
    return torch.cat([way(part, sample_rate) for part in torch.split(clips, batch_size)])


def _effects(
    layer: str, edits: tuple[Edit, ...], units: Tensor, before: Tensor, changes: list[tuple[Tensor, Tensor]]
) -> EditEffects:
    edited, sham = (torch.stack([pair[side] for pair in changes]) for side in (0, 1))  # (E, R, K)
    scale = before[units].std(dim=1, correction=0).clamp_min(1e-12)[:, None]
    reach = (before[units].amax(dim=1) - before[units].amin(dim=1))[:, None]
    difference = edited - sham
    signs = [torch.where(x.abs() <= TIE * reach, 0.0, x.sign()) for x in (edited, difference)]
    p = torch.maximum(*(sign_test(each) for each in signs))
    either = torch.stack([each.nansum(dim=-1).sign() for each in signs])
    p = p.masked_fill(either[0] != either[1], 1.0)  # a sham that moves the unit is no effect of the edit
    q = torch.from_numpy(false_discovery_control(p.flatten().numpy())).reshape(p.shape)
    median = [(x / scale).nanmedian(dim=-1).values for x in (edited, sham, difference)]
    n = (~difference[0].isnan()).sum(dim=-1)
    return EditEffects(layer, edits, units, median[0], median[1], median[2], n, p, q)


def sign_test(differences: Tensor) -> Tensor:
    """Two-sided p (...) of as many positive among the differences (..., K) that are neither 0 nor NaN."""
    positive, negative = (differences > 0).sum(dim=-1), (differences < 0).sum(dim=-1)
    fewer, total = torch.minimum(positive, negative), positive + negative
    p = torch.from_numpy(2 * binom.cdf(fewer.numpy(), total.numpy(), 0.5)).clamp(max=1.0)
    return p.masked_fill(total == 0, 1.0)
