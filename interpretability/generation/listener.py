"""A network that hears excerpts: the explained one, or an independent one that judges what was made for the other."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from interpretability.generation.readings import Readings, Run, device_of, measuring
from interpretability.generation.target import Target


@dataclass(frozen=True)
class Listener:
    """A network that judges: the explained one, or an independent one trained on its own.

    Attributes:
        model: the network.
        target: the unit.
        features: the layer whose units are compared as a vector, such as Target(0, "fc8"); its unit is not used.
        run: evaluates it on excerpts; None calls it with them alone.
    """

    model: nn.Module
    target: Target
    features: Target
    run: Run | None = None

    def hears(self, excerpts: Tensor, batch: int = 64) -> tuple[Tensor, Tensor, Tensor]:
        """Return activation (n,), features (n, D) and all units (n, U) of the target's layer, on the CPU."""
        targets = {"unit": self.target, "features": self.features}
        with measuring(self.model), Readings(self.model, targets, self.run) as reader:
            device = device_of(self.model)
            found = [reader.read(part.to(device)) for part in torch.split(excerpts, batch)]
            units = torch.cat([part["unit"] for part in found]).cpu()
            return units[:, self.target.number], torch.cat([part["features"] for part in found]).cpu(), units
