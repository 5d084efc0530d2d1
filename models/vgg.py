"""The VGG-like network of the paper (Kumar et al. 2018, weak_mxh64_1024, as used by Parekh et al. 2022)."""

import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import VGGConfig
from models.backbones import Backbone, BackboneOutput, ConvBlock, frame_mask, keep_sound

CHANNELS = ((16, 16), (32, 32), (64, 64), (128, 128), (256, 256), (512,))
SMALLEST = 128  # mel bands and frames that survive six halvings and a 2 x 2 convolution


class VGG(Backbone):
    """Six convolutional blocks, each followed by 2 x 2 max pooling, and a 1024-channel 2 x 2 convolution.

    Maps `blocks.0` ... `blocks.5` are taken before their pooling layer; for 128 bands the last three are the ones that
    the paper's interpreter reads. The embedding is the adapted head's: 1 x 1 convolution to 256 channels, ReLU, global
    maximum.
    """

    def __init__(self, config: VGGConfig, n_mels: int) -> None:
        super().__init__()
        if n_mels < SMALLEST:
            raise InputError(f"backbone.name=vgg needs front_end.n_mels of at least {SMALLEST}, got {n_mels}")
        n_ins = (1, *(channels[-1] for channels in CHANNELS))
        self.blocks = nn.ModuleList(
            ConvBlock(n_in, channels, bias=True) for n_in, channels in zip(n_ins, CHANNELS, strict=False)
        )
        self.top = nn.Sequential(nn.Conv2d(n_ins[-1], 1024, 2), nn.BatchNorm2d(1024), nn.ReLU())
        self.adapt = nn.Sequential(nn.Conv2d(1024, 256, 1), nn.ReLU())
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Maps at 1, 1/2, ... 1/32 of the input's resolution and the embedding (B, 256)."""
        if features.shape[-1] < SMALLEST:
            raise InputError(
                f"backbone.name=vgg needs clips of at least {SMALLEST} frames, got {features.shape[-1]}; "
                "raise data.seconds or lower front_end.hop_length"
            )
        maps: dict[str, Tensor] = {}
        total = features.shape[-1]
        x = keep_sound(features, frame_mask(n_frames, total, total))
        for level, block in enumerate(self.blocks):
            maps[f"blocks.{level}"] = block(x, frame_mask(n_frames, total, x.shape[-1]))
            x = F.max_pool2d(maps[f"blocks.{level}"], 2)
        top = self.adapt(self.top(x)).amax(dim=2)
        mask = frame_mask(n_frames, total, top.shape[-1])
        if mask is not None:
            top = top.masked_fill(~mask[:, None, :], 0.0)  # after a ReLU zero is the smallest value
        return BackboneOutput(maps, self.dropout(top.amax(dim=-1)))
