"""Edits of recordings that change one property, each with a sham that handles the sound alike but leaves the property.

All take clips (B, N) and return clips (B, N): what would be longer keeps its middle, what would be shorter is
repeated. Pitch and tempo are changed by a phase vocoder (Flanagan and Golden 1966); resampling and filters work on the
spectrum of the whole clip, so that nothing folds over.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torchaudio.functional
from torch import Tensor

from configs.errors import InputError
from interpretability.acoustics.harmonic_percussive import harmonic_percussive_masks

WINDOW = 0.064  # seconds of the vocoder's window, rounded to a power of two of samples
SLOPE = 1 / 6  # octaves over which a filter goes from all to nothing
KERNEL = 0.15, 31  # seconds and bins of the medians that tell harmonic from percussive sound
SEED = 20_240_616

Change = Callable[[Tensor, int], Tensor]
"""Clips (B, N) and their rate in Hz -> clips (B, N)."""


@dataclass(frozen=True)
class Edit:
    """One change of sound at one dose.

    Attributes:
        family: of edits that differ in dose, such as "pitch".
        dose: how much, in `unit`.
        unit: of the dose.
        change: makes the edit.
        sham: handles the sound alike, but leaves what the edit is about.
    """

    family: str
    dose: float
    unit: str
    change: Change
    sham: Change

    @property
    def name(self) -> str:
        """Family and dose, such as "pitch -12 st"."""
        signed = f"{self.dose:+g}" if self.family in ("pitch", "gain") else f"{self.dose:g}"
        return f"{self.family} {signed} {self.unit}".rstrip()


def pitch_shifted(waveform: Tensor, sample_rate: int, semitones: float) -> Tensor:
    """Every frequency times 2^(semitones / 12) at the same tempo and level; what passes the Nyquist is lost."""
    ratio = 2 ** (semitones / 12)
    n = waveform.shape[-1]
    stretched = _vocoder(waveform, sample_rate, ratio, round(n * ratio))
    return _level_of(resampled(stretched, n), waveform)


def time_stretched(waveform: Tensor, sample_rate: int, factor: float) -> Tensor:
    """Play `factor` times as long at the same pitch; see the module for what happens to the ends."""
    n = waveform.shape[-1]
    stretched = _vocoder(waveform, sample_rate, factor, max(1, round(n * factor)))
    return _level_of(fitted(stretched, n), waveform)


def there_and_back(waveform: Tensor, sample_rate: int, factor: float) -> Tensor:
    """Through the vocoder to `factor` (or its inverse) times the length and back: the sham of another tempo."""
    longer, n = max(factor, 1 / factor), waveform.shape[-1]
    there = _vocoder(waveform, sample_rate, longer, round(longer * n))
    return _level_of(_vocoder(there, sample_rate, 1 / longer, n), waveform)


def filtered(waveform: Tensor, sample_rate: int, cutoff: float, kind: Literal["low", "high"]) -> Tensor:
    """Keep what lies below ("low") or above ("high") the cutoff in Hz; phases stay, the slope is 1/6 octave wide.

    Raises:
        InputError: A cutoff that is not between 0 and the Nyquist frequency.
    """
    if not 0 < cutoff < sample_rate / 2:
        raise InputError(f"edits: a cutoff of {cutoff:g} Hz is not between 0 and {sample_rate / 2:g} Hz")
    n = waveform.shape[-1]
    frequency = torch.fft.rfftfreq(n, 1 / sample_rate, device=waveform.device)
    octaves = torch.log2(frequency.clamp_min(1e-6) / cutoff)
    passed = (0.5 - octaves / SLOPE).clamp(0, 1) if kind == "low" else (0.5 + octaves / SLOPE).clamp(0, 1)
    kept: Tensor = torch.fft.irfft(torch.fft.rfft(waveform) * torch.sin(math.pi / 2 * passed) ** 2, n)
    return kept


def scaled(waveform: Tensor, decibels: float) -> Tensor:
    """Louder or quieter by `decibels`; nothing is clipped."""
    return waveform * 10 ** (decibels / 20)


def reversed_(waveform: Tensor) -> Tensor:
    """Backwards: spectrum and level as before, attacks become decays."""
    return waveform.flip(-1)


def noisy(waveform: Tensor, snr: float) -> Tensor:
    """White noise, always the same, added at a signal-to-noise ratio of `snr` dB over each clip."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(waveform.shape[-1], generator=generator).to(waveform)
    noise = noise / noise.square().mean().sqrt()
    return waveform + noise * waveform.square().mean(dim=-1, keepdim=True).sqrt() * 10 ** (-snr / 20)


