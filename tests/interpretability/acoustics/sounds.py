"""Sounds with known answers, made from formulas alone so that they are the same everywhere."""

import math

import torch
from torch import Tensor

RATE = 8000


def seconds(duration: float, rate: int = RATE) -> Tensor:
    return torch.arange(round(duration * rate), dtype=torch.float64) / rate


def tone(frequency: float, duration: float = 1.0, amplitude: float = 0.5, rate: int = RATE) -> Tensor:
    return amplitude * torch.sin(2 * math.pi * frequency * seconds(duration, rate))


def noise(duration: float = 1.0, rms: float = 0.1, seed: int = 0, rate: int = RATE) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return rms * torch.randn(round(duration * rate), generator=generator, dtype=torch.float64)


def vowel(duration: float = 0.8) -> Tensor:
    """Harmonics of a pitch that glides from 110 to 170 Hz, under resonances at 700, 1200 and 2600 Hz."""
    t = seconds(duration)
    phase = 2 * math.pi * (110 * t + 30 * t.square() / duration)
    f0 = 110 + 60 * t / duration
    sound = torch.zeros_like(t)
    for harmonic in range(1, 36):
        frequency = harmonic * f0
        gain = torch.ones_like(t) / harmonic
        for resonance, width in ((700, 80), (1200, 100), (2600, 150)):
            ratio = frequency / resonance
            gain = gain / ((1 - ratio.square()).square() + (ratio * width / resonance).square()).sqrt()
        sound = sound + torch.where(frequency < 3900, gain, 0.0) * torch.sin(harmonic * phase)
    return sound / sound.abs().max()


def hiss(duration: float = 0.3) -> Tensor:
    """White noise from a congruential generator, bright by first differences; no library's random stream is in it."""
    state, values = 1, []
    for _ in range(round(duration * RATE) + 1):
        state = (1103515245 * state + 12345) % 2**31
        values.append(state / 2**31 - 0.5)
    return 0.1 * torch.tensor(values, dtype=torch.float64).diff()


def word() -> Tensor:
    """Hiss, vowel and the silence between them."""
    return torch.cat([hiss(), torch.zeros(800, dtype=torch.float64), vowel(), torch.zeros(400, dtype=torch.float64)])


def batch(*sounds: Tensor, junk: float = 0.9) -> tuple[Tensor, Tensor]:
    """Sounds of any lengths as (B, N) float32, with junk past their ends that must not count, and their lengths."""
    length = torch.tensor([len(sound) for sound in sounds])
    waveform = torch.full((len(sounds), int(length.max())), junk, dtype=torch.float32)
    for row, sound in enumerate(sounds):
        waveform[row, : len(sound)] = sound.float()
    return waveform, length
