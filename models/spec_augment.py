"""SpecAugment (Park et al. 2019) on log-mel features, drawn per clip and epoch."""

import torch
from torch import Tensor

from configs.schema import AugmentationConfig
from datamodules.batch import Batch, clip_generator

STREAM = 1  # of clip_generator; waveform augmentation draws from stream 0


def spec_augment(features: Tensor, batch: Batch, config: AugmentationConfig, seed: int, epoch: int) -> Tensor:
    """Features (B, 1, M, T) with stretches of time and bands of frequency at the clip's own mean.

    What is hidden depends on (seed, epoch, clip) alone: not on the batch that a clip is in, the worker or the device.
    """
    n_bands, n_steps = features.shape[-2:]
    hidden = torch.zeros(len(batch), 1, n_bands, n_steps, dtype=torch.bool)
    for row, index in enumerate(batch.index.tolist()):
        draw = clip_generator(seed, epoch, index, STREAM)
        for _ in range(config.masks):
            width = int(draw.integers(0, min(config.time_mask, n_steps - 1) + 1))
            start = int(draw.integers(0, n_steps - width))
            hidden[row, :, :, start : start + width] = True
            width = int(draw.integers(0, min(config.freq_mask, n_bands - 1) + 1))
            start = int(draw.integers(0, n_bands - width))
            hidden[row, :, start : start + width] = True
    return torch.where(hidden.to(features.device), features.mean(dim=(1, 2, 3), keepdim=True), features)
