"""A unit of which it is known what it asks for: a partial with vibrato, heard by a matched filter."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from interpretability.generation.prior import Sound

BANDS, FRAMES, WIDTH, RATE = 24, 40, 24, 8000
SECONDS = 0.8
WIGGLY, STEADY = 0, 1


def partial(middle: float, depth: float, cycles: float, frames: int, phase: float = 0.0) -> Tensor:
    """A line (BANDS, frames) about band `middle`, with `cycles` of vibrato in WIDTH frames, `depth` bands each way."""
    at = torch.arange(frames)
    line = middle + depth * torch.sin(2 * math.pi * (cycles * at / WIDTH) + phase)
    return torch.exp(-0.5 * ((torch.arange(BANDS)[:, None] - line) / 1.2).square())


class MatchedFilters(nn.Module):
    """Log-mel (B, BANDS, FRAMES) -> how well six patterns fit at their best moment (`fit`, B x 6) -> logits (B, 2)."""

    def __init__(self, middle: float = 12.0, depth: float = 4.0) -> None:
        super().__init__()
        patterns = [partial(middle, depth, 2, WIDTH), partial(middle, 0, 0, WIDTH)]
        patterns += [partial(5, 0, 0, WIDTH), partial(19, 0, 0, WIDTH), partial(middle, depth, 1, WIDTH)]
        patterns.append(torch.zeros(BANDS, WIDTH).index_fill_(1, torch.tensor([11, 12]), 1.0))
        bank = torch.stack(patterns)[:, None]
        bank = bank - bank.mean(dim=(2, 3), keepdim=True)
        self.bank = nn.Conv2d(1, 6, (BANDS, WIDTH), bias=False)
        self.bank.weight = nn.Parameter(bank / bank.flatten(1).norm(dim=1)[:, None, None, None])
        self.fit, self.dropout = nn.Identity(), nn.Dropout(0.5)

    @property
    def template(self) -> Tensor:
        """(BANDS, WIDTH)."""
        return self.bank.weight.detach()[WIGGLY, 0]

    def forward(self, mel: Tensor) -> Tensor:
        fit = self.fit(self.bank(mel.reshape(-1, 1, BANDS, FRAMES)).flatten(2).amax(dim=2))
        return self.dropout(fit)[:, :2]


class Twin(nn.Module):
    """Another listener for the same partial: at half the resolution, shorter, beside filters of noise."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(9)
        wiggly = torch.nn.functional.avg_pool2d(partial(12.3, 3.7, 2, WIDTH, 0.5)[None, :, :16], 2)
        steady = torch.nn.functional.avg_pool2d(partial(12.3, 0, 0, WIDTH)[None, :, :16], 2)
        bank = torch.cat([wiggly, steady, torch.randn(6, BANDS // 2, 8, generator=random)])[:, None]
        bank = bank - bank.mean(dim=(2, 3), keepdim=True)
        self.bank = nn.Conv2d(1, 8, (BANDS // 2, 8), bias=False)
        self.bank.weight = nn.Parameter(bank / bank.flatten(1).norm(dim=1)[:, None, None, None])
        self.fit = nn.Identity()

    def forward(self, mel: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(mel.reshape(-1, 1, BANDS, FRAMES), 2)
        fit: Tensor = self.fit(self.bank(small).flatten(2).amax(dim=2))
        return fit[:, :2]


class PartialGenerator(nn.Module):
    """As if learned from both classes: latents (B, 68) -> excerpts (B, 1, BANDS, FRAMES).

    Latent 0 is the vibrato's depth, 1 the level, 2 the height, 3 its phase; the others are noise, along which a search
    can leave the data.
    """

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(5)
        self.register_buffer("texture", 0.25 * torch.randn(64, BANDS, FRAMES, generator=random) / 8)

    def forward(self, z: Tensor) -> Tensor:
        depth, at = 4 * torch.sigmoid(3 * z[:, 0]), torch.arange(FRAMES, device=z.device)
        line = depth[:, None] * torch.sin(2 * math.pi * 2 * at / WIDTH + 2 * z[:, 3:4]) + 12 + 0.2 * z[:, 2:3]
        pattern = torch.exp(-0.5 * ((torch.arange(BANDS, device=z.device)[:, None] - line[:, None]) / 1.2).square())
        level = 2.5 + 0.3 * z[:, 1]
        sound = pattern * level[:, None, None] + torch.einsum("bk,kft->bft", z[:, 4:], self.texture) - 3
        return sound[:, None]


def likeness(model: MatchedFilters, excerpts: Tensor) -> Tensor:
    """Correlation (B,) of excerpts with the unit's template at the best moment."""
    patches = excerpts.unfold(2, WIDTH, 1).permute(0, 2, 1, 3).flatten(2)
    patches = patches - patches.mean(dim=2, keepdim=True)
    patches = patches / patches.norm(dim=2, keepdim=True)
    template = model.template.flatten()
    return (patches @ (template / template.norm())).amax(dim=1)


@dataclass(frozen=True)
class Planted:
    """Excerpts (N, BANDS, FRAMES), half of them wiggly, of N / 4 recordings; and what belongs to them."""

    excerpts: Tensor
    wiggly: Tensor
    recordings: tuple[int, ...]
    seconds: Tensor
    model: MatchedFilters
    twin: Twin
    generator: PartialGenerator
    sound: Sound

    def likeness(self, excerpts: Tensor) -> Tensor:
        """(B,)."""
        return likeness(self.model, excerpts)


def excerpts_of(n: int, wiggly: bool, random: torch.Generator) -> Tensor:
    """Partials in noise: their level, moment and vibrato differ a little."""
    out = []
    for _ in range(n):
        u = torch.rand(5, generator=random)
        depth = 4 + 0.6 * (u[0] - 0.5) if wiggly else 0.0
        pattern = partial(12 + 0.6 * (float(u[1]) - 0.5), float(depth), 2, FRAMES, float(u[2]) * 2 * math.pi)
        out.append(pattern * (2 + float(u[3])) + 0.25 * torch.randn(BANDS, FRAMES, generator=random) - 3)
    return torch.stack(out)


@pytest.fixture(scope="session")
def planted() -> Planted:
    random = torch.Generator().manual_seed(0)
    excerpts = torch.cat([excerpts_of(160, True, random), excerpts_of(160, False, random)])
    wiggly = torch.arange(320) < 160
    recordings = tuple(i // 4 for i in range(320))
    seconds = torch.arange(320) % 4 * SECONDS
    return Planted(
        excerpts,
        wiggly,
        recordings,
        seconds,
        MatchedFilters(),
        Twin(),
        PartialGenerator(),
        Sound((BANDS, FRAMES), RATE),
    )
