"""Everything that is measured at each moment of a sound, on one clock: 25 ms frames every 10 ms."""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.acoustics import spectral
from interpretability.acoustics.backends import Backend
from interpretability.acoustics.frames import Track
from interpretability.acoustics.onsets import onset_strength
from interpretability.acoustics.pitch import Pitch, PitchSettings, pitch
from interpretability.acoustics.short_time import HOP, WINDOW, short_time

AUDIBLE = 40.0
"""dB below the clip's loudest frame above which a frame is audible."""
ANY_PITCH = PitchSettings(minimum=75.0, maximum=2000.0, step=HOP)
"""How the pitch of any sound is looked for: beyond speech, for birds and bells."""


@dataclass(frozen=True, eq=False)
class FrameMeasures:
    """Tracks by name, all on the same frames; `audible` (B, T) marks the frames within 40 dB of the clip's loudest.

    `voiced` is 1 or 0; the other names are those of the descriptors that have a value per frame, with their units.
    `pitch` is the pitch on frames of its own.
    """

    tracks: dict[str, Track]
    audible: Tensor
    pitch: Pitch


def frame_measures(
    waveform: Tensor,
    length: Tensor,
    sample_rate: int,
    settings: PitchSettings = ANY_PITCH,
    backend: Backend = "torch",
) -> FrameMeasures:
    """Measure clips (B, N) with true samples (B,); `settings` and `backend` are those of the pitch.

    Raises:
        InputError: if the clips are not (B, N), or the backend is not there.
    """
    frames = short_time(waveform, length, sample_rate, WINDOW, HOP)
    power, frequency = frames.power, frames.frequency
    moments = spectral.moments(power, frequency)
    tracks = {
        "level": frames.track(frames.decibels()),
        **{name: frames.track(values) for name, values in moments._asdict().items()},
        "rolloff_85": frames.track(spectral.roll_off(power, frequency, 0.85)),
        "rolloff_95": frames.track(spectral.roll_off(power, frequency, 0.95)),
        "flatness": frames.track(spectral.flatness(power)),
        "entropy": frames.track(spectral.entropy(power)),
        "tilt": frames.track(spectral.tilt(power, frequency)),
        "zero_crossings": frames.track(frames.crossings),
        "flux": onset_strength(frames),
    }
    level = tracks["level"]
    found = pitch(waveform, length, sample_rate, settings, backend)
    for name, track in (("f0", found.f0), ("voiced", found.voiced), ("harmonicity", found.harmonicity)):
        # The pitch has windows of its own; what it says of the nearest moment counts.
        values = torch.where(level.values.isnan(), torch.nan, track.at(level.seconds).to(level.values))
        tracks[name] = Track(values, level.seconds, level.n_frames)
    loudest = level.values.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    return FrameMeasures(tracks, level.values >= loudest - AUDIBLE, found)
