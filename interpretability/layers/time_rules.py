"""What each PyTorch function does to the clock of the tensor it is given: the rules that `time_trace` applies.

A rule gets the traced input (its clock and the axis that is time), the arguments and the output, and returns the
output's clock and axis, None where the output has no time, or a sentence why the time cannot be followed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from torch import Tensor, nn

from interpretability.layers.time_base import TimeBase, conv, transposed


@dataclass(frozen=True)
class Traced:
    """Clock of a tensor and which of its axes is time (from the front)."""

    base: TimeBase
    axis: int


Found = Traced | str | None
Rule = Callable[[Traced, Tensor, Tensor, Mapping[str, Any]], Found]
"""Called with (traced input, input, output, arguments by name)."""

CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
MAX_POOL = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVG_POOL = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")


def windowed(dimensions: int, step: Callable[..., TimeBase]) -> Rule:
    """Return the rule of convolutions (`conv` or `transposed`) and poolings over the last axes."""

    def rule(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
        place = of.axis - (source.ndim - dimensions)
        if place < 0:
            return "it takes the steps of time for channels"
        weight = given.get("weight")
        kernel = weight.shape[2 + place] if isinstance(weight, Tensor) else _at(given["kernel_size"], place)
        stride = _at(given.get("stride") or (1 if weight is not None else kernel), place)
        dilation, padding = _at(given.get("dilation", 1), place), given.get("padding", 0)
        if isinstance(padding, str):
            padding = (kernel - 1) * dilation // 2 if padding == "same" else 0
        return Traced(step(of.base, kernel, stride, _at(padding, place), dilation), of.axis)

    return rule


def of_layer(of: Traced, source: Tensor, result: Tensor, layer: nn.modules.conv._ConvNd) -> Found:
    """A convolutional layer as its own attributes declare it, however it is computed."""
    given = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "weight")}
    rule = windowed(len(layer.kernel_size), transposed if layer.transposed else conv)
    return rule(of, source, result, given)


def adaptive(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Adaptive pooling: windows of equal length where the sizes divide, no time where one step is left."""
    before, after = source.shape[of.axis], result.shape[of.axis]
    if after == 1 < before:
        return None
    if before % after:
        return f"it pools {before} steps into {after}, in windows of unequal length"
    return Traced(conv(of.base, before // after, before // after), of.axis)


def interpolate(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Stretching or shrinking: the ends of both lie over each other, or their corners do.

    Nearest-neighbour stretching by a whole factor repeats each sample, which is the same as aligned ends; by another
    factor, its steps are unequal.
    """
    before, after = source.shape[of.axis], result.shape[of.axis]
    factor = Fraction(before, after)
    if given.get("align_corners"):
        factor = Fraction(before - 1, max(after - 1, 1))
        return Traced(TimeBase(of.base.jump * factor, of.base.centre, of.base.span + of.base.jump), of.axis)
    if given.get("mode", "nearest") == "nearest" and (after % before or factor == 0):
        return f"it repeats {before} steps into {after}, unequally"
    wide = after != before and given.get("mode", "nearest") != "nearest"
    shifted = of.base.centre + (factor - 1) / 2 * of.base.jump
    return Traced(TimeBase(of.base.jump * factor, shifted, of.base.span + wide * of.base.jump), of.axis)


def padded(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Padding, of which negative values cut; pairs are counted from the last axis."""
    pad = list(given["pad"])
    place = 2 * (source.ndim - 1 - of.axis)
    before = pad[place] if place < len(pad) else 0
    return Traced(TimeBase(of.base.jump, of.base.centre - before * of.base.jump, of.base.span), of.axis)


def stft(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Short-time Fourier transform: frame 0 lies at 0 when centred, else at the middle of the window."""
    n_fft = given["n_fft"]
    hop, window = given.get("hop_length") or n_fft // 4, given.get("win_length") or n_fft
    # The middle of a periodic window is its tap n / 2, half a sample beyond the middle of the taps.
    centre = of.base.centre + (0 if given.get("center", True) else Fraction(n_fft, 2)) * of.base.jump
    base = TimeBase(of.base.jump * hop, centre, of.base.span + (window - 1) * of.base.jump)
    return Traced(base, result.ndim - (1 if result.is_complex() else 2))


def frames(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """`Tensor.unfold`: windows along one axis, laid out in a new last one."""
    if given["dimension"] % source.ndim != of.axis:
        return of
    return Traced(conv(of.base, given["size"], given["step"]), of.axis)


def kept(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Functions that add or remove axes behind that of time."""
    return of


def permuted(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Axes in another order, told by names: `transpose`, `swapaxes`, `permute`."""
    if "dims" in given:
        order = [axis % source.ndim for axis in given["dims"]]
        return Traced(of.base, order.index(of.axis))
    one, two = given["dim0"] % source.ndim, given["dim1"] % source.ndim
    return Traced(of.base, {one: two, two: one}.get(of.axis, of.axis))


def reshaped(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """`reshape`, `view`, `flatten`, `squeeze`: time is the axis before which lies as much as before."""
    before, steps = prod(source.shape[: of.axis]), source.shape[of.axis]
    for axis in range(result.ndim):
        if prod(result.shape[:axis]) == before and result.shape[axis] == steps:
            return Traced(of.base, axis)
    return "it folds the steps of time into another axis"


def indexed(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Indexing with slices, whole numbers, None and an ellipsis."""
    index = given["index"] if isinstance(given["index"], tuple) else (given["index"],)
    if any(not (entry is None or entry is Ellipsis or isinstance(entry, int | slice)) for entry in index):
        return "it picks steps by a list"
    taken = sum(entry is not None and entry is not Ellipsis for entry in index)
    full = [slice(None)] * (source.ndim - taken)
    dots = next((i for i, entry in enumerate(index) if entry is Ellipsis), len(index))
    index = (*index[:dots], *full, *index[dots + 1 :])
    axis, out = 0, 0
    for entry in index:
        if entry is None:
            out += 1
            continue
        if axis == of.axis:
            return None if isinstance(entry, int) else Traced(_sliced(of.base, entry, source.shape[axis]), out)
        axis, out = axis + 1, out + isinstance(entry, slice)
    return None


def reduced(of: Traced, source: Tensor, result: Tensor, given: Mapping[str, Any]) -> Found:
    """Means, sums and maxima over some axes; over time, no time is left."""
    dims = given.get("dim")
    if dims is None:
        return None
    over = {axis % source.ndim for axis in (dims if isinstance(dims, Sequence) else (dims,))}
    if of.axis in over:
        return None
    return Traced(of.base, of.axis if given.get("keepdim") else of.axis - sum(axis < of.axis for axis in over))


def summed(of: Traced, source: Tensor, operand: int, equation: str) -> Found:
    """`einsum`: time is where its letter is in the result, and gone where it is summed over."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    if "." in equation or not arrow:
        return "its time axis cannot be followed"
    letter = left.split(",")[operand][of.axis]
    return Traced(of.base, right.index(letter)) if letter in right else None


def _sliced(base: TimeBase, entry: slice, length: int) -> TimeBase:
    start, _, step = entry.indices(length)
    return TimeBase(base.jump * step, base.centre + start * base.jump, base.span)


def _at(value: Any, place: int) -> int:  # noqa: ANN401 - a number or one for each axis
    if isinstance(value, int):
        return value
    return int(value[place] if len(value) > 1 else value[0])


RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    **{f"conv{n}d": (windowed(n, conv), CONV) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": (windowed(n, transposed), TRANSPOSED) for n in (1, 2, 3)},
    **{f"{lead}max_pool{n}d": (windowed(n, conv), MAX_POOL) for n in (1, 2, 3) for lead in ("", "_")},
    **{f"avg_pool{n}d": (windowed(n, conv), AVG_POOL) for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": (adaptive, ()) for n in (1, 2, 3) for kind in ("max", "avg")},
    "interpolate": (interpolate, ("input", "size", "scale_factor", "mode", "align_corners")),
    "pad": (padded, ("input", "pad")),
    "stft": (stft, ("input", "n_fft", "hop_length", "win_length", "window", "center")),
    "unfold": (frames, ("input", "dimension", "size", "step")),
    **dict.fromkeys(("transpose", "swapaxes"), (permuted, ("input", "dim0", "dim1"))),
    **dict.fromkeys(("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze"), (reshaped, ())),
    **dict.fromkeys(("view_as_real", "view_as_complex"), (kept, ())),
    "__getitem__": (indexed, ("input", "index")),
    **dict.fromkeys(
        ("mean", "sum", "amax", "amin", "max", "min", "logsumexp", "prod"), (reduced, ("input", "dim", "keepdim"))
    ),
    **dict.fromkeys(("std", "var"), (reduced, ("input", "dim", "unbiased", "keepdim"))),
    "norm": (reduced, ("input", "p", "dim", "keepdim")),
}
"""Function -> rule and the names of its arguments by position; the others keep the axis as long as its length holds."""

LOST = ("flip", "fliplr", "roll", "sort", "gather", "index_select", "lstm", "gru", "rnn_tanh", "rnn_relu", "cumsum")
MIXING = ("multi_head_attention_forward", "scaled_dot_product_attention")
"""Functions after which a step of the output is no longer at one place in the sound."""
