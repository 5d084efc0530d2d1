"""Items that the report draws and plays: the series of each layer on the sound's clock, its copy, its properties."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_durations import SLOWEST, lasting
from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_subject import ProbeInput, Subject
from callbacks.media import write_wav
from configs.errors import InputError
from interpretability.acoustics.envelope import duration, envelope
from interpretability.acoustics.formants import formants
from interpretability.acoustics.pitch import PitchSettings, pitch
from interpretability.layers.artefact_tones import artefact_tones, standing, suspect_pitch
from interpretability.layers.carried import measured_on_layer, too_slow
from interpretability.layers.correlation import envelopes
from interpretability.layers.listening_copy import listening_copy
from interpretability.layers.time_base import TimeBase
from report.array_file import file_name
from report.layer_pages_file import SOUNDS

POINTS = 400
"""Points of a drawn series; of a longer one, the lowest and highest value in each of so many stretches."""
SILENT = 10 ** (-35 / 20)
"""Share of the sound's loudest level from which down it is silent."""
CEILING = 5500.0
"""Highest formant sought, in Hz."""


def shown_items(
    folder: Path, subject: Subject, now: Hearing, given: ProbeInput, positions: Sequence[int], prefix: str = "end"
) -> list[dict[str, Any]]:
    """Write the sounds of some items and of their layers; return what the report draws of them.

    Raises:
        InputError: A file cannot be written.
    """
    tones = {path: _tones(subject, path, now.series[path]) for path in subject.layers}
    return [_item(folder, subject, now, given, position, prefix, tones) for position in positions]


def _item(
    folder: Path,
    subject: Subject,
    now: Hearing,
    given: ProbeInput,
    position: int,
    prefix: str,
    tones: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    rate, length = subject.sample_rate, int(now.length[position])
    sound = now.sound[position, :length].float()
    stem = f"{prefix}_{position}_{file_name(given.names[position])}"
    write_wav(folder / SOUNDS / f"{stem}.wav", _loud(sound).numpy(), rate)
    layers = []
    for number, path in enumerate(subject.layers):
        clock, series = subject.clocks[path], _inside(now.series[path][position], subject.clocks[path], length)
        entry: dict[str, Any] = {"layer": path, **_drawn(series, clock, rate)}
        try:
            copy = listening_copy(series[None], clock, rate, length, like=_loud(sound)[None])
            entry |= {"file": f"{stem}_{number}.wav", "on_noise": copy.on_noise}
            write_wav(folder / SOUNDS / entry["file"], copy.waveform[0].numpy(), rate)
        except InputError as error:
            entry["problem"] = str(error)
        if "file" in entry:
            entry["read"] = {
                name: _read(name, series[None], clock, rate, length, tones[path]) for name in ("f0", "f1", "f2", "f3")
            } | {"duration": _lasting(series[None], clock, rate, sound[None])}
        layers.append(entry)
    labels = given.labels
    label = "" if labels is None or labels.ndim != 1 else given.label_names[int(labels[position])]
    return {
        "name": given.names[position],
        "label": label,
        "seconds": length / rate,
        "file": f"{stem}.wav",
        "read": {name: _property(sound[None], name, rate) for name in ("f0", "f1", "f2", "f3", "duration")},
        "layers": layers,
    }


def _inside(series: Tensor, clock: TimeBase, length: int) -> Tensor:
    """A series (T,) without what lies beyond the clip's end; two steps at least."""
    at = clock.positions(len(series))
    return series[: max(2, int((at <= length - 1).sum()))]


def _drawn(series: Tensor, clock: TimeBase, rate: int) -> dict[str, Any]:
    start, step = float(clock.centre) / rate, float(clock.jump) / rate
    width = -(-len(series) // POINTS)
    if width == 1:
        return {"start": start, "step": step, "values": series.tolist()}
    padded = torch.cat([series, series[-1:].expand(-len(series) % width)]).view(-1, width)
    return {"start": start, "step": step * width, "low": padded.amin(1).tolist(), "high": padded.amax(1).tolist()}


def _read(name: str, series: Tensor, clock: TimeBase, rate: int, length: int, tones: Sequence[Any]) -> dict[str, Any]:
    """A property measured on the layer itself, as if it were the sound, or why it cannot be."""
    found = measured_on_layer(
        series, clock, rate, length, name, lambda sound: torch.tensor([[_property(sound, name, rate)]])
    )
    if found.values is None:
        return {"unheard": found.unheard}
    value = float(found.values[0, 0])
    suspect = name == "f0" and bool(suspect_pitch(torch.tensor(value), tones))
    return {"value": value, "suspect": suspect}


def _lasting(series: Tensor, clock: TimeBase, rate: int, sound: Tensor) -> dict[str, Any]:
    """How long the sound (1, S) lasts in a layer, by the layer's level in the sound's own silence."""
    if reason := too_slow(clock, rate, rate=SLOWEST):
        return {"unheard": reason}
    level = envelope(sound, torch.tensor([sound.shape[1]]), rate)
    values = level.values.nan_to_num(0.0)
    silent = values < SILENT * values.amax()
    curve = list(envelopes(series, clock, rate, level.seconds.double()).values())[-1]  # of a fast layer its ripple
    seconds = float(lasting(curve, level.seconds.double(), torch.ones_like(silent), silent)[0])
    return {"value": seconds} if math.isfinite(seconds) else {"unheard": "the sound has no silence to compare with"}


def _property(sound: Tensor, name: str, rate: int) -> float:
    """Median of a property of one sound (1, S); NaN where it does not exist."""
    length = torch.tensor([sound.shape[1]])
    if not bool((sound != 0).any()):
        return float("nan")
    if name == "duration":
        return float(duration(envelope(sound, length, rate))[0])
    if name == "f0":
        return float(pitch(sound, length, rate, PitchSettings(maximum=min(600.0, rate / 4.5))).f0.values.nanmedian())
    lines = formants(sound, length, rate, min(CEILING, rate / 2), 5).frequency
    return float(lines[int(name[1]) - 1].values.nanmedian())


def _tones(subject: Subject, path: str, series: Tensor) -> list[Any]:
    """Tones of a generator's strides that stand out of a layer; a classifier makes none."""
    if subject.kind == "classifier":
        return []
    clock = subject.clocks[path]
    earlier = [other for other in subject.clocks.values() if other.jump > clock.jump]
    found = artefact_tones(clock, earlier, subject.sample_rate)
    return list(standing(series, clock.rate(subject.sample_rate), found)) if found else []


def _loud(sound: Tensor) -> Tensor:
    """A sound at a peak of one half, so that quiet clips are heard; silence as it is."""
    peak = float(sound.abs().max()) if sound.numel() else 0.0
    return sound * (0.5 / peak) if peak > 0 else sound