def separated(waveform: Tensor, sample_rate: int, part: Literal["harmonic", "percussive"]) -> Tensor:
    """Return one part of harmonic-percussive separation by median filters with soft masks (Fitzgerald 2010)."""
    spectrum, hop = _stft(waveform, sample_rate)
    n_steps = 2 * round(KERNEL[0] * sample_rate / hop / 2) + 1
    masks = harmonic_percussive_masks(spectrum, n_steps, KERNEL[1], margin=1.0)
    return _istft(spectrum * masks[:, ("harmonic", "percussive").index(part)], sample_rate, waveform.shape[-1])


def moved(waveform: Tensor, share: float = 0.37) -> Tensor:
    """Turned round in time by a share of the clip, the end joined to the start: the sham of edits without artefacts."""
    return waveform.roll(round(share * waveform.shape[-1]), dims=-1)


def as_loud_as(edited: Tensor, waveform: Tensor) -> Tensor:
    """The original at the level of the edited clip: the sham of edits that take sound away."""
    return _level_of(waveform, edited)


def resampled(waveform: Tensor, n: int) -> Tensor:
    """Clips (B, N) in n samples, by cutting or extending their spectrum."""
    spectrum = torch.fft.rfft(waveform)
    size, room = n // 2 + 1, spectrum.shape[-1]
    spectrum = spectrum[..., :size] if size <= room else torch.nn.functional.pad(spectrum, (0, size - room))
    wave: Tensor = torch.fft.irfft(spectrum, n) * (n / waveform.shape[-1])
    return wave


def fitted(waveform: Tensor, n: int) -> Tensor:
    """The middle n samples of clips (B, N), or the clips repeated until there are n."""
    have = waveform.shape[-1]
    if have >= n:
        start = (have - n) // 2
        return waveform[..., start : start + n]
    return waveform.repeat(1, -(-n // have))[..., :n]


def _vocoder(waveform: Tensor, sample_rate: int, factor: float, n: int) -> Tensor:
    """Clips (B, N) that last `factor` times as long at the same pitch, in n samples."""
    if not 0.1 <= factor <= 10:
        raise InputError(f"edits: a stretch of {factor:g} is not between 0.1 and 10")
    spectrum, hop = _stft(waveform, sample_rate)
    advance = torch.linspace(0, math.pi * hop, spectrum.shape[-2], device=waveform.device)[:, None]
    return _istft(torchaudio.functional.phase_vocoder(spectrum, 1 / factor, advance), sample_rate, n)


def _window(sample_rate: int, like: Tensor) -> Tensor:
    return torch.hann_window(2 ** round(math.log2(WINDOW * sample_rate)), device=like.device, dtype=torch.float32)


def _stft(waveform: Tensor, sample_rate: int) -> tuple[Tensor, int]:
    window = _window(sample_rate, waveform)
    hop = len(window) // 4
    return torch.stft(waveform.float(), len(window), hop, window=window, pad_mode="constant", return_complex=True), hop


def _istft(spectrum: Tensor, sample_rate: int, n: int) -> Tensor:
    window = _window(sample_rate, spectrum)
    hop = len(window) // 4
    wave = torch.istft(spectrum, len(window), hop, window=window)
    return torch.nn.functional.pad(wave, (0, max(0, n - wave.shape[-1])))[..., :n]


def _level_of(waveform: Tensor, other: Tensor) -> Tensor:
    """Clips at the RMS of others; silence stays silent."""
    have, want = (x.square().mean(dim=-1, keepdim=True).sqrt() for x in (waveform, other))
    return waveform * (want / have.clamp_min(1e-8))
