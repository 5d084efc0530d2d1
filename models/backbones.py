"""Backbones: features in, named maps and one embedding out.

The interface that any other network needs is `Backbone.forward`; CONTRIBUTING.md shows a complete one.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.registry import component
from configs.schema import Config, SmallCNNConfig


class BackboneOutput(NamedTuple):
    """`maps`: layer path -> (B, C_l, F_l, T_l), shallow to deep; `embedding`: (B, D)."""

    maps: dict[str, Tensor]
    embedding: Tensor


class Backbone(nn.Module, ABC):
    """A network from features to maps, on whose deepest three maps a bottleneck is built.

    A frozen one is not trained and stays in eval mode, so that its statistics and its answers do not change.
    """

    frozen = False

    def freeze(self) -> None:
        """Keep all weights as they are from now on."""
        self.frozen = True
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Enter training mode, unless frozen."""
        return super().train(mode and not self.frozen)

    def load_published(self) -> None:
        """Take the weights that the settings name; called once, before the first step of a new run."""

    @abstractmethod
    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Features (B, 1, M, T), of which the first `n_frames` (B,) of each clip hold sound -> maps, embedding.

        A network on waveforms is given (B, 1, 1, N), whose frames are samples. `n_frames=None` means that no clip is
        padded. Padding must not reach the embedding.
        """


class BackboneShape(NamedTuple):
    """`maps`: layer path -> (C_l, F_l, T_l); `embedding`: D; of a clip of `n_frames` frames."""

    maps: dict[str, tuple[int, int, int]]
    embedding: int
    n_frames: int


def build_backbone(config: Config) -> Backbone:
    """Return the untrained backbone that a configuration names."""
    build = component("backbone", config.backbone.name).load()
    backbone: Backbone = build(config.backbone, config.front_end.n_bands)
    return backbone


@torch.no_grad()
def measure(backbone: Backbone, n_bands: int, n_frames: int = 216) -> BackboneShape:
    """Shapes of a backbone's outputs, found by running it once on silence; its state stays as it was."""
    training = backbone.training
    backbone.eval()
    output = backbone(torch.zeros(1, 1, n_bands, n_frames))
    backbone.train(training)
    shapes = {name: (int(m.shape[1]), int(m.shape[2]), int(m.shape[3])) for name, m in output.maps.items()}
    return BackboneShape(shapes, int(output.embedding.shape[-1]), n_frames)


def frame_mask(n_frames: Tensor | None, n_total: int, n_steps: int) -> Tensor | None:
    """Mask (B, n_steps) of the time steps of a map that hold sound, where the input had `n_total` frames."""
    if n_frames is None:
        return None
    steps = torch.ceil(n_frames * (n_steps / n_total)).clamp(min=1)
    return torch.arange(n_steps, device=n_frames.device) < steps[:, None]


def pool_time(series: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum plus mean over the valid time steps of (B, C, T) -> (B, C) (as PANNs do)."""
    if mask is None:
        return series.amax(dim=-1) + series.mean(dim=-1)
    keep = mask[:, None, :].to(series.dtype)
    mean = (series * keep).sum(dim=-1) / keep.sum(dim=-1)
    return series.masked_fill(~mask[:, None, :], -torch.inf).amax(dim=-1) + mean


class ConvBlock(nn.Module):
    """3 x 3 convolutions, each with batch normalisation and ReLU, at one resolution.

    Padded time steps are kept at zero throughout, just as beyond the edge of a clip, so that they change nothing.
    """

    def __init__(self, n_in: int, channels: tuple[int, ...], bias: bool = False) -> None:
        super().__init__()
        sizes = list(pairwise((n_in, *channels)))
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1, bias=bias) for i, o in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o in sizes)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B, C, F, T), time steps that hold sound (B, T) -> (B, C', F, T)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = keep_sound(F.relu(norm(convolution(x))), mask)
        return x


def keep_sound(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Maps (B, C, F, T) with the time steps outside `mask` (B, T) at zero."""
    return maps if mask is None else maps * mask[:, None, None, :].to(maps.dtype)


class SmallCNN(Backbone):
    """A VGG-like network of about 0.3 M parameters that trains from scratch on two cores in minutes.

    The first block is one strided convolution: at full resolution two of them would take half of all the time. Kernels
    and maps lie channels-last in memory, which convolutions on a CPU are faster with.
    """

    def __init__(self, config: SmallCNNConfig, n_mels: int) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(config.blocks)]
        self.input_norm = nn.BatchNorm2d(1)
        self.stem = nn.Conv2d(1, config.width, 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(config.width)
        self.blocks = nn.ModuleList(ConvBlock(n_in, (n_out, n_out)) for n_in, n_out in pairwise(widths))
        self.dropout = nn.Dropout2d(config.dropout)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.frozen:
            self.freeze()

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Maps `stem` and `blocks.0` at half the resolution, `blocks.1` ... at 1/4, 1/8 ...; embedding of the last."""
        total = features.shape[-1]
        x = keep_sound(self.input_norm(features), frame_mask(n_frames, total, total))
        x = F.relu(self.stem_norm(self.stem(x.contiguous(memory_format=torch.channels_last))))
        maps = {"stem": keep_sound(x, frame_mask(n_frames, total, x.shape[-1]))}
        x = maps["stem"]
        for level, block in enumerate(self.blocks):
            x = F.max_pool2d(x, 2) if level else x
            x = maps[f"blocks.{level}"] = block(x, frame_mask(n_frames, total, x.shape[-1]))
        mask = frame_mask(n_frames, total, x.shape[-1])
        return BackboneOutput(maps, pool_time(self.dropout(x).mean(dim=2), mask))
