"""The singing-voice network of Schlueter and Grill (2015), which Mishra et al. (2019) explain.

Two blocks of two 3 x 3 convolutions without padding and 3 x 3 max pooling, two dense layers, leaky ReLUs of slope 0.01,
dropout before dense layers, orthogonal weights, no batch normalisation: 1,408,225 parameters with one output.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.jamendo_schema import EXCERPT, SingingVoiceBackboneConfig
from models.backbones import Backbone, BackboneOutput

SLOPE = 0.01
POOL = 3


class SingingVoiceNetwork(Backbone):
    """Log-mel features of 115 frames to an embedding; of longer excerpts it hears the middle.

    Each band is shifted and scaled by its statistics over the training recordings (`mean`, `std`).
    What follows the end of a clip is silence to it, as to the published network.

    Attributes:
        mean, std: (M,) of each band.
        width: channels of the first convolution.
    """

    def __init__(self, config: SingingVoiceBackboneConfig, n_mels: int) -> None:
        super().__init__()
        width, self.n_mels = config.width, n_mels
        self.conv1 = nn.Conv2d(1, width, 3)
        self.conv2 = nn.Conv2d(width, width // 2, 3)
        self.conv4 = nn.Conv2d(width // 2, 2 * width, 3)
        self.conv5 = nn.Conv2d(2 * width, width, 3)
        self.pooled = width, _left(n_mels), _left(EXCERPT)
        self.fc7 = nn.Linear(self.pooled[0] * self.pooled[1] * self.pooled[2], 4 * width)
        self.fc8 = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(config.dropout)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(n_mels))
        self.register_buffer("std", torch.ones(n_mels))
        for layer in (self.conv1, self.conv2, self.conv4, self.conv5, self.fc7, self.fc8):
            orthogonal(layer)
        if config.frozen:
            self.freeze()

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Features (B, 1, M, T) -> maps `conv1` ... `conv5` of the middle 115 frames, embedding (B, 64).

        Raises:
            InputError: Fewer than 115 frames.
        """
        x = self.standardised(middle(features))
        maps = {"conv1": leaky(self.conv1(x))}
        maps["conv2"] = leaky(self.conv2(maps["conv1"]))
        maps["conv4"] = leaky(self.conv4(F.max_pool2d(maps["conv2"], POOL)))
        maps["conv5"] = leaky(self.conv5(maps["conv4"]))
        x = F.max_pool2d(maps["conv5"], POOL).flatten(1)
        return BackboneOutput(maps, leaky(self.fc8(self.dropout(leaky(self.fc7(self.dropout(x)))))))

    def every_frame(self, features: Tensor) -> Tensor:
        """Features (B, 1, M, T) -> embedding (B, 64, T - 114) of every excerpt of 115 frames in them; in eval mode.

        Each convolution is evaluated once for all excerpts: pooling in time keeps every position, and what follows
        skips two of three (a trous), which gives what the excerpts one by one give for 1/45 of the work.
        """
        _check_frames(features)
        x = leaky(self.conv2(leaky(self.conv1(self.standardised(features)))))
        x = F.max_pool2d(x, POOL, stride=(POOL, 1))
        for layer in (self.conv4, self.conv5):
            x = leaky(F.conv2d(x, layer.weight, layer.bias, dilation=(1, POOL)))
        x = F.max_pool2d(x, POOL, stride=(POOL, 1), dilation=(1, POOL))
        kernel = self.fc7.weight.reshape(-1, *self.pooled)
        x = leaky(F.conv2d(x, kernel, self.fc7.bias, dilation=(1, POOL * POOL))).squeeze(2)
        return leaky(F.conv1d(x, self.fc8.weight[..., None], self.fc8.bias))

    def standardised(self, features: Tensor) -> Tensor:
        """Features (B, 1, M, T) with mean 0 and deviation 1 of each band over the training recordings."""
        return (features - self.mean[:, None]) / self.std[:, None]


def orthogonal(layer: nn.Conv2d | nn.Linear) -> None:
    """Start a layer with orthogonal weights and no bias."""
    nn.init.orthogonal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of the published slope."""
    return F.leaky_relu(x, SLOPE)


def middle(frames: Tensor, count: int = EXCERPT) -> Tensor:
    """Return the middle `count` of T frames (..., T); of an even rest the earlier half comes before them.

    Raises:
        InputError: There are fewer.
    """
    _check_frames(frames, count)
    first = (frames.shape[-1] - count) // 2
    return frames[..., first : first + count]


def _check_frames(frames: Tensor, count: int = EXCERPT) -> None:
    if frames.shape[-1] < count:
        raise InputError(
            f"backbone.name=singing_voice needs excerpts of at least {count} frames, got {frames.shape[-1]}; "
            "raise data.seconds or lower front_end.hop_length"
        )


def _left(n: int) -> int:
    """What two blocks leave of n bands or frames."""
    return ((n - 4) // POOL - 4) // POOL
