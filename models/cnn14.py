"""CNN14 of the PANNs (Kong et al. 2020, table 1), whose weights from AudioSet are published as Cnn14_mAP=0.431.pth."""

import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import Cnn14Config
from models.backbones import Backbone, BackboneOutput, frame_mask, keep_sound, pool_time
from models.published_weights import read_published, take_weights

MELS = 64  # mel bands that the first normalisation has weights for
BLOCKS = 6
SMALLEST = 32  # frames that survive five halvings
DECIBELS = 10.0  # our features are in units of 10 dB, the published network hears dB
DROPOUT, TOP_DROPOUT = 0.2, 0.5
LEFT_OUT = ("spectrogram_extractor.", "logmel_extractor.", "fc_audioset.")
"""Parts of the published file that are not the trunk: its own front end, and the head for the 527 classes."""


class Cnn14Block(nn.Module):
    """Two 3 x 3 convolutions, each with batch normalisation and ReLU; names as in the published file."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.bn2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B, C, T, F), time steps that hold sound (B, T) -> (B, C', T, F)."""
        x = sound_only(F.relu(self.bn1(self.conv1(x))), mask)
        return sound_only(F.relu(self.bn2(self.conv2(x))), mask)


class Cnn14(Backbone):
    """Six blocks of two convolutions with 64 to 2048 channels, 2 x 2 average pooling after each but the last.

    Inside, time comes before frequency, as in the published file, so that its weights are taken unchanged; maps are
    returned with frequency first. They are taken before the pooling. The embedding is that of the paper: mean over
    frequency, maximum plus mean over time, one layer of 2048 with ReLU.

    The published front end is needed for the published weights (`Cnn14Config.front_end_problems`). Two small
    differences remain: our features are floored at -50 dB instead of -100 dB (of mel power), and the first and last
    two frames see zeros instead of a mirrored signal.
    """

    def __init__(self, config: Cnn14Config, n_mels: int, _width: int = 64) -> None:
        super().__init__()
        if n_mels != MELS:
            raise InputError(f"backbone.name=cnn14 needs front_end.n_mels={MELS}, got {n_mels}")
        self.weights_file = config.weights
        widths = [_width * 2**level for level in range(BLOCKS)]
        self.bn0 = nn.BatchNorm2d(n_mels)
        for number, (n_in, n_out) in enumerate(zip([1, *widths], widths, strict=False), 1):
            setattr(self, f"conv_block{number}", Cnn14Block(n_in, n_out))
        self.fc1 = nn.Linear(widths[-1], widths[-1])
        if config.frozen:
            self.freeze()

    def load_published(self) -> None:
        """Take the weights of `backbone.weights`.

        Raises:
            InputError: As `read_published` and `take_weights`.
        """
        if self.weights_file is None:
            return
        file = read_published(self.weights_file)
        left_out = [name for name in file.tensors if name.startswith(LEFT_OUT)]
        trunk = {name: tensor for name, tensor in file.tensors.items() if not name.startswith(LEFT_OUT)}
        take_weights(self, file, trunk, left_out)

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Maps `conv_block1` ... `conv_block6` at 1, 1/2, ... 1/32 of the input's resolution; embedding (B, 2048)."""
        total = features.shape[-1]
        if total < SMALLEST:
            raise InputError(f"backbone.name=cnn14 needs clips of at least {SMALLEST} frames, got {total}")
        x = self.bn0(DECIBELS * features.permute(0, 2, 3, 1)).permute(0, 3, 2, 1)  # mel bands stand in for channels
        x = sound_only(x, frame_mask(n_frames, total, total))
        maps: dict[str, Tensor] = {}
        mask = None
        for number in range(1, BLOCKS + 1):
            x = F.dropout(F.avg_pool2d(x, 2), DROPOUT, self.training) if number > 1 else x
            mask = frame_mask(n_frames, total, x.shape[2])
            x = getattr(self, f"conv_block{number}")(x, mask)
            maps[f"conv_block{number}"] = x.transpose(2, 3)
        pooled = pool_time(F.dropout(x, DROPOUT, self.training).mean(dim=3), mask)
        return BackboneOutput(maps, F.relu(self.fc1(F.dropout(pooled, TOP_DROPOUT, self.training))))


def sound_only(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Maps (B, C, T, F) with the time steps outside `mask` (B, T) at zero."""
    return keep_sound(maps.transpose(2, 3), mask).transpose(2, 3)
