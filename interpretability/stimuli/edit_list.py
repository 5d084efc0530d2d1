"""The edits that a unit's name is tested with, and which way each should move a unit of a known property."""

from torch import Tensor

from configs.errors import InputError
from interpretability.stimuli.edits import (
    Edit,
    as_loud_as,
    filtered,
    moved,
    noisy,
    pitch_shifted,
    reversed_,
    scaled,
    separated,
    there_and_back,
    time_stretched,
)

PITCH = (-12.0, -5.0, 5.0, 12.0)  # semitones
GAIN = (-24.0, -12.0, -6.0, 6.0, 12.0)  # dB
STRETCH = (0.5, 0.75, 1.5, 2.0)  # times as long
SNR = (30.0, 20.0, 10.0, 0.0)  # dB
CUTOFFS = (0.5, 1.0, 2.0)  # times the centre frequency given

PREDICTED: dict[str, dict[str, int]] = {
    "f0": {"pitch": 1},
    "centroid": {"pitch": 1, "high_pass": 1, "low_pass": -1, "noise": 1},
    "rolloff_85": {"pitch": 1, "low_pass": -1, "noise": 1},
    "rolloff_95": {"pitch": 1, "low_pass": -1, "noise": 1},
    "tilt": {"low_pass": -1, "high_pass": 1, "noise": 1},
    "zero_crossings": {"pitch": 1, "low_pass": -1, "high_pass": 1, "noise": 1},
    "level": {"gain": 1},
    "harmonicity": {"noise": -1, "harmonic": 1, "percussive": -1},
    "flatness": {"noise": 1, "harmonic": -1, "percussive": 1},
    "entropy": {"noise": 1, "harmonic": -1, "percussive": 1},
    "snr": {"noise": -1},
    "silence": {"noise": -1},
    "onset_rate": {"tempo": -1},
    "flux": {"harmonic": -1, "percussive": 1},
    "attack": {"tempo": 1},
    "temporal_centroid": {"reversal": 1},
}
"""Descriptor -> family of edits -> whether more of the edit raises (+1) or lowers (-1) the descriptor.

More of an edit is a higher pitch, a higher gain, a longer playing time, more noise, or the edit itself where it has no
dose. Reversal is for sounds that decay, as most do: it moves their energy to the end.
"""


def usual_edits(centre: float, sample_rate: int) -> tuple[Edit, ...]:
    """Return pitch, gain, tempo, noise, filters, reversal and removal of the harmonic or the percussive part.

    Args:
        centre: frequency in Hz around which filters cut, such as the median spectral centroid of the probe set.
        sample_rate: in Hz; cutoffs that are too high for it are left out.

    Raises:
        InputError: A centre that is not between 0 and the Nyquist frequency.
    """
    if not 0 < centre < sample_rate / 2:
        raise InputError(f"edits: a centre of {centre:g} Hz is not between 0 and {sample_rate / 2:g} Hz")
    edits = [_pitch(dose) for dose in PITCH] + [_tempo(dose) for dose in STRETCH]
    edits += [Edit("gain", dose, "dB", lambda x, rate, d=dose: scaled(x, d), _moved) for dose in GAIN]  # type: ignore[misc]
    edits += [Edit("noise", dose, "dB SNR", lambda x, rate, d=dose: noisy(x, d), _moved) for dose in SNR]  # type: ignore[misc]
    for ratio in CUTOFFS:
        if centre * ratio < sample_rate / 2:
            edits += [_filter(centre * ratio, "low_pass"), _filter(centre * ratio, "high_pass")]
    edits.append(Edit("reversal", 1.0, "", lambda x, rate: reversed_(x), _moved))
    return (*edits, _part("harmonic"), _part("percussive"))


def expected_sign(edit: Edit, descriptor: str, more: bool) -> int:
    """Which way an edit should move a unit that answers to much (`more`) or little of a descriptor; 0: not known."""
    raises = PREDICTED.get(descriptor, {}).get(edit.family, 0)
    up = {"pitch": edit.dose > 0, "gain": edit.dose > 0, "tempo": edit.dose > 1}.get(edit.family, True)
    return raises * (1 if up else -1) * (1 if more else -1)


def _moved(waveform: Tensor, sample_rate: int) -> Tensor:
    return moved(waveform)


def _pitch(semitones: float) -> Edit:
    """A shift; its sham goes down and up again by as much, so that nothing passes the Nyquist frequency."""

    def sham(waveform: Tensor, sample_rate: int) -> Tensor:
        return pitch_shifted(pitch_shifted(waveform, sample_rate, -abs(semitones)), sample_rate, abs(semitones))

    return Edit("pitch", semitones, "st", lambda x, rate: pitch_shifted(x, rate, semitones), sham)


def _tempo(factor: float) -> Edit:
    return Edit(
        "tempo",
        factor,
        "x",
        lambda x, rate: time_stretched(x, rate, factor),
        lambda x, rate: there_and_back(x, rate, factor),
    )


def _filter(cutoff: float, family: str) -> Edit:
    def change(waveform: Tensor, sample_rate: int) -> Tensor:
        return filtered(waveform, sample_rate, cutoff, "low" if family == "low_pass" else "high")

    return Edit(family, round(cutoff), "Hz", change, lambda x, rate: as_loud_as(change(x, rate), x))


def _part(family: str) -> Edit:
    """Keep one part alone; the sham is the whole at the same level."""

    def change(waveform: Tensor, sample_rate: int) -> Tensor:
        return separated(waveform, sample_rate, "harmonic" if family == "harmonic" else "percussive")

    return Edit(family, 1.0, "", change, lambda x, rate: as_loud_as(change(x, rate), x))
