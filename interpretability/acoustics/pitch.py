"""F0 with voicing, and harmonicity, from the autocorrelation of the sound (Boersma 1993; Praat's raw method)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.acoustics.backends import Backend, checked_backend
from interpretability.acoustics.frames import Grid, Track, centred_grid, checked, cut, joined
from interpretability.acoustics.pitch_path import best_path
from interpretability.acoustics.praat import praat_pitch
from interpretability.power_spectrum import power_spectrum

PERIODS = 3
"""Longest periods in a window."""
FINER = 4
"""Points per sample at which maxima of the autocorrelation are sought."""


@dataclass(frozen=True)
class PitchSettings:
    """Range in Hz, step in s (0.75 / minimum by default) and Praat's costs ("To Pitch (ac)...")."""

    minimum: float = 75.0
    maximum: float = 600.0
    step: float | None = None
    silence_threshold: float = 0.03
    voicing_threshold: float = 0.45
    octave_cost: float = 0.01
    octave_jump_cost: float = 0.35
    voiced_unvoiced_cost: float = 0.14
    candidates: int = 15

    @property
    def seconds(self) -> float:
        """Step between frames in s."""
        return self.step or PERIODS / self.minimum / 4


@dataclass(frozen=True, eq=False)
class Pitch:
    """`f0` in Hz, NaN where unvoiced; `voiced` is 1 or 0 in every frame; `harmonicity` in dB, also where unvoiced.

    Harmonicity is 10 log10(r / (1 - r)), r the autocorrelation at the pitch, or at its highest peak if there is none.
    """

    f0: Track
    voiced: Track
    harmonicity: Track


def pitch(
    waveform: Tensor,
    length: Tensor,
    sample_rate: float,
    settings: PitchSettings | None = None,
    backend: Backend = "torch",
) -> Pitch:
    """Pitch of clips (B, N) with true samples (B,): windows of three longest periods, centred in each clip.

    Raises:
        InputError: if the clips are not (B, N), the range is empty or beyond half the sample rate, or the backend is
            "praat" and its extra is not installed.
    """
    checked_backend("pitch", backend)
    chosen = settings or PitchSettings()
    if not 0 < chosen.minimum < min(chosen.maximum, sample_rate / 4):
        raise InputError(
            f"pitch: a range of {chosen.minimum:g} to {chosen.maximum:g} Hz is not possible at {sample_rate} Hz"
        )
    clean = checked(waveform, length)
    length = length.to(clean.device)
    grid = centred_grid(length, sample_rate, PERIODS / chosen.minimum, chosen.seconds)
    if backend == "praat":
        return _from_praat(clean, length, sample_rate, chosen, grid)
    lag, strength, loudness, peak = _candidates(clean, length, sample_rate, chosen, grid)
    ceiling = min(chosen.maximum, sample_rate / 2)
    frequency = torch.where(strength > -1, sample_rate / lag, 0.0)
    possible = (frequency > 0) & (frequency < ceiling)
    frequency = torch.where(possible, frequency, 0.0)
    height = torch.where(possible, strength - chosen.octave_cost * (ceiling / frequency).log2(), -torch.inf)
    quiet = (2 - loudness / (chosen.silence_threshold / (1 + chosen.voicing_threshold))).clamp_min(0)
    none = chosen.voicing_threshold + quiet.nan_to_num()
    per_step = 0.01 / chosen.seconds
    path = best_path(
        torch.nn.functional.pad(frequency, (1, 0)),
        torch.cat([none[..., None], height], dim=2),
        grid.n_frames,
        chosen.octave_jump_cost * per_step,
        chosen.voiced_unvoiced_cost * per_step,
    )
    place = (path - 1).clamp_min(0)[..., None]
    inside = ~loudness.isnan()
    voiced = (path > 0) & inside
    f0 = torch.where(voiced, frequency.gather(2, place)[..., 0], torch.nan)
    r = torch.where(voiced, strength.gather(2, place)[..., 0], peak)
    return _tracks(f0, torch.where(inside, voiced.to(f0), torch.nan), r, grid)


def _tracks(f0: Tensor, voiced: Tensor, r: Tensor, grid: Grid) -> Pitch:
    """The tracks of F0, voicing and of the harmonicity of autocorrelations r."""
    r = r.clamp(1e-4, 1 - 1e-6)
    harmonicity = 10 * (r / (1 - r)).log10()
    return Pitch(*(Track(values, grid.seconds, grid.n_frames) for values in (f0, voiced, harmonicity)))


def _from_praat(clean: Tensor, length: Tensor, sample_rate: float, chosen: PitchSettings, grid: Grid) -> Pitch:
    """Praat's pitch; it keeps no autocorrelation of unvoiced frames, whose harmonicity is NaN."""
    f0, r = praat_pitch(
        clean,
        length,
        sample_rate,
        grid,
        time_step=chosen.seconds,
        pitch_floor=chosen.minimum,
        max_number_of_candidates=chosen.candidates,
        silence_threshold=chosen.silence_threshold,
        voicing_threshold=chosen.voicing_threshold,
        octave_cost=chosen.octave_cost,
        octave_jump_cost=chosen.octave_jump_cost,
        voiced_unvoiced_cost=chosen.voiced_unvoiced_cost,
        pitch_ceiling=chosen.maximum,
    )
    inside = torch.arange(f0.shape[1], device=f0.device) < grid.n_frames[:, None]
    return _tracks(f0, torch.where(inside, (~f0.isnan()).to(f0), torch.nan), r, grid)


