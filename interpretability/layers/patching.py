"""Which layer, and which of its channels, hands a latent's effect on: activations of one setting put into another.

A sound is made with the latents of setting A while some channels of a layer are those of setting B. Where the sound
then has B's property, these channels carry the effect. All channels of a layer of a plain stack carry it by necessity,
as there is no way around them: only fewer channels say something, beside as many random ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import find_layer
from interpretability.layers.effects import Estimate, estimate
from interpretability.layers.generator_run import generate, sound_of

Measure = Callable[[Tensor], Tensor]
"""From sounds (B, N) to the property (B,), NaN where it does not exist."""


@dataclass(frozen=True, eq=False)
class Patched:
    """What putting in some channels of one layer does."""

    layer: str
    channels: tuple[int, ...]
    share: Estimate
    """Share of the property's change from A to B that they bring: 0 none, 1 all."""
    random_share: Estimate
    """That of as many random channels."""


@torch.no_grad()
def patched_sound(
    generator: nn.Module, layer: str, into: Tensor, source: Tensor, channels: Sequence[int] | None = None
) -> Tensor:
    """Return the sounds (B, N) of latents `into` (B, Z) with a layer's activations of latents `source` (B, Z).

    Args:
        generator: from latents to sounds.
        layer: dotted path; its output has its channels on axis 1.
        into: latents of the sounds.
        source: latents whose activations are put in.
        channels: those that are; all if None.

    Raises:
        InputError: Latents of different shapes or a wrong size, a layer or channel that does not exist.
    """
    if into.shape != source.shape:
        raise InputError(
            f"latents {tuple(into.shape)} and {tuple(source.shape)}: the two settings have to be of one shape"
        )
    module, held = find_layer(generator, layer), []

    def keep(part: nn.Module, inputs: Any, output: Tensor) -> None:  # noqa: ANN401
        held.append(output.clone())  # what comes next may change it in place

    def put(part: nn.Module, inputs: Any, output: Tensor) -> Tensor:  # noqa: ANN401
        index = _channels(layer, output, channels)
        return output.index_copy(1, index, held[0].index_select(1, index))

    with evaluation_mode(generator):
        _hooked(module, keep, generator, source)
        if len(held) != 1:
            raise InputError(f"layer '{layer}' is called {len(held)} times for one sound: it cannot be patched")
        return _hooked(module, put, generator, into)


def patching(
    generator: nn.Module,
    layers: Sequence[str],
    into: Tensor,
    source: Tensor,
    measure: Measure,
    shares: Sequence[float] = (0.05, 0.25, 1.0),
    seed: int = 0,
) -> list[Patched]:
    """Return what the channels that differ most between two settings bring of a property's change, layer by layer.

    Args:
        generator: from latents to sounds.
        layers: dotted paths.
        into: latents of setting A (K, Z).
        source: latents of setting B, row by row the same but for what is moved.
        measure: the property.
        shares: of a layer's channels that are put in; at least one channel.
        seed: of the random channels.

    Items whose property differs between A and B by less than a thousandth of the largest difference have no share.

    Raises:
        InputError: As `patched_sound`, or a property that does not change in any item.
    """
    before, after = measure(generate(generator, into)).double(), measure(generate(generator, source)).double()
    change = after - before
    known = change.abs()[change.isfinite()]
    if not len(known) or float(known.max()) == 0:
        raise InputError("the property is the same in both settings, or undefined: there is no effect to hand on")
    change = change.where(change.abs() > 1e-3 * known.max(), torch.nan)
    random, out = torch.Generator().manual_seed(seed), []

    def share(layer: str, channels: Sequence[int]) -> Estimate:
        found = measure(patched_sound(generator, layer, into, source, channels)).double()
        return estimate(((found - before) / change).cpu(), seed=seed)

    for layer in layers:
        order = _differing(generator, layer, into, source)
        for part in shares:
            count = max(1, round(part * len(order)))
            top = order[:count].tolist()
            any_channels = torch.randperm(len(order), generator=random)[:count].tolist()
            out.append(Patched(layer, tuple(top), share(layer, top), share(layer, any_channels)))
    return out


@torch.no_grad()
def _differing(generator: nn.Module, layer: str, into: Tensor, source: Tensor) -> Tensor:
    """Return the channels of a layer, those that differ most between the settings first."""
    held: list[Tensor] = []
    with evaluation_mode(generator):
        for latents in (into, source):
            _hooked(
                find_layer(generator, layer),
                lambda part, inputs, output: held.append(output.clone()),
                generator,
                latents,
            )
    _channels(layer, held[0], None)
    distance = (held[0] - held[1]).double().square().movedim(1, 0).flatten(1).sum(dim=1)
    return distance.argsort(descending=True, stable=True).cpu()


def _hooked(module: nn.Module, hook: Callable[..., Any], generator: nn.Module, latents: Tensor) -> Tensor:
    handle = module.register_forward_hook(hook)
    try:
        return sound_of(generator, latents)
    finally:
        handle.remove()


def _channels(layer: str, output: Any, channels: Sequence[int] | None) -> Tensor:  # noqa: ANN401
    if not isinstance(output, Tensor) or output.ndim < 3:
        raise InputError(f"layer '{layer}' has no channels over time; choose a later layer")
    count = output.shape[1]
    if wrong := [channel for channel in channels or () if not 0 <= channel < count]:
        raise InputError(f"layer '{layer}' has {count} channels, counted from 0: there is no channel {wrong[0]}")
    return torch.tensor(
        list(range(count)) if channels is None else list(channels), dtype=torch.int64, device=output.device
    )


def settings(bases: Tensor, moved: Mapping[int, float]) -> Tensor:
    """Return latents (K, Z) with some of them set to a value in every row."""
    out = bases.clone()
    for latent, value in moved.items():
        out[:, latent] = value
    return out
