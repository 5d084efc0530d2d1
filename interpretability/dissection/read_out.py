"""One number for each clip and unit of a layer, and the frame that drives it, read inside the layer's hook.

Only what lies inside a clip's true length is read, and a map is never kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.layers.capture import find_layer


@dataclass(frozen=True)
class Axes:
    """Where a layer's output has its clips, units and time; every other axis is read over like frequency.

    Attributes:
        units: axis of the units.
        time: axis of time, or of tokens; outputs (B, D) have none.
        clips: axis of the clips.
        leading: tokens before the first of sound, such as a class token; only the read-out "first" sees them.
        bins: tokens of one moment, where frequency and time share the axis of tokens.
        time_first: whether tokens of one moment are neighbours (T, F), or those of one frequency (F, T).
        pick: finds the tensor in what the layer returns, such as the activations in a tuple.
    """

    units: int = 1
    time: int = -1
    clips: int = 0
    leading: int = 0
    bins: int = 1
    time_first: bool = False
    pick: Callable[[Any], Tensor] | None = None


TOKENS = Axes(units=2, time=1)
"""Tokens (B, T, C) of a transformer, no class token among them."""


class Reading(NamedTuple):
    """Of B clips and U units: what is read, and the middle of the frames that are highest and lowest in seconds.

    `values` (B, U) float32, or float64 where the network is. `high`, `low` (B, U) float32; NaN without a time axis, and
    for clips whose frames are not wanted.
    """

    values: Tensor
    high: Tensor
    low: Tensor


def laid_out(path: str, output: Any, axes: Axes) -> Tensor:  # noqa: ANN401 - a layer may return anything
    """Lay an output out as (B, U, F, T), leading tokens included; an embedding (B, U) becomes (B, U, 1, 1).

    Raises:
        InputError: Anything but one tensor with these axes.
    """
    output = output if axes.pick is None else axes.pick(output)
    if not isinstance(output, Tensor):
        raise InputError(f"layer '{path}' returns a {type(output).__name__}, not one map; choose a layer inside it")
    if output.ndim == 2:
        return output[:, :, None, None]
    places = [axis % max(output.ndim, 1) for axis in (axes.clips, axes.units, axes.time)]
    if output.ndim not in (3, 4) or len(set(places)) < 3:
        raise InputError(
            f"layer '{path}' gives shape {tuple(output.shape)}, which has no axes for clips ({axes.clips}), units "
            f"({axes.units}) and time ({axes.time}); declare its axes or choose another layer"
        )
    moved = output.movedim(places, (0, 1, output.ndim - 1))
    return moved if moved.ndim == 4 else moved.unsqueeze(2)


def check_read_out(read_out: str) -> float | None:
    """Return the share of a percentile read-out such as "p95", None for "mean", "max" and "first".

    Raises:
        InputError: Anything else.
    """
    if read_out in ("mean", "max", "first"):
        return None
    digits = read_out[1:].replace(".", "", 1)
    if read_out[:1] != "p" or not digits.isdigit() or float(read_out[1:]) > 100:
        raise InputError(f"read_out='{read_out}': choose mean, max, first or a percentile from p0 to p100, such as p95")
    return float(read_out[1:]) / 100


class Bounds(NamedTuple):
    """Values (U,) that a clip has to reach, from below (`top`) or from above, for its driving frame to be wanted."""

    top: Tensor
    bottom: Tensor


def read(
    maps: Tensor,
    batch: ProbeBatch,
    sample_rate: int,
    read_out: str,
    axes: Axes = Axes(),
    bounds: Bounds | None = None,
) -> Reading:
    """Read maps (B, U, F, T) of `laid_out` out over frequency and time, inside each clip's true length.

    A step counts as inside if its middle lies before the end of the clip; the first always does. Frames are looked for
    where a value lies within `bounds`, and are NaN elsewhere; to find one costs more than to read the value.

    Raises:
        InputError: A read-out that does not exist, or tokens that do not fill their frequency bins.
    """
    share = check_read_out(read_out)
    maps = maps.detach()
    maps = maps if maps.dtype == torch.float64 else maps.float()
    nowhere = torch.full(maps.shape[:2], torch.nan, device=maps.device)
    if read_out == "first":
        return Reading(maps[:, :, 0, 0], nowhere, nowhere)
    maps = _on_grid(maps[..., axes.leading :], axes)
    if maps.shape[2] * maps.shape[3] == 1:
        return Reading(maps[:, :, 0, 0], nowhere, nowhere)
    n_steps, n_samples = maps.shape[-1], batch.waveform.shape[-1]
    middle = (torch.arange(n_steps, device=maps.device) + 0.5) / n_steps * n_samples
    outside = middle >= batch.length.to(maps.device)[:, None]
    outside[:, 0] = False
    high, low = (maps[:, :, 0],) * 2 if maps.shape[2] == 1 else (maps.amax(dim=2), maps.amin(dim=2))  # (B, U, T)
    if bool(outside.any()):
        high = high.masked_fill(outside[:, None], -torch.inf)
        low = low.masked_fill(outside[:, None], torch.inf)
    seconds = (middle / sample_rate).float()
    if read_out == "max":
        values = high.amax(dim=-1)
    elif share is None and not bool(outside.any()):
        values = maps.mean(dim=(2, 3))
    elif share is None:
        inside = (~outside).to(maps.dtype)
        values = torch.einsum("buft,bt->bu", maps, inside) / (inside.sum(dim=1) * maps.shape[2])[:, None]
    else:
        values = _percentile(maps, outside, share)
    above, below = (None, None) if bounds is None else (values >= bounds.top, values <= bounds.bottom)
    return Reading(values, _driving(high, seconds, above, torch.argmax), _driving(low, seconds, below, torch.argmin))


def _driving(maps: Tensor, seconds: Tensor, wanted: Tensor | None, extreme: Callable[..., Tensor]) -> Tensor:
    """Seconds (B, U) of the extreme step of maps (B, U, T); NaN where it is not wanted (B, U)."""
    if wanted is None or float(wanted.float().mean()) > 0.5:
        return seconds[extreme(maps, dim=-1)]
    found = torch.full(maps.shape[:2], torch.nan, device=maps.device)
    found[wanted] = seconds[extreme(maps[wanted], dim=-1)]
    return found


def _on_grid(maps: Tensor, axes: Axes) -> Tensor:
    """Tokens (B, U, 1, F T) on their grid (B, U, F, T)."""
    if axes.bins == 1:
        return maps
    if maps.shape[-1] % axes.bins:
        raise InputError(f"{maps.shape[-1]} tokens do not fill {axes.bins} frequency bins; declare the axes anew")
    if axes.time_first:
        return maps.reshape(*maps.shape[:2], -1, axes.bins).transpose(2, 3)
    return maps.reshape(*maps.shape[:2], axes.bins, -1)


def _percentile(maps: Tensor, outside: Tensor, share: float) -> Tensor:
    """Linear percentile (B, U) over what is inside; as `numpy.percentile`."""
    filled = maps.masked_fill(outside[:, None, None], torch.inf).flatten(2).sort(dim=-1).values
    count = (~outside).sum(dim=1) * maps.shape[2]
    place = share * (count - 1).to(maps.dtype)
    below = place.floor()
    above = (below + 1).minimum((count - 1).to(below.dtype))
    first, second = (
        filled.gather(-1, at.long()[:, None, None].expand(-1, filled.shape[1], 1))[..., 0] for at in (below, above)
    )
    return first + (second - first) * (place - below)[:, None].to(maps.dtype)


class UnitReader:
    """Context in which layers of a network are read out as it is evaluated; hooks are removed on leaving it.

    Example:
        with UnitReader(network, ["blocks.2"], sample_rate=22050) as reader:
            readings = reader.read(batch, network)
        readings["blocks.2"].values  # (B, U)
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str],
        sample_rate: int,
        read_out: str = "mean",
        axes: Mapping[str, Axes] | None = None,
    ) -> None:
        """Find the layers.

        Args:
            model: any network.
            layers: dotted paths.
            sample_rate: of the clips in Hz.
            read_out: "mean", "max", "first" (token) or a percentile such as "p95".
            axes: of layers whose output is not (B, C, F, T), (B, C, T) or (B, C).

        Raises:
            InputError: A layer or a read-out that does not exist.
        """
        check_read_out(read_out)
        self._layers = {path: find_layer(model, path) for path in layers}
        self._axes = {path: (axes or {}).get(path, Axes()) for path in layers}
        self._rate, self._read_out = sample_rate, read_out
        self._shapes: dict[str, tuple[int, int]] = {}
        self._batch: ProbeBatch | None = None
        self._found: dict[str, Reading] = {}
        self._bounds: dict[str, Bounds] = {}
        self._handles: list[RemovableHandle] = []

    def read(
        self, batch: ProbeBatch, run: Callable[[ProbeBatch], object], bounds: Mapping[str, Bounds] | None = None
    ) -> dict[str, Reading]:
        """Evaluate the network on a batch by `run` and return what its layers give, by path.

        Driving frames are found within the `bounds` of a layer, of all clips where there are none.

        Raises:
            InputError: A layer that is not called, returns no single map, gives NaN, or changes its shape.
        """
        self._batch, self._found, self._bounds = batch, {}, dict(bounds or {})
        run(batch)
        for path in self._layers:
            if path not in self._found:
                raise InputError(f"layer '{path}' is never called by itself; choose one inside or around it")
        return self._found

    def __enter__(self) -> "UnitReader":
        for path, layer in self._layers.items():
            self._handles.append(layer.register_forward_hook(self._hook(path)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batch, self._found = None, {}
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def catch(layer: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401
            if self._batch is None:
                return
            maps = laid_out(path, output, self._axes[path])
            self._check(path, maps, len(self._batch))
            bounds = self._bounds.get(path)
            reading = read(maps, self._batch, self._rate, self._read_out, self._axes[path], bounds)
            if bool(reading.values.isfinite().all()):
                self._found[path] = reading
                return
            clip = int(self._batch.index[(~reading.values.isfinite()).any(dim=1).nonzero()[0]])
            raise InputError(f"layer '{path}' gives a value that is not finite for clip number {clip}")

        return catch

    def _check(self, path: str, maps: Tensor, n_clips: int) -> None:
        n_units, n_bins = int(maps.shape[1]), int(maps.shape[2])
        before = self._shapes.setdefault(path, (n_units, n_bins))
        if before != (n_units, n_bins):
            raise InputError(
                f"layer '{path}' changes its shape: {before[0]} units x {before[1]} bins first, then {n_units} x "
                f"{n_bins}; choose a layer whose units stay the same, or declare its axes"
            )
        if maps.shape[0] != n_clips:
            raise InputError(
                f"layer '{path}' gives {maps.shape[0]} rows for {n_clips} clips; declare which axis has the clips"
            )
