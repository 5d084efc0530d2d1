"""The VGG-like network of the paper (Kumar et al. 2018, weak_mxh64_1024, as used by Parekh et al. 2022)."""

import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import VGGConfig
from models.backbones import Backbone, BackboneOutput, ConvBlock, frame_mask, keep_sound
from models.published_weights import PublishedWeights, read_published, take_weights

CHANNELS = ((16, 16), (32, 32), (64, 64), (128, 128), (256, 256), (512,))
TOP, ADAPTED = 1024, 256  # channels of the last published layer, and of the layer that Parekh et al. put on it
SMALLEST = 128  # mel bands and frames that survive six halvings and a 2 x 2 convolution
DECIBELS = 10.0  # our features are in units of 10 dB, the published network hears dB

LAYERS = {
    **{f"layer{3 * block + layer + 1}": (f"blocks.{block}", layer) for block in range(5) for layer in range(2)},
    "layer16": ("blocks.5", 0),
}
"""Layer of the published file -> block and convolution of ours; layer18 is `top`, layer19 the head for 527 classes."""
INSIDE, ADAPTER = "netx.", "layer."
"""Prefixes in the files of Parekh et al.: of the published network within theirs, and of their layer on it."""


class VGG(Backbone):
    """Six convolutional blocks, each followed by 2 x 2 max pooling, and a 1024-channel 2 x 2 convolution.

    Maps `blocks.0` ... `blocks.5` are taken before their pooling layer; for 128 bands the last three are the ones that
    the paper's interpreter reads. The embedding is the adapted head's: 1 x 1 convolution to 256 channels, ReLU, global
    maximum.
    """

    def __init__(self, config: VGGConfig, n_mels: int, _divisor: int = 1) -> None:
        super().__init__()
        if n_mels < SMALLEST:
            raise InputError(f"backbone.name=vgg needs front_end.n_mels of at least {SMALLEST}, got {n_mels}")
        widths = [tuple(n // _divisor for n in channels) for channels in CHANNELS]
        n_ins = (1, *(channels[-1] for channels in widths))
        self.blocks = nn.ModuleList(
            ConvBlock(n_in, channels, bias=True) for n_in, channels in zip(n_ins, widths, strict=False)
        )
        top, adapted = TOP // _divisor, ADAPTED // _divisor
        self.top = nn.Sequential(nn.Conv2d(n_ins[-1], top, 2), nn.BatchNorm2d(top), nn.ReLU())
        self.adapt = nn.Sequential(nn.Conv2d(top, adapted, 1), nn.ReLU())
        self.dropout = nn.Dropout(config.dropout)
        self.weights_file = config.weights
        if config.frozen:
            self.freeze()
            self.adapt.requires_grad_(True)  # not part of what was published; dropout before the head stays off

    def load_published(self) -> None:
        """Take the weights of `backbone.weights`: the file of Kumar et al., or that of a classifier of Parekh et al.

        The first has no 1 x 1 convolution on top (`adapt`): it stays random, and is trained even where the rest is
        frozen. Kernels are turned, because the published network has time before frequency, and the first one is
        brought from decibels to units of 10 dB.

        Raises:
            InputError: As `read_published` and `take_weights`.
        """
        if self.weights_file is None:
            return
        file = read_published(self.weights_file)
        weights, left_out = rename(file)
        lacking = [] if any(name.startswith("adapt.") for name in weights) else list(self.adapt.state_dict())
        take_weights(self, file, weights, left_out, optional=[f"adapt.{name}" for name in lacking])

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


def rename(file: PublishedWeights) -> tuple[dict[str, Tensor], list[str]]:
    """Return published weights under our names, and the names of the file that are not for the trunk."""
    weights: dict[str, Tensor] = {}
    left_out: list[str] = []
    for name, tensor in file.tensors.items():
        layer, _, rest = name.removeprefix(INSIDE).partition(".")
        part, _, entry = rest.partition(".")
        turned = tensor.transpose(2, 3) if tensor.ndim == 4 else tensor
        if layer in LAYERS:
            block, number = LAYERS[layer]
            kind = {"0": "convolutions", "1": "norms"}.get(part, part)
            weights[f"{block}.{kind}.{number}.{entry}"] = turned
        elif layer == "layer18":
            weights[f"top.{rest}"] = turned
        elif name.startswith(ADAPTER):
            weights[f"adapt.{name.removeprefix(ADAPTER)}"] = turned
        elif layer in ("layer19", "fc"):
            left_out.append(name)
        else:
            weights[name] = tensor  # foreign: named by the check
    first = "blocks.0.convolutions.0.weight"
    if first in weights:
        weights[first] = DECIBELS * weights[first]
    return weights, left_out
