"""What one training step is given, and the random numbers that belong to one clip. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

_UINT64 = (1 << 64) - 1


@dataclass
class Batch:
    """B clips as tensors; Lightning moves it to the device through `to`.

    Attributes:
        waveform: (B, N) float32, nominally in [-1, 1], zero beyond each clip's length.
        length: (B,) int64, true number of samples of each clip (padding must not reach pooling, NMF or probes).
        target: (B,) int64 class numbers, or (B, C) float32 for multi-label data and for soft labels under mixup.
        index: (B,) int64, position of each clip in its split.
        observed: (B, C) bool, which labels are known, for partially labelled data; None when all are.
        stems: (B, S, N) float32, clean sources that add up to the clip, only when asked for.
    """

    waveform: Tensor
    length: Tensor
    target: Tensor
    index: Tensor
    observed: Tensor | None = None
    stems: Tensor | None = None

    def __len__(self) -> int:
        return int(self.waveform.shape[0])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return the same batch in page-locked memory (called by the DataLoader)."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, function: Callable[[Tensor], Tensor]) -> Batch:
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: function(tensor) for name, tensor in tensors.items() if tensor is not None})


def clip_generator(seed: int, epoch: int, index: int, stream: int = 0) -> np.random.Generator:
    """Return the generator of one clip in one epoch: the same draws on every platform, worker and order.

    The key goes straight into Philox, a counter-based generator, so that two keys never share a stream and making one
    costs a few microseconds.

    Args:
        seed: seed of the run (any integer; taken modulo 2^64).
        epoch: epoch number, from 0.
        index: position of the clip in its split.
        stream: which consumer draws (0 waveform augmentation; others pick their own number so as not to share draws).
    """
    # As uint64 arrays: NumPy would turn a list of large integers into floats, and different keys into equal ones.
    key = np.array([seed & _UINT64, stream & _UINT64], dtype=np.uint64)
    counter = np.array([0, 0, epoch & _UINT64, index & _UINT64], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
