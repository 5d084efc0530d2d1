"""Names of units as a user types them: `dog`, `head:3`, `backbone.blocks.2:7`, `bottleneck:5`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.dissection_taps import BOTTLENECK, activations
from callbacks.generation_network import Network
from configs.errors import InputError, naming
from interpretability.dissection.read_out import Axes
from interpretability.generation.readings import checked
from interpretability.generation.target import OUTPUT, Target
from models.classifier import AudioClassifier

HEAD = "head"
"""What the network's output is called; its units are the logits."""


@dataclass(frozen=True)
class Unit:
    """A unit of a classifier.

    Attributes:
        key: as it was typed.
        layer: "head", "bottleneck" or a dotted path.
        name: a class, or "layer unit number".
        target: what is searched.
    """

    key: str
    layer: str
    name: str
    target: Target

    @property
    def number(self) -> int:
        """Index of the unit in its layer; of a class, that of the class."""
        return self.target.number

    @property
    def is_class(self) -> bool:
        """Whether the unit is a logit."""
        return self.layer == HEAD


def units_of(network: Network, wanted: Sequence[str], read_out: str = "mean", group: str = "") -> list[Unit]:
    """Return the units that are `wanted`, or all classes; each is looked for with one evaluation of the network.

    `group` is what stands before the key in messages, such as "callbacks.explanation_fid.generation.".

    Raises:
        InputError: A unit, layer or class that does not exist; the message names the nearest.
    """
    module = network.module
    with naming(f"{group}units"):
        return [_unit(network, key, read_out) for key in (wanted or module.class_names)]


def _unit(network: Network, key: str, read_out: str) -> Unit:
    module: AudioClassifier[Any] = network.module
    layer, colon, number = key.rpartition(":")
    silence: Tensor = torch.zeros(1, *network.sound.shape, device=module.device)
    if key in module.class_names or not colon:
        target = checked(module, Target(key), silence, module.class_names, network.run)
        return Unit(key, HEAD, module.class_names[target.number], target)
    if not number.isascii() or not number.removeprefix("-").isdigit():
        raise InputError(f"unit '{key}': after the colon comes the unit's number, such as {layer}:0")
    if layer == HEAD:
        target = checked(module, Target(int(number)), silence, module.class_names, network.run)
        return Unit(key, HEAD, module.class_names[target.number], target)
    if layer == BOTTLENECK:
        if not hasattr(module, BOTTLENECK):
            raise InputError(f"unit '{key}': model.name={module.config.model.name} has no components; name a layer")
        wanted = Target(int(number), BOTTLENECK, read_out=read_out, axes=Axes(pick=activations))
        return Unit(key, BOTTLENECK, f"component {number}", checked(module, wanted, silence, (), network.run))
    wanted = Target(int(number), layer, read_out=read_out)
    return Unit(key, layer, f"{layer} unit {number}", checked(module, wanted, silence, (), network.run))


def head_target(number: int) -> Target:
    """Return the logit of a class as a target."""
    return Target(number, OUTPUT)