def _candidates(
    clean: Tensor, length: Tensor, sample_rate: float, chosen: PitchSettings, grid: Grid
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lags in samples and strengths (B, T, K - 1) of the highest maxima, strength -1 where there are fewer.

    And of every frame its loudness relative to the clip (B, T), NaN past the end, and its highest peak (B, T).
    """
    period = math.floor(sample_rate / chosen.minimum)
    half = math.floor(PERIODS / chosen.minimum * sample_rate) // 2 - 1
    if half < 2:
        raise InputError(f"pitch: {chosen.minimum:g} Hz is too high a minimum at {sample_rate} Hz")
    window = torch.hann_window(2 * half + 2, periodic=False, dtype=clean.dtype, device=clean.device)[1:-1]
    correlation = _Autocorrelation(window, math.floor(2 * half / PERIODS) + 2)
    centre = grid.position(sample_rate).floor().long()
    reach = max(period, half)
    mean = clean.sum(dim=1, dtype=torch.float64) / length.clamp_min(1)
    inside = torch.arange(clean.shape[1], device=clean.device) < length[:, None]
    loudest = ((clean - mean[:, None]).abs() * inside).amax(dim=1)
    middle = slice(max(0, half - period // 2 - 1), half + period // 2 + 1)
    found: list[list[Tensor]] = [[], [], [], []]
    for part, frames in cut(clean, grid.rows, centre + 1 - reach, 2 * reach):
        local = frames[:, reach - period : reach + period].mean(dim=1, keepdim=True)
        frames = (frames[:, reach - half : reach + half] - local) * window
        peak = frames[:, middle].abs().amax(dim=1)
        # Of a constant only rounding is left, which would have a pitch.
        sounds = peak > 1e-6 * local[:, 0].abs()
        loudness = torch.where(sounds, (peak / loudest[grid.rows[part]]).clamp_max(1), 0.0).to(clean)
        values = (*correlation.maxima(frames, sounds, chosen), loudness)
        for parts, value in zip(found, (values[0], values[1], values[3], values[2]), strict=True):
            parts.append(value)
    count = chosen.candidates - 1
    shapes = ((count,), (count,), (), ())
    lag, strength, loudness, peak = (
        grid.laid_out(joined(parts, clean, *shape)) for parts, shape in zip(found, shapes, strict=True)
    )
    return lag.nan_to_num(1.0), strength.nan_to_num(-1.0), loudness, peak


class _Autocorrelation:
    """Normalised autocorrelation of windowed frames over that of the window, and its maxima."""

    def __init__(self, window: Tensor, lags: int) -> None:
        self.size = 1 << (math.ceil(1.5 * len(window)) - 1).bit_length()
        self.lags = min(lags, len(window) // 2)
        self.of_window = self._raw(window[None])
        self.of_window = self.of_window / self.of_window[:, :1]

    def _raw(self, frames: Tensor) -> Tensor:
        """Autocorrelation of frames (m, W), FINER points per sample, up to a little more than the largest lag."""
        power = power_spectrum(torch.fft.rfft(frames, n=self.size))
        power[:, -1] *= 0.5
        correlation: Tensor = torch.fft.irfft(power, n=FINER * self.size)
        return correlation[:, : FINER * (self.lags + 1) + 1]

    def maxima(self, frames: Tensor, sounds: Tensor, chosen: PitchSettings) -> tuple[Tensor, Tensor, Tensor]:
        """Lags and strengths (m, K - 1) of the maxima of frames (m, W) that count, and the highest peak (m,)."""
        raw = self._raw(frames)
        fine = raw / (raw[:, :1].clamp_min(torch.finfo(raw.dtype).tiny) * self.of_window)
        r = fine[:, ::FINER]
        centre = r[:, 2:-1]
        is_peak = (centre > r[:, 1:-2]) & (centre >= r[:, 2:][:, 1:]) & sounds[:, None]
        highest = torch.where(is_peak, centre, -torch.inf).amax(dim=1)
        lags = torch.arange(2, r.shape[1] - 1, device=r.device)
        # High frequencies are favoured, or twice the period of a periodic sound would be as good as the period.
        score = torch.where(is_peak & (centre > 0.5 * chosen.voicing_threshold), centre, -torch.inf)
        score = score - chosen.octave_cost * lags.log2()
        kept = min(chosen.candidates - 1, score.shape[1])
        best, place = score.topk(kept, dim=1)
        # The maximum of the finer curve around the sample, then of the parabola through its neighbours.
        around = (FINER * lags[place])[..., None] + torch.arange(-FINER + 1, FINER, device=r.device)
        top = fine.gather(1, around.flatten(1)).view_as(around).argmax(dim=2) + around[..., 0]
        left, middle, right = (fine.gather(1, top + shift) for shift in (-1, 0, 1))
        slope, bend = 0.5 * (right - left), (2 * middle - left - right).clamp_min(1e-12)
        shift = (slope / bend).clamp(-1, 1)
        lag = (top + shift) / FINER
        strength = middle + 0.5 * slope * shift
        strength = torch.where(strength > 1, 1 / strength, strength)
        exists = best > -torch.inf
        lag, strength = torch.where(exists, lag, 1.0), torch.where(exists, strength, -1.0)
        lost = chosen.candidates - 1 - kept
        pad = torch.nn.functional.pad
        peak = torch.where(highest > -torch.inf, highest, torch.nan)
        return pad(lag, (0, lost), value=1.0), pad(strength, (0, lost), value=-1.0), peak
