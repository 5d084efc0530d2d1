"""What graded changes of a sound do in the layers of a classifier: parametric stimuli, edits of clips, said twice."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from callbacks.layer_probes_causes import compared
from callbacks.layer_probes_moved import dose, triple
from callbacks.layer_probes_subject import LATENT_SEED, ProbeInput, Subject
from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import LayerCapture
from interpretability.layers.copying import copying, reduplicated
from interpretability.layers.dose_response import DoseResponse, dose_response
from interpretability.stimuli.edit_list import usual_edits
from interpretability.stimuli.edits import Edit, fitted
from interpretability.stimuli.parametric import STIMULI

CLIPS = 16
"""Clips that are edited."""
SHORTEST = 0.5
"""Seconds of stimuli and edited clips at least."""
DRAWS = 500
WORDS, SYLLABLE = 24, 0.25
"""Synthetic words of two syllables, and the length of one in seconds."""
AS_IS = {"gain": 0.0, "pitch": 0.0, "tempo": 1.0, "noise": 0.0, "high_pass": 0.0}
"""Family of edits -> dose at which the clip is as it was; others end there (low_pass) or have none (0)."""
UNITS = {
    **{"gain": "dB", "pitch": "semitones", "tempo": "times as long", "noise": "noise over clip"},
    **{"low_pass": "kHz", "high_pass": "kHz"},
}
UNHANDLED = ("gain", "noise", "reversal")
"""Edits that leave no traces of handling; their shams move the clip in time, which changes any series over time."""
Row = dict[str, Any]


@torch.no_grad()
def doses(subject: Subject, untrained: nn.Module, given: ProbeInput, seconds: float) -> tuple[list[Row], list[str]]:
    """Return the answers of trained and untrained layers to sets of stimuli and families of edits, and what failed."""
    rate, found, notes = subject.sample_rate, [], []
    for name, make in STIMULI.items():
        try:
            made = make(rate, max(seconds, SHORTEST))
        except InputError as error:
            notes.append(str(error))
            continue
        sounds = made.waveform[None]
        found.append(
            {"name": name, "kind": "stimuli", "unit": made.unit, "log": made.log_x, "n": 1, "doses": made.x.tolist()}
            | _answers(subject, untrained, sounds, made.x, 0, None)
        )
    clips = clips_of(given, rate)
    if not len(clips):
        return found, [*notes, "All clips are silent: none can be edited."]
    for family, values, sounds, sham, reference in edited(clips, rate):
        row = {"name": family, "kind": "edit", "unit": UNITS.get(family, ""), "log": False, "n": len(clips)}
        found.append(row | {"doses": values.tolist()} | _answers(subject, untrained, sounds, values, reference, sham))
    return found, notes


def clips_of(given: ProbeInput, rate: int) -> Tensor:
    """Return the first clips that sound (K, N), all of the median length: longer ones cut, shorter ones repeated."""
    assert given.length is not None  # noqa: S101 - a classifier hears clips
    loud = [i for i in range(len(given)) if bool(given.given[i, : int(given.length[i])].any())][:CLIPS]
    if not loud:
        return given.given[:0]
    n = max(int(given.length[loud].float().median()), round(SHORTEST * rate))
    return torch.cat([fitted(given.given[i : i + 1, : int(given.length[i])], n) for i in loud])


def edited(clips: Tensor, rate: int) -> Iterator[tuple[str, Tensor, Tensor, Tensor | None, int]]:
    """Yield family, doses (S,), clips (K, S, N) with them, handled without them, and the place of the clip as it is."""
    for family, group in groupby(sorted(usual_edits(rate / 8, rate), key=lambda edit: edit.family), _family):
        edits = list(group)
        values = [_dose(edit) for edit in edits] + [AS_IS.get(family, rate / 2000 if family == "low_pass" else 0.0)]
        order = sorted(range(len(values)), key=lambda i: values[i], reverse=family == "low_pass")
        changed, handled = ([*(getattr(e, how)(clips, rate) for e in edits), clips] for how in ("change", "sham"))
        sounds, sham = (torch.stack([those[i] for i in order], dim=1) for those in (changed, handled))
        doses = torch.tensor([values[i] for i in order])
        yield family, doses, sounds, None if family in UNHANDLED else sham, order.index(len(edits))


def _family(edit: Edit) -> str:
    return edit.family


def _dose(edit: Edit) -> float:
    """Noise is told as its amplitude over the clip's, so that none is 0, and cutoffs in kHz."""
    if edit.family in ("low_pass", "high_pass"):
        return edit.dose / 1000
    return 10 ** (-edit.dose / 20) if edit.family == "noise" else edit.dose


def _answers(
    subject: Subject, untrained: nn.Module, sounds: Tensor, values: Tensor, reference: int, sham: Tensor | None
) -> Row:
    device = subject.device
    both = [
        dose_response(
            network,
            subject.layers,
            sounds.to(device),
            values,
            reference,
            None if sham is None else sham.to(device),
            draws=DRAWS,
            time_axes=subject.axes,
        )
        for network in (subject.network, untrained)
    ]
    layers = [_layer(now, before, reference) for now, before in zip(*both, strict=True)]
    return {"reference": reference, "layers": layers}


def _layer(now: DoseResponse, before: DoseResponse, reference: int) -> Row:
    """One layer's answers; those of two networks compare as shares of their own level at the reference."""
    shares = []
    for found in (now, before):
        scale = max(float(found.level.curve[reference].abs()), 1e-12)
        shares.append([(part / scale).tolist() for part in (found.change.curve, found.change.low, found.change.high)])
    sham = None if now.against_sham is None else triple(now.against_sham)
    return {
        "layer": now.layer,
        "level": dose(now.level),
        "change": dose(now.change),
        "against_sham": sham,
        "share": shares[0],
        "untrained_share": shares[1],
    }


@torch.no_grad()
def heard_copies(subject: Subject) -> Row:
    """Play synthetic words of one syllable twice, and of two different ones, and compare the halves in each layer."""
    rate = subject.sample_rate
    random = torch.Generator().manual_seed(LATENT_SEED)
    top = 0.4 * rate
    bursts = 0.5 * top + 0.5 * top * torch.rand(WORDS, generator=random)
    vowels = 300 + min(600.0, top / 2 - 300) * torch.rand(WORDS, generator=random)
    same, other, _ = reduplicated(bursts, vowels, rate, SYLLABLE)
    rows: list[Row] = []
    maps = [_maps(subject, sounds) for sounds in (same, other)]
    for layer in subject.layers:
        clock, starts = subject.clocks[layer], (0.0, SYLLABLE)
        try:
            twice, unlike = (copying(layer, found[layer], clock, rate, starts, SYLLABLE) for found in maps)
        except InputError as error:
            rows.append({"layer": layer, "unheard": str(error)})
            continue
        rows.append({"layer": layer, "unheard": twice.unheard, "other_words": triple(unlike.copied)} | compared(twice))
    return {"n": WORDS, "seconds": SYLLABLE, "sounds": "synthetic words of one syllable said twice", "rows": rows}


def _maps(subject: Subject, sounds: Tensor) -> dict[str, Tensor]:
    """Maps (K, C * F, T) of the layers, on the CPU."""
    with (
        evaluation_mode(subject.network),
        LayerCapture(subject.network, subject.layers, time_axes=subject.axes) as found,
    ):
        subject.network(sounds.to(subject.device))
        return {layer: found[layer].flatten(1, 2).float().cpu() for layer in subject.layers}
