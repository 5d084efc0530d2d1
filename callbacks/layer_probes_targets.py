"""What layers are compared with: acoustic properties of the clips of a probe set, over time and as one value each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.acoustics.envelope import duration, envelope
from interpretability.acoustics.formants import formants
from interpretability.acoustics.frame_measures import frame_measures
from interpretability.acoustics.frames import Track
from interpretability.acoustics.intensity import intensity
from interpretability.acoustics.pitch import PitchSettings
from interpretability.acoustics.sections import sections
from interpretability.layers.carried import Contour

RATES: Mapping[str, float] = {"onset_strength": 20.0, "zero_crossings": 20.0}
"""Property -> steps per second that a layer needs to follow it; 10 for the others."""
USUAL_RATE = 10.0
CHUNK = 64
"""Clips analysed at once."""
OF_FRAMES = {"onset_strength": "flux"}
"""Property -> name of its track among the frame measures, where it has another there."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Properties of N clips.

    Attributes:
        contours: over time; F0 is its logarithm to base 2, in octaves.
        values: (N, K) one value for each clip, NaN where it does not exist.
        names: of the K values.
        section: (N, P) kind of each frame (`acoustics.sections`).
        section_seconds: (N, P) where the frames lie.
        undefined: property -> number of clips that have none of it.
    """

    contours: tuple[Contour, ...]
    values: Tensor
    names: tuple[str, ...]
    section: Tensor
    section_seconds: Tensor
    undefined: dict[str, int]


def targets_of(
    sound: Tensor, length: Tensor, sample_rate: int, properties: Sequence[str], generated: bool = False
) -> Targets:
    """Measure clips (N, S) with true samples (N,); in generated ones a hiss is noise even where it has a pitch."""
    parts = [
        _tracks(waveform, lengths, sample_rate, properties, generated)
        for waveform, lengths in zip(torch.split(sound, CHUNK), torch.split(length, CHUNK), strict=True)
    ]
    tracks = {name: _joined([part[0][name] for part in parts]) for name in parts[0][0]}
    kinds, clock = _joined([part[1] for part in parts])
    shared: list[Tensor] = []  # properties on the same frames get the very same grid, so that layers are read once
    contours = tuple(
        Contour(name, values, _one_of(shared, seconds), RATES.get(name, USUAL_RATE))
        for name, (values, seconds) in tracks.items()
        if name != "voiced"
    )
    columns = {name: tracks[name][0].nanmean(dim=1) for name in tracks}
    columns["duration"] = torch.cat([part[2] for part in parts])
    undefined = {name: int((~values.isfinite()).all(dim=1).sum()) for name, (values, _) in tracks.items()}
    return Targets(
        contours,
        torch.stack([value.double() for value in columns.values()], dim=1),
        tuple(columns),
        kinds.nan_to_num(-1).long(),
        clock,
        {name: count for name, count in undefined.items() if count},
    )


def _tracks(
    waveform: Tensor, length: Tensor, sample_rate: int, properties: Sequence[str], generated: bool
) -> tuple[dict[str, Track], Track, Tensor]:
    top = min(PitchSettings().maximum, sample_rate / 4.5)
    frames = frame_measures(waveform, length, sample_rate, PitchSettings(maximum=top))
    found: dict[str, Track] = {}
    resonances: dict[str, Track] = {}
    if any(name in ("f1", "f2", "f3") for name in properties):
        ceiling = min(5500.0, sample_rate / 2)
        lines = formants(waveform, length, sample_rate, ceiling, 5).frequency
        resonances = {f"f{number}": track for number, track in enumerate(lines, start=1)}
    for name in properties:
        if name == "intensity":
            found[name] = intensity(waveform, length, sample_rate)
        elif name == "f0":
            f0 = frames.pitch.f0
            found[name] = Track(f0.values.log2(), f0.seconds, f0.n_frames)
        elif name == "harmonicity":
            found[name] = frames.pitch.harmonicity
        else:
            found[name] = resonances[name] if name in resonances else frames.tracks[OF_FRAMES.get(name, name)]
    if "f0" in properties:
        found["voiced"] = frames.pitch.voiced
    level = frames.tracks["level"]
    kinds = Track(sections(frames, hiss_first=generated).double(), level.seconds, level.n_frames)
    return found, kinds, duration(envelope(waveform, length, sample_rate))


def _joined(tracks: Sequence[Track]) -> tuple[Tensor, Tensor]:
    """Values and seconds (N, P) of tracks of several batches, as long as the longest."""
    width = max(track.values.shape[1] for track in tracks)
    values, seconds = [], []
    for track in tracks:
        missing = width - track.values.shape[1]
        values.append(torch.nn.functional.pad(track.values.double(), (0, missing), value=torch.nan))
        last = track.seconds[:, -1:].double() + track.step * torch.arange(1, missing + 1)
        seconds.append(torch.cat([track.seconds.double(), last], dim=1))
    return torch.cat(values), torch.cat(seconds)


def _one_of(known: list[Tensor], seconds: Tensor) -> Tensor:
    for other in known:
        if torch.equal(other, seconds):
            return other
    known.append(seconds)
    return seconds
