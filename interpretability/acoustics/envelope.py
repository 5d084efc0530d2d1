"""The envelope of a sound over time: attack, decay, where its energy lies, how long it lasts, how it is modulated."""

import torch
from torch import Tensor

from interpretability.acoustics.frames import Track, aligned_grid, checked
from interpretability.power_spectrum import power_spectrum

STEP = 0.001
"""Seconds between points of the envelope."""
SHAPE_WINDOW = 0.01
"""Seconds over which the envelope is smoothed for attack, decay and duration."""
MODULATION_WINDOW = 0.003
"""Seconds over which it is smoothed for modulations of up to 150 Hz."""
DURATION_DEPTH = 25.0
"""dB below the loudest moment at which a sound begins and ends."""
MODULATION_BANDS = {"slow": (0.5, 4.0), "tremor": (4.0, 20.0), "rough": (30.0, 150.0)}
"""Rates in Hz of each kind of modulation."""


def envelope(waveform: Tensor, length: Tensor, sample_rate: float, window: float = SHAPE_WINDOW) -> Track:
    """RMS of clips (B, N) with true samples (B,), smoothed by a Hann window of `window` s, about every ms.

    The clip's mean is subtracted; what is left of a constant is rounding, and counts as 0.
    """
    clean = checked(waveform, length).float()
    length = length.to(clean.device)
    inside = torch.arange(clean.shape[1], device=clean.device) < length[:, None]
    mean = clean.sum(dim=1, keepdim=True) / length[:, None].clamp_min(1)
    clean = torch.where(inside, clean - mean, 0.0)
    width, hop = max(3, round(window * sample_rate)), max(1, round(STEP * sample_rate))
    shape = torch.hann_window(width + 2, periodic=False, device=clean.device)[1:-1]
    grid = aligned_grid(length, sample_rate, width, hop)
    count = grid.seconds.shape[1]
    square = torch.nn.functional.pad(clean.square(), (0, width))
    power = torch.nn.functional.conv1d(square[:, None], (shape / shape.sum())[None, None], stride=hop)[:, 0, :count]
    power = torch.where(power > 1e-12 * (mean.square() + 1e-4), power, 0.0)
    known = torch.arange(count, device=clean.device) < grid.n_frames[:, None]
    return Track(torch.where(known, power.sqrt(), torch.nan), grid.seconds, grid.n_frames)


def _heard(track: Track) -> tuple[Tensor, Tensor, Tensor]:
    """Envelope (B, T) with 0 past the end, its maximum (B,), NaN where there is no sound, and the maximum's place."""
    values = track.values.nan_to_num(0.0)
    top, place = values.max(dim=1)
    return values, torch.where(top > 0, top, torch.nan), place


def attack(track: Track) -> Tensor:
    """Seconds (B,) that the envelope takes from 10 to 90 % of its maximum, at the rise that leads to it.

    A clip that begins above 10 % rises from its first sample.
    """
    values, top, place = _heard(track)
    index = torch.arange(values.shape[1], device=values.device)
    low = (values <= 0.1 * top[:, None]) & (index < place[:, None])
    start = torch.where(low, index, -1).amax(dim=1)
    high = (values >= 0.9 * top[:, None]) & (index > start[:, None])
    end = torch.where(high, index, values.shape[1]).amin(dim=1)
    risen = torch.where(end > 0, _crossing(values, end - 1, 0.9 * top), 0.0)
    begun = torch.where(start >= 0, _crossing(values, start, 0.1 * top), 0.0)
    return torch.where(top.isnan(), torch.nan, (risen - begun).clamp_min(0) * track.step)


def _crossing(values: Tensor, before: Tensor, level: Tensor) -> Tensor:
    """Where (B,), in frames, a curve (B, T) crosses a level (B,) between frame `before` and the next."""
    before = before.clamp(0, values.shape[1] - 1)
    after = (before + 1).clamp_max(values.shape[1] - 1)
    first, second = (values.gather(1, place[:, None])[:, 0] for place in (before, after))
    share = ((level - first) / (second - first)).nan_to_num(0.0).clamp(0, 1)
    return before + share


def decay(track: Track) -> Tensor:
    """Seconds (B,) in which the sound would fall by 60 dB, from Schroeder's curve after its loudest moment.

    Three times the time from -5 to -25 dB of the energy still to come (ISO 3382's T20).
    """
    values, top, place = _heard(track)
    index = torch.arange(values.shape[1], device=values.device)
    square = torch.where(index >= place[:, None], values.double().square(), 0.0)
    # One frame of silence after the end, whether or not padding follows.
    left = torch.nn.functional.pad(square.flip(1).cumsum(dim=1).flip(1), (0, 1))
    level = 10 * (left / left[:, :1]).clamp_min(1e-30).log10()
    # Before the loudest moment the curve is flat at 0 dB.
    early, late = (
        _crossing(level, (level >= -depth).sum(dim=1) - 1, torch.full_like(level[:, 0], -depth)) for depth in (5, 25)
    )
    return torch.where(top.isnan(), torch.nan, (3 * (late - early) * track.step).to(values))


def temporal_centroid(track: Track) -> Tensor:
    """Mean time (B,) of the energy as a share of the clip: 0.5 for a steady sound, less for one that decays."""
    values, top, _ = _heard(track)
    square = values.double().square()
    place = torch.arange(values.shape[1], device=values.device) + 0.5
    centre = (square * place).sum(dim=1) / square.sum(dim=1) / track.n_frames
    return torch.where(top.isnan(), torch.nan, centre.to(values))


def duration(track: Track) -> Tensor:
    """Seconds (B,) from the first to the last moment within 25 dB of the loudest, to about 10 ms."""
    values, top, _ = _heard(track)
    loud = values >= 10 ** (-DURATION_DEPTH / 20) * top[:, None]
    index = torch.arange(values.shape[1], device=values.device)
    first = torch.where(loud, index, values.shape[1]).amin(dim=1)
    last = torch.where(loud, index, -1).amax(dim=1)
    return torch.where(top.isnan(), torch.nan, ((last - first + 1) * track.step).to(values))


def modulation_depth(track: Track, low: float, high: float) -> Tensor:
    """Depth (B,) of the modulation of an envelope at rates of `low` to `high` Hz: m of 1 + m cos(2 pi f t).

    The envelope's mean is subtracted and a Hann window laid over the clip. NaN for clips shorter than one period of
    the lowest rate, and for rates beyond half the envelope's own.
    """
    result = track.values.new_full((len(track.values),), torch.nan)
    for row, count in enumerate(track.n_frames.tolist()):  # each with a transform of its own length: no padding enters
        curve = track.values[row, :count].double()
        # The window takes a few ms off a clip that is just long enough.
        if count * track.step < 0.99 / low or high > 0.5 / track.step or not curve.any():
            continue
        shape = torch.hann_window(count + 1, periodic=False, dtype=torch.float64, device=curve.device)[:-1]
        mean = (shape @ curve) / shape.sum()
        size = 1 << (4 * count - 1).bit_length()
        power = power_spectrum(torch.fft.rfft(shape * (curve - mean), n=size))
        rate = torch.arange(len(power), device=curve.device) / (size * track.step)
        in_band = (rate >= low) & (rate <= high)
        mean_square = 2 * power[in_band].sum() / (size * shape.square().sum())
        result[row] = ((2 * mean_square).sqrt() / mean).to(result)
    return result
