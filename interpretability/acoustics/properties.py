"""The acoustic properties that layers are compared with: all tracks of a sound, and its durations, in one call."""

from dataclasses import dataclass, field

from torch import Tensor

from interpretability.acoustics.backends import Backend
from interpretability.acoustics.envelope import duration, envelope
from interpretability.acoustics.formants import formants
from interpretability.acoustics.frame_measures import FrameMeasures, frame_measures
from interpretability.acoustics.frames import Track
from interpretability.acoustics.intensity import intensity
from interpretability.acoustics.pitch import PitchSettings
from interpretability.acoustics.sections import sections

UNITS = {
    "intensity": "dB",
    "f0": "Hz",
    "voiced": "1",
    "harmonicity": "dB",
    "f1": "Hz",
    "f2": "Hz",
    "f3": "Hz",
    "centroid": "Hz",
    "spread": "Hz",
    "skewness": "1",
    "kurtosis": "1",
    "tilt": "dB/octave",
    "zero_crossings": "1/s",
    "onset_strength": "dB",
}
"""Unit of every track."""


@dataclass(frozen=True)
class AnalysisSettings:
    """Settings of the analysis; the defaults are those of Praat, and of the paper for intensity.

    `intensity_floor` in Hz sets the window of the intensity, `formant_ceiling` in Hz is at most half the sample rate,
    `backend` measures intensity, F0 and formants.
    """

    pitch: PitchSettings = field(default_factory=PitchSettings)
    intensity_floor: float = 100.0
    formant_ceiling: float = 5500.0
    n_formants: int = 5
    backend: Backend = "torch"


@dataclass(frozen=True, eq=False)
class Properties:
    """`tracks` by name (UNITS), each on its own clock; `duration` (B,) in s; `sections` (B, T) of `section_clock`."""

    tracks: dict[str, Track]
    duration: Tensor
    sections: Tensor
    section_clock: Track


def acoustic_properties(
    waveform: Tensor, length: Tensor, sample_rate: int, settings: AnalysisSettings | None = None
) -> Properties:
    """Measure every property of clips (B, N) with true samples (B,); NaN where a property does not exist.

    Raises:
        InputError: if the clips are not (B, N), the pitch range does not fit the rate, or the backend is not there.
    """
    chosen = settings or AnalysisSettings()
    frames = frame_measures(waveform, length, sample_rate, chosen.pitch, chosen.backend)
    resonances = formants(
        waveform, length, sample_rate, chosen.formant_ceiling, chosen.n_formants, backend=chosen.backend
    )
    tracks = {
        "intensity": intensity(waveform, length, sample_rate, chosen.intensity_floor, backend=chosen.backend),
        "f0": frames.pitch.f0,
        "voiced": frames.pitch.voiced,
        "harmonicity": frames.pitch.harmonicity,
        **{f"f{number}": track for number, track in enumerate(resonances.frequency, start=1)},
        **_spectral(frames),
    }
    return Properties(
        tracks, duration(envelope(waveform, length, sample_rate)), sections(frames), frames.tracks["level"]
    )


def _spectral(frames: FrameMeasures) -> dict[str, Track]:
    """The spectral tracks among the frame measures."""
    names = ("centroid", "spread", "skewness", "kurtosis", "tilt", "zero_crossings")
    return {**{name: frames.tracks[name] for name in names}, "onset_strength": frames.tracks["flux"]}
