"""Where the samples of a layer lie in the sound: jump, centre and span, exactly (Begus & Zhou 2022 give none of them).

Sample i of a layer is centred on sample `centre + jump * i` of the sound and touches `span` samples of it. They follow
from kernel, stride, padding and dilation by the recursion of `conv` and `transposed`, in exact fractions: an offset of
10.5 samples is one, and no error adds up over thirty layers.

Two conventions of padding are in use. PyTorch pads what the layer says; TensorFlow's SAME pads as much as the length of
the signal needs, the odd sample at its end (`same_padding`). The maps of one convention are shifted against those of
the other by a part of a step in each layer, which is many samples of the sound in a deep one.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor

Convention = Literal["torch", "tf_same"]


@dataclass(frozen=True)
class TimeBase:
    """Clock of a layer, in samples of the sound."""

    jump: Fraction = Fraction(1)
    """Samples of the sound from one sample of the layer to the next."""
    centre: Fraction = Fraction(0)
    """Position of the layer's sample 0; sample i lies at `centre + jump * i`."""
    span: Fraction = Fraction(1)
    """Samples of the sound that one sample of the layer touches, at most."""

    def positions(self, steps: int) -> Tensor:
        """Return the positions (steps,) float64 of the layer's samples, in samples of the sound."""
        return float(self.centre) + float(self.jump) * torch.arange(steps, dtype=torch.float64)

    def seconds(self, steps: int, sample_rate: float) -> Tensor:
        """Return the positions (steps,) float64 in seconds of a sound at `sample_rate` Hz."""
        return self.positions(steps) / sample_rate

    def step(self, sample: Tensor | float) -> Tensor:
        """Return which step of the layer, with fractions, lies at a sample of the sound."""
        return (torch.as_tensor(sample, dtype=torch.float64) - float(self.centre)) / float(self.jump)

    def rate(self, sample_rate: float) -> float:
        """Return the layer's samples per second (Hz)."""
        return sample_rate / float(self.jump)

    def nyquist(self, sample_rate: float) -> float:
        """Return the highest frequency (Hz) that the layer's series can hold."""
        return self.rate(sample_rate) / 2

    def seen_from(self, sound: "TimeBase") -> "TimeBase":
        """Return the clock in samples of another layer `sound` of the same stack, such as a generator's waveform.

        Both clocks count in one unit. What lies between the two is added up in `span`, whichever comes first.
        """
        between = abs(self.span - sound.span) / sound.jump
        return TimeBase(self.jump / sound.jump, (self.centre - sound.centre) / sound.jump, 1 + between)

    def same_clock(self, other: "TimeBase") -> bool:
        """Whether the samples of both lie at the same places; their spans may differ."""
        return self.jump == other.jump and self.centre == other.centre

    def __str__(self) -> str:
        return f"one sample in {_plain(self.jump)}, from {_plain(self.centre)}"


def conv(of: TimeBase, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> TimeBase:
    """Return the clock after a convolution or a pooling over `kernel` samples; `padding` is that before the first.

    With j, c, R of its input: j' = j s, c' = c + ((k - 1) d / 2 - p) j, R' = R + (k - 1) d j.
    """
    width = Fraction((kernel - 1) * dilation)
    return TimeBase(of.jump * stride, of.centre + (width / 2 - padding) * of.jump, of.span + width * of.jump)


def transposed(of: TimeBase, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> TimeBase:
    """Return the clock after a transposed convolution.

    Its input's sample i is spread over the outputs i s - p + d q, q < k: their middle is where it lies. Output padding
    adds samples at the end and moves nothing. The span counts how far an input reaches, in samples of the output.
    """
    width, jump = Fraction((kernel - 1) * dilation), of.jump / stride
    return TimeBase(jump, of.centre + (padding - width / 2) * jump, of.span + width * jump)


def same_padding(length: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Return what TensorFlow's SAME pads before and after `length` samples; the output has ceil(length / stride)."""
    total = max((-(-length // stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


def strided_stack(
    layers: int, kernel: int = 25, stride: int = 4, length: int = 16384, convention: Convention = "torch"
) -> list[TimeBase]:
    """Return the clock after each of `layers` equal convolutions on a sound: the published networks' table.

    A generator of as many transposed convolutions has the same clocks, deepest first. PyTorch's padding is 11 for a
    kernel of 25 and a stride of 4, the one that keeps the published sizes; any other stack is followed by
    `layers.time_trace`.

    Args:
        layers: convolutions between the layer and the sound.
        kernel: samples of each kernel.
        stride: samples that each moves on.
        length: samples of the sound; SAME pads by it.
        convention: "torch" or "tf_same".
    """
    clocks, base = [], TimeBase()
    for _ in range(layers):
        before, after = same_padding(length, kernel, stride)
        padding = before if convention == "tf_same" else after
        base = conv(base, kernel, stride, padding)
        clocks.append(base)
        length = -(-length // stride)
    return clocks


def _plain(value: Fraction) -> str:
    return f"{float(value):g}"
