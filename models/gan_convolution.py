"""Strided and transposed convolutions of 25 taps, as WaveGAN has them, and the same in phases, which CPUs do faster.

With a stride of s a convolution is s convolutions of the signal's phases (samples 0, s, 2s, ...; 1, 1 + s, ...) with a
kernel s times shorter. Training on a CPU spends most of its time in the gradients of strided convolutions, which come
four to ten times faster in this form; sums are taken in another order, so that results differ by rounding.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 25

Alignment = Literal["torch", "tf_same"]
"""Where convolutions pad: 11 samples on both sides (PyTorch), or 10 before and 11 after (TensorFlow's SAME)."""


def padding_of(stride: int, alignment: Alignment) -> int:
    """Return what is padded before the first sample so that T * stride samples give T; SAME has the odd one behind."""
    total = KERNEL - stride
    return total // 2 if alignment == "tf_same" else total - total // 2


class Down(nn.Conv1d):
    """Convolution of 25 taps that makes stride * T steps into T."""

    def __init__(self, inputs: int, outputs: int, stride: int, alignment: Alignment) -> None:
        self.before = padding_of(stride, alignment)
        self.after = KERNEL - stride - self.before if alignment == "tf_same" else self.before
        super().__init__(inputs, outputs, KERNEL, stride, padding=self.before)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, C, stride * T) -> (B, C', T)."""
        stride = self.stride[0]
        if as_published(maps):
            return F.conv1d(F.pad(maps, (self.before, self.after)), self.weight, self.bias, stride)
        phases = _split(maps, 2, stride).transpose(2, 3).flatten(1, 2)  # (B, C * stride, T)
        kernel, left, right = _in_phases(self.weight, stride, self.before)
        return F.conv1d(F.pad(phases, (left, right)), kernel.transpose(2, 3).flatten(1, 2), self.bias)


class Up(nn.ConvTranspose1d):
    """Transposed convolution of 25 taps (zeros between the samples) that makes T steps into stride * T."""

    def __init__(self, inputs: int, outputs: int, stride: int, alignment: Alignment) -> None:
        before = padding_of(stride, alignment)
        # SAME leaves one sample more at the end, which `forward` cuts; PyTorch's padding leaves one too few.
        super().__init__(
            inputs, outputs, KERNEL, stride, padding=before, output_padding=0 if alignment == "tf_same" else 1
        )

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Maps (B, C, T) -> (B, C', stride * T); `output_size` is PyTorch's and is not needed."""
        stride, steps = self.stride[0], maps.shape[2]
        if as_published(maps):
            return super().forward(maps, output_size)[..., : stride * steps]
        taps, right, left = _in_phases(self.weight, stride, int(self.padding[0]))  # (C, C', Q, stride)
        kernel = taps.flip(2).permute(1, 3, 0, 2).flatten(0, 1)  # (C' * stride, C, Q)
        bias = None if self.bias is None else self.bias.repeat_interleave(stride)
        phases = F.conv1d(F.pad(maps, (left, right)), kernel, bias)  # (B, C' * stride, T)
        return _split(phases, 1, stride).transpose(2, 3).flatten(2)


def as_published(maps: Tensor) -> bool:
    """Whether 25 taps are calculated as such: on a GPU, and where arithmetic is only counted."""
    return maps.is_cuda or maps.is_meta


def _in_phases(weight: Tensor, stride: int, before: int) -> tuple[Tensor, int, int]:
    """Return a kernel (A, B, taps) as (A, B, Q, stride) with zeros around, and what to pad in steps of `stride`."""
    front = -before % stride
    back = -(KERNEL + front) % stride
    kernel = _split(F.pad(weight, (front, back)), 2, stride)
    left = (before + front) // stride
    return kernel, left, kernel.shape[2] - 1 - left


def _split(maps: Tensor, axis: int, stride: int) -> Tensor:
    """Split an axis of n * stride into two, of n and of `stride`."""
    return maps.reshape(*maps.shape[:axis], -1, stride, *maps.shape[axis + 1 :])
