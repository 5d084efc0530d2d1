"""A convolutional network on the waveform itself, built as the critic of WaveGAN (Donahue et al. 2019) is."""

import torch.nn.functional as F
from torch import Tensor, nn

from configs.schema import WaveformCNNConfig
from models.backbones import Backbone, BackboneOutput, frame_mask, keep_sound, pool_time
from models.gan_convolution import Down
from models.wavegan import SLOPE, start_as_published

STRIDE = 4


class WaveformCNN(Backbone):
    """Strided convolutions of 25 taps with LeakyReLU; layer n has one step for 4^n samples.

    Nothing normalises the maps: how loud a sound is stays in them, layer by layer. In place of the critic's dense layer
    on all steps, whose clips have one length, steps are pooled, so that clips of any length are heard.
    """

    def __init__(self, config: WaveformCNNConfig, n_bands: int = 1) -> None:
        super().__init__()
        channels = [1, *(config.width * 2**level for level in range(config.layers))]
        self.n_layers = config.layers
        for number in range(1, config.layers + 1):
            self.add_module(f"conv{number}", Down(channels[number - 1], channels[number], STRIDE, "torch"))
            self.add_module(f"relu{number}", nn.LeakyReLU(SLOPE))
        self.dropout = nn.Dropout(config.dropout)
        start_as_published(self)
        if config.frozen:
            self.freeze()

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Samples (B, 1, 1, N) -> maps `relu1`, `relu2`, ... (B, C, 1, T) and the pooled deepest one (B, C)."""
        maps = {}
        samples = F.pad(features, (0, -features.shape[-1] % STRIDE**self.n_layers))
        total = samples.shape[-1]
        x = keep_sound(samples, frame_mask(n_frames, total, total))[:, :, 0]
        for number in range(1, self.n_layers + 1):
            x = self.get_submodule(f"relu{number}")(self.get_submodule(f"conv{number}")(x))
            mask = frame_mask(n_frames, total, x.shape[-1])
            x = x if mask is None else x * mask[:, None].to(x.dtype)
            maps[f"relu{number}"] = x[:, :, None]
        pooled = pool_time(x, frame_mask(n_frames, total, x.shape[-1]))
        return BackboneOutput(maps, self.dropout(pooled))
