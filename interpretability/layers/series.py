"""What is kept of a layer: a few time series, reduced inside the hook, so that no map is held.

The mean over channels is the layer's series of Begus & Zhou (2022, eq. 4). It is the sum of what channels of both signs
say; the others tell what it cannot: the norm how much happens at all, the mean of standardised channels what quiet
channels say, the positive share how many units are awake. Where a layer has a frequency axis, series average over it,
and the profile keeps it and averages over time.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import LayerCapture, Reduce, find_layer
from interpretability.layers.choice import every_activation

Reduction = Literal["mean", "norm", "zscored", "positive", "profile"]


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Mean and standard deviation (C,) of each channel of a layer over all steps of a probe set."""

    mean: Tensor
    std: Tensor


def channel_mean(maps: Tensor) -> Tensor:
    """Return the mean over channels and frequencies (B, T) of maps (B, C, F, T)."""
    return maps.mean(dim=(1, 2))


def channel_norm(maps: Tensor) -> Tensor:
    """Return the root of the mean square over channels and frequencies (B, T): the l2 norm for any width."""
    return maps.square().mean(dim=(1, 2)).sqrt()


def positive_share(maps: Tensor) -> Tensor:
    """Return the share of channels and frequencies above zero (B, T), 0 to 1."""
    return (maps > 0).float().mean(dim=(1, 2))


def frequency_profile(maps: Tensor) -> Tensor:
    """Return the mean over channels and time (B, F)."""
    return maps.mean(dim=(1, 3))


def zscored_mean(statistics: ChannelStatistics) -> Reduce:
    """Return the reduction to the mean (B, T) of standardised channels; dead ones, without variance, are left out."""

    def reduce(maps: Tensor) -> Tensor:
        std, mean = statistics.std.to(maps.device), statistics.mean.to(maps.device)
        alive = std > 0
        weights = torch.where(alive, 1 / std.where(alive, torch.ones_like(std)), torch.zeros_like(std))
        centred = maps.mean(dim=2) - mean[:, None]
        return (centred * weights[:, None]).sum(dim=1) / alive.sum().clamp_min(1)

    return reduce


class SeriesCapture:
    """Context in which each evaluation of a network leaves the series of some layers in a dictionary.

    The network is in eval mode inside, without gradient, and layers of the types in `silent` hand on what they are
    given: dropout and phase shuffle do nothing. All is as it was afterwards. Sums are taken in float32 whatever the
    network computes in.

    Example:
        with SeriesCapture(network, "auto", example=lambda: network(clips[:1])) as series:
            network(clips)
        series["blocks.2"]["mean"]  # (B, T) float32
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Sequence[str] | Literal["auto"],
        reductions: Sequence[Reduction] = ("mean", "norm"),
        statistics: Mapping[str, ChannelStatistics] | None = None,
        silent: tuple[type[nn.Module], ...] = (),
        time_axes: Mapping[str, int] | None = None,
        example: Callable[[], Any] | None = None,
    ) -> None:
        """Find the layers.

        Args:
            module: any network.
            layers: dotted paths, or "auto": after each non-linearity, found by evaluating `example`.
            reductions: what is kept; "profile" is (B, F), the others (B, T).
            statistics: of the channels of each layer, for "zscored" (`channel_statistics`).
            silent: types of layers that hand on their input, such as a phase shuffle that knows no eval mode.
            time_axes: axis of a layer's output that is time, where it is not the last.
            example: evaluates the network once, for "auto".

        Raises:
            InputError: A layer that does not exist, "auto" without `example`, "zscored" without `statistics`.
        """
        if layers == "auto" and example is None:
            raise InputError("layers 'auto' are found by evaluating the network: give `example`, or name the layers")
        if "zscored" in reductions and statistics is None:
            raise InputError("the reduction 'zscored' needs the statistics of the channels: see `channel_statistics`")
        self._module, self._silent = module, silent
        self.layers = list(layers) if layers != "auto" else self._activations(example or (lambda: None))
        self._reductions, self._statistics = tuple(reductions), dict(statistics or {})
        self._axes, self._stack = dict(time_axes or {}), ExitStack()

    def __enter__(self) -> dict[str, dict[str, Tensor]]:
        caught: dict[str, dict[str, Tensor]] = {}
        with ExitStack() as stack:
            stack.enter_context(evaluation_mode(self._module))
            stack.enter_context(torch.no_grad())
            for layer in self._module.modules():
                if isinstance(layer, self._silent or ()):
                    handle = layer.register_forward_hook(lambda layer, inputs, output: inputs[0])
                    stack.callback(handle.remove)
            for path in self.layers:
                find_layer(self._module, path)
                stack.enter_context(LayerCapture(self._module, [path], self._keep(path, caught), self._axes))
            self._stack = stack.pop_all()
        return caught

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _activations(self, example: Callable[[], Any]) -> list[str]:
        with evaluation_mode(self._module):
            found = every_activation(self._module, example)
        return [path for path in found if not isinstance(find_layer(self._module, path), self._silent or ())]

    def _keep(self, path: str, caught: dict[str, dict[str, Tensor]]) -> Reduce:
        functions: dict[str, Reduce] = {
            "mean": channel_mean,
            "norm": channel_norm,
            "positive": positive_share,
            "profile": frequency_profile,
        }
        if path in self._statistics:
            functions["zscored"] = zscored_mean(self._statistics[path])

        def keep(maps: Tensor) -> Tensor:
            with torch.autocast(maps.device.type, enabled=False):
                caught[path] = {name: functions[name](maps.float()) for name in self._reductions}
            return maps[:0]

        return keep


def channel_statistics(
    module: nn.Module,
    layers: Sequence[str],
    runs: Sequence[Callable[[], Any]],
    time_axes: Mapping[str, int] | None = None,
) -> dict[str, ChannelStatistics]:
    """Return mean and standard deviation of each channel of layers over all that `runs` evaluate, one batch each.

    Sums are taken in float64 about the first batch's mean, so that a large offset costs no digits.
    """
    sums: dict[str, list[Tensor]] = {}

    def add(path: str) -> Reduce:
        def reduce(maps: Tensor) -> Tensor:
            values = maps.double().movedim(1, 0).flatten(1)
            pivot = sums[path][0] if path in sums else values.mean(dim=1)
            shifted = values - pivot[:, None]
            new = [torch.full_like(pivot, values.shape[1]), shifted.sum(dim=1), shifted.square().sum(dim=1)]
            old = sums[path][1:] if path in sums else [torch.zeros_like(pivot)] * 3
            sums[path] = [pivot, *(a + b for a, b in zip(old, new, strict=True))]
            return maps[:0]

        return reduce

    with ExitStack() as stack:
        stack.enter_context(evaluation_mode(module))
        stack.enter_context(torch.no_grad())
        for path in layers:
            stack.enter_context(LayerCapture(module, [path], add(path), time_axes))
        for run in runs:
            run()
    found = {}
    for path, (pivot, count, first, second) in sums.items():
        variance = (second / count - (first / count).square()).clamp_min(0)
        variance = variance.where(variance > 1e-12 * (second / count), torch.zeros_like(variance))
        found[path] = ChannelStatistics((pivot + first / count).float(), variance.sqrt().float())
    return found
