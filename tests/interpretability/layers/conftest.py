"""A generator made by hand, of which it is known what every latent does, and where."""

import math

import pytest
import torch
from torch import Tensor, nn

RATE = 4000
COARSE, LENGTH = 64, 1024
BURST = (0.03, 0.08)
"""Seconds of the fricative-like noise of latent 0; the vowel lies from 0.1 to 0.22 s."""
BURST_STEPS, VOWEL_STEPS = slice(8, 20), slice(26, 56)


class PlantedGenerator(nn.Module):
    """From latents (B, 8) to sounds (B, 1, 1024) at 4 kHz, over maps of 64 and 256 steps.

    Latent 0 scales the noise (channel 1 of both maps), 1 and 2 the vowel (channel 0), 4 a ripple that starts in the
    second map (channel 2); 3 does nothing; 5 to 7 move channel 3, which is hardly heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.fine, self.end = nn.ReLU(), nn.ReLU(), nn.Tanh()
        self.spread = nn.ConvTranspose1d(4, 4, 4, 4, groups=4, bias=False)
        self.out = nn.ConvTranspose1d(4, 4, 4, 4, groups=4, bias=False)
        for layer in (self.spread, self.out):
            nn.init.constant_(layer.weight, 1.0)
        at, random = torch.arange(LENGTH), torch.Generator().manual_seed(0)
        carriers = torch.stack([torch.sin(2 * math.pi * 200 * at / RATE), torch.randn(LENGTH, generator=random)])
        ripple = torch.sin(2 * math.pi * 50 * at / RATE)
        self.register_buffer("carriers", torch.stack([*carriers, ripple, 0.01 * ripple]) * 0.3)

    def forward(self, z: Tensor) -> Tensor:
        maps = z.new_zeros(len(z), 4, COARSE)
        shape = torch.hann_window(VOWEL_STEPS.stop - VOWEL_STEPS.start, device=z.device)
        vowel = nn.functional.pad(shape, (VOWEL_STEPS.start, COARSE - VOWEL_STEPS.stop))
        burst = nn.functional.pad(shape.new_ones(12), (BURST_STEPS.start, COARSE - BURST_STEPS.stop))
        level = 1 + 0.2 * z[:, 1] + 0.1 * z[:, 2]
        parts = [
            level[:, None] * vowel,
            (1 + z[:, :1]) * burst,
            0 * z[:, 3:4] * vowel,
            1 + 0.05 * z[:, 5:].sum(1, True) * vowel,
        ]
        maps = self.coarse(maps + torch.stack(parts, dim=1))
        ripple = torch.zeros(4, 1, device=z.device)
        ripple[2] = 1
        finer = self.fine(self.spread(maps) + (1 + z[:, 4])[:, None, None] * ripple)
        return self.end((self.out(finer) * self.carriers).sum(dim=1, keepdim=True))


@pytest.fixture
def generator() -> PlantedGenerator:
    return PlantedGenerator()


@pytest.fixture
def bases() -> Tensor:
    return torch.rand(64, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
