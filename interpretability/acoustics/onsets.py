"""Onset strength, the onsets it has, and how regularly they come."""

import torch
from torch import Tensor
from torchaudio.functional import melscale_fbanks

from interpretability.acoustics.frames import Track
from interpretability.acoustics.short_time import ShortTime
from interpretability.power_spectrum import power_spectrum

BANDS = 24
"""Mel bands in which rises are looked for."""
DEPTH = 80.0
"""dB below the clip's loudest band under which nothing is heard."""
RISE = 3.0
"""dB above the clip's median that make a peak of the onset strength an onset."""
APART = 0.03
"""Seconds between two onsets, at least."""
SLOWEST, FASTEST = 0.2, 8.0
"""Rates in Hz between which a rhythm is looked for."""


def onset_strength(frames: ShortTime) -> Track:
    """Mean rise in dB of 24 mel bands from the frame before, falls not counted; NaN in each clip's first frame.

    Silence counts as 80 dB below the clip's loudest band. A clip that is all silent is undefined.
    """
    top = float(frames.frequency[-1])
    bank = melscale_fbanks(len(frames.frequency) + 1, 0.0, top, BANDS, round(2 * top)).to(frames.power)[1:]
    bands = frames.grid.laid_out(frames.power @ bank).nan_to_num()
    loudest = bands.amax(dim=(1, 2), keepdim=True)
    level = 10 * bands.maximum(loudest * 10 ** (-DEPTH / 10)).log10()
    rise = level.diff(dim=1).clamp_min(0).mean(dim=2)
    values = torch.nn.functional.pad(rise, (1, 0), value=torch.nan)
    inside = torch.arange(values.shape[1], device=values.device) < frames.grid.n_frames[:, None]
    values = torch.where(inside & (loudest[:, 0] > 0), values, torch.nan)
    return Track(values, frames.grid.seconds, frames.grid.n_frames)


def onsets(strength: Track) -> Tensor:
    """Whether an onset lies in each frame (B, T): a peak of the onset strength 3 dB above the clip's median."""
    reach = max(1, round(APART / strength.step))
    values = strength.values.nan_to_num(0.0)
    highest = torch.nn.functional.max_pool1d(values[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
    # Of frames equally high the first one.
    earlier = torch.nn.functional.pad(values, (reach, 0))[:, :-1].unfold(1, reach, 1).amax(dim=2)
    peak = (values == highest) & (values > earlier)
    return peak & (values > strength.values.nanmedian(dim=1, keepdim=True).values + RISE)


def onset_rate(strength: Track) -> Tensor:
    """Onsets per second (B,); NaN for clips without two frames, or silent."""
    known = (~strength.values.isnan()).sum(dim=1)
    seconds = known * strength.step
    return torch.where(known > 0, onsets(strength).sum(dim=1) / seconds, torch.nan).float()


def rhythm(strength: Track) -> Tensor:
    """Highest peak (B,) of the autocorrelation of the onset strength between 0.2 and 8 Hz, in [-1, 1].

    Periods are at most half the clip, so that each is heard twice. NaN for shorter clips and those without two onsets.
    """
    values = strength.values.double()
    known = ~values.isnan()
    count = known.sum(dim=1)
    centred = torch.where(known, values - values.nanmean(dim=1, keepdim=True), 0.0)
    size = 1 << (2 * values.shape[1] - 1).bit_length()
    raw = torch.fft.irfft(power_spectrum(torch.fft.rfft(centred, n=size)), n=size)[:, : values.shape[1]]
    lags = torch.arange(values.shape[1], device=values.device)
    shared = (count[:, None] - lags).clamp_min(1)
    r = raw / raw[:, :1] * count[:, None] / shared
    low, high = round(1 / FASTEST / strength.step), round(1 / SLOWEST / strength.step)
    allowed = (lags >= max(2, low)) & (lags <= high) & (lags <= count[:, None] / 2)
    pad = torch.nn.functional.pad
    peak = (r >= pad(r, (1, 0))[:, :-1]) & (r >= pad(r, (0, 1))[:, 1:]) & allowed
    best = torch.where(peak, r, -torch.inf).amax(dim=1)
    twice = onsets(strength).sum(dim=1) >= 2
    return torch.where(twice & (best > -torch.inf), best, torch.nan).float()
