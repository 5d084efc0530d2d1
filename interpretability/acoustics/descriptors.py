"""The acoustic descriptors of a sound: what each measures, in which unit, and the words for low and high values."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from interpretability.acoustics.clip_measures import clip_measures
from interpretability.acoustics.frame_measures import FrameMeasures, frame_measures


@dataclass(frozen=True)
class Descriptor:
    """What a descriptor measures; `low` and `high` are adjectives for its ends, None where an end is nothing special.

    `per_frame`: it has a value at every moment (25 ms frames every 10 ms; F0 and harmonicity look at 40 ms), and a clip
    is described by their median. Otherwise it has one value per clip. `source` is how it is computed.
    """

    unit: str
    low: str | None
    high: str | None
    per_frame: bool
    source: str


DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType(
    {
        "level": Descriptor("dBFS", "quiet", "loud", True, "20 log10 RMS; of the whole clip, not the median"),
        "crest": Descriptor("dB", "compressed", "peaky", False, "peak over RMS"),
        "f0": Descriptor("Hz", "low-pitched", "high-pitched", True, "Boersma 1993, voiced frames"),
        "voicing": Descriptor("1", None, "voiced", False, "share of audible frames with a pitch"),
        "harmonicity": Descriptor("dB", "noisy", "tonal", True, "10 log10 r / (1 - r), r the autocorrelation peak"),
        "f0_slope": Descriptor("cents/s", "falling", "rising", False, "regression of the pitch on time"),
        "f0_variability": Descriptor("cents", "steady-pitched", "gliding", False, "interquartile range of the pitch"),
        "centroid": Descriptor("Hz", "dark", "bright", True, "mean frequency of the power spectrum"),
        "spread": Descriptor("Hz", "narrow", "broadband", True, "standard deviation of the power spectrum"),
        "skewness": Descriptor("1", None, None, True, "third standardised moment of the power spectrum"),
        "kurtosis": Descriptor("1", None, None, True, "fourth standardised moment of the power spectrum, minus 3"),
        "rolloff_85": Descriptor("Hz", "dark", "bright", True, "frequency below which 85 % of the power lies"),
        "rolloff_95": Descriptor("Hz", "muffled", "bright", True, "frequency below which 95 % of the power lies"),
        "flatness": Descriptor("1", "tonal", "noisy", True, "geometric over arithmetic mean of the power spectrum"),
        "entropy": Descriptor("1", "tonal", "noisy", True, "-sum p log p of the power spectrum over log of its bins"),
        "tilt": Descriptor(
            "dB/octave", "muffled", "bright", True, "regression of dB on log2 Hz, octaves weighted alike"
        ),
        "zero_crossings": Descriptor("1/s", "dark", "bright", True, "changes of sign per second"),
        "flux": Descriptor("dB", "steady", "busy", True, "rise of the log-mel spectrum between frames; clip: mean"),
        "onset_rate": Descriptor("1/s", "steady", "busy", False, "peaks of the flux per second"),
        "rhythm": Descriptor(
            "1", "irregular", "rhythmic", False, "autocorrelation peak of the flux, 0.2-8 Hz, two onsets at least"
        ),
        "attack": Descriptor("s", "percussive", "gradual", False, "10-90 % rise of the envelope"),
        "decay": Descriptor("s", "dry", "ringing", False, "60 dB decay time from Schroeder's curve after the peak"),
        "temporal_centroid": Descriptor(
            "1", "decaying", "swelling", False, "mean time of the energy over the duration"
        ),
        "modulation_slow": Descriptor("1", "smooth", "fluctuating", False, "depth of the envelope at 0.5-4 Hz"),
        "modulation_tremor": Descriptor("1", "smooth", "trembling", False, "depth of the envelope at 4-20 Hz"),
        "modulation_rough": Descriptor("1", "smooth", "rough", False, "depth of the envelope at 30-150 Hz"),
        "silence": Descriptor("1", "continuous", "sparse", False, "share of silent frames"),
        "snr": Descriptor("dB", "noisy", "clean", False, "95th minus 10th percentile of the level"),
        "clipping": Descriptor("1", None, "distorted", False, "share of samples at or above 0.999"),
        "duration": Descriptor(
            "s", "short", "long", False, "time between the first and last frame within 25 dB of the loudest"
        ),
    }
)
"""Every descriptor by name: table 6.2 of the dissection sheet, with zero crossings and duration."""


@dataclass(frozen=True, eq=False)
class Summary:
    """A descriptor of B clips: its value (median of the frames), and the interquartile range of the frames.

    `iqr` is NaN for descriptors with one value per clip. NaN is "undefined" in both, as the F0 of noise is.
    """

    value: Tensor
    iqr: Tensor


def summarise(waveform: Tensor, length: Tensor, sample_rate: int) -> dict[str, Summary]:
    """Every descriptor of clips (B, N) in [-1, 1] with true samples (B,), at a rate in Hz; values (B,) float32.

    Medians go over the audible frames, those within 40 dB of the clip's loudest, so that the pauses are not described.
    A clip that is silent or shorter than a window has NaN for whatever it does not define.

    Raises:
        InputError: if the clips are not (B, N), a length is out of range or a sample is not finite.
    """
    measures = frame_measures(waveform, length, sample_rate)
    return _summaries(measures, clip_measures(waveform, length, sample_rate, measures))


def _summaries(measures: FrameMeasures, per_clip: dict[str, Tensor]) -> dict[str, Summary]:
    """Median or mean, and interquartile range, of the frames; values per clip as they are."""
    found = {}
    for name, descriptor in DESCRIPTORS.items():
        if not descriptor.per_frame:
            found[name] = Summary(per_clip[name].float(), torch.full_like(per_clip[name].float(), torch.nan))
            continue
        values = torch.where(measures.audible, measures.tracks[name].values, torch.nan)
        low, middle, high = torch.nanquantile(values, torch.tensor([0.25, 0.5, 0.75]).to(values), dim=1)
        if name == "flux":
            # Onsets are rare: their median is what lies between them, and between them the pauses count too.
            middle = measures.tracks[name].values.nanmean(dim=1)
        found[name] = Summary((per_clip[name] if name == "level" else middle).float(), (high - low).float())
    return found


def describe(waveform: Tensor, length: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """Every descriptor (B,) of clips by name, as `summarise` without the ranges; NaN where undefined, never 0."""
    return {name: summary.value for name, summary in summarise(waveform, length, sample_rate).items()}


def describe_at(waveform: Tensor, length: Tensor, sample_rate: int, seconds: Tensor) -> dict[str, Tensor]:
    """Every descriptor (B,) of clips at a moment (B,) in seconds, that of a unit's peak, say.

    Descriptors with one value per clip give that value; the others that of the nearest frame, NaN where it has none.

    Raises:
        InputError: as `summarise`.
    """
    measures = frame_measures(waveform, length, sample_rate)
    per_clip = clip_measures(waveform, length, sample_rate, measures)
    moment = seconds.to(waveform.device)[:, None]
    return {
        name: (measures.tracks[name].at(moment)[:, 0] if descriptor.per_frame else per_clip[name]).float()
        for name, descriptor in DESCRIPTORS.items()
    }
