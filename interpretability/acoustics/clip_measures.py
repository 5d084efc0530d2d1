"""What has one value per clip: from the samples, from the envelope, and from the frames."""

import torch
from torch import Tensor

from interpretability.acoustics.envelope import (
    MODULATION_BANDS,
    MODULATION_WINDOW,
    attack,
    decay,
    duration,
    envelope,
    modulation_depth,
    temporal_centroid,
)
from interpretability.acoustics.frame_measures import FrameMeasures
from interpretability.acoustics.frames import Track, checked
from interpretability.acoustics.onsets import onset_rate, rhythm

CLIPPED = 0.999
"""Amplitude from which a sample counts as clipped."""
NOISE_FLOOR = 6.0
"""dB above the clip's 5th percentile under which a frame is silent."""
PAUSE_DEPTH = 25.0
"""dB below the clip's loudest frame that a silent frame is, at least: a steady noise has no pauses."""
DIGITAL_SILENCE = -120.0
"""dB that frames of digital silence count for in percentiles of the level."""


def clip_measures(waveform: Tensor, length: Tensor, sample_rate: int, measures: FrameMeasures) -> dict[str, Tensor]:
    """Values (B,) by name of clips (B, N) with true samples (B,), given what was measured of their frames."""
    curve = envelope(waveform, length, sample_rate)
    fine = envelope(waveform, length, sample_rate, MODULATION_WINDOW)
    flux = measures.tracks["flux"]
    return {
        **sample_measures(waveform, length),
        **pitch_measures(measures),
        **pause_measures(measures.tracks["level"]),
        "onset_rate": onset_rate(flux),
        "rhythm": rhythm(flux),
        "attack": attack(curve),
        "decay": decay(curve),
        "temporal_centroid": temporal_centroid(curve),
        "duration": duration(curve),
        **{f"modulation_{name}": modulation_depth(fine, *band) for name, band in MODULATION_BANDS.items()},
    }


def sample_measures(waveform: Tensor, length: Tensor) -> dict[str, Tensor]:
    """Level in dBFS and crest in dB, of the clip without its mean, and the share of clipped samples."""
    clean = checked(waveform, length).float()
    length = length.to(clean.device)
    inside = torch.arange(clean.shape[1], device=clean.device) < length[:, None]
    mean = clean.sum(dim=1, keepdim=True) / length[:, None].clamp_min(1)
    sound = torch.where(inside, clean - mean, 0.0)
    square = sound.square().sum(dim=1) / length
    square = torch.where(square > 1e-12 * (mean[:, 0].square() + 1e-4), square, torch.nan)
    clipped = (clean.abs() >= CLIPPED).sum(dim=1) / length
    return {
        "level": 10 * square.log10(),
        "crest": 10 * (sound.square().amax(dim=1) / square).log10(),
        "clipping": torch.where(square.isnan(), torch.nan, clipped),
    }


def pitch_measures(measures: FrameMeasures) -> dict[str, Tensor]:
    """Voiced share of the audible frames, slope of the pitch in cents/s and its interquartile range in cents."""
    f0, voiced = measures.tracks["f0"], measures.tracks["voiced"]
    known = measures.audible & ~voiced.values.isnan()
    share = torch.where(known, voiced.values, 0.0).sum(dim=1) / known.sum(dim=1)
    used = known & ~f0.values.isnan()
    cents = torch.where(used, 1200 * f0.values.log2(), torch.nan)
    seconds = torch.where(used, f0.seconds.to(cents), torch.nan)
    away = (seconds - seconds.nanmean(dim=1, keepdim=True)).nan_to_num(0.0)
    rise = (cents - cents.nanmean(dim=1, keepdim=True)).nan_to_num(0.0)
    slope = (away * rise).sum(dim=1) / away.square().sum(dim=1)
    # A line through fewer points than three fits anything.
    enough = used.sum(dim=1) >= 3
    low, high = torch.nanquantile(cents, torch.tensor([0.25, 0.75]).to(cents), dim=1)
    return {
        "voicing": share,
        "f0_slope": torch.where(enough, slope, torch.nan),
        "f0_variability": torch.where(enough, high - low, torch.nan),
    }


def pause_measures(level: Track) -> dict[str, Tensor]:
    """Share of silent frames, and the 95th minus the 10th percentile of the level in dB as a guess at the SNR."""
    inside = torch.arange(level.values.shape[1], device=level.values.device) < level.n_frames[:, None]
    filled = torch.where(inside, level.values.nan_to_num(DIGITAL_SILENCE), torch.nan)
    shares = torch.tensor([0.05, 0.10, 0.95]).to(filled)
    floor, low, high = torch.nanquantile(filled, shares, dim=1)
    loudest = filled.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    silent = (filled < floor[:, None] + NOISE_FLOOR) & (filled < loudest - PAUSE_DEPTH)
    sounds = ~level.values.isnan().all(dim=1)
    share = silent.sum(dim=1) / level.n_frames
    return {
        "silence": torch.where(sounds, share, torch.nan),
        "snr": torch.where(sounds, high - low, torch.nan),
    }
