"""Phase shuffle: shifts the maps of a critic by a few steps, so that it cannot go by the phase of upsampling tones."""

import torch
from torch import Tensor, nn

from configs.errors import InputError


def shift_reflected(maps: Tensor, steps: int) -> Tensor:
    """Shift maps (B, C, T) by `steps` to the right (left below 0); the gap is filled by reflection at the edge."""
    if steps == 0:
        return maps
    # Not F.pad(mode="reflect"), whose gradient on a GPU does not repeat exactly.
    if steps > 0:
        return torch.cat((maps[..., 1 : steps + 1].flip(-1), maps[..., :-steps]), dim=-1)
    return torch.cat((maps[..., -steps:], maps[..., steps - 1 : -1].flip(-1)), dim=-1)


class PhaseShuffle(nn.Module):
    """Shifts all maps of a batch by one whole number of steps, drawn anew in each call from [-radius, radius].

    Only while training: in eval mode maps pass unchanged. As in the authors' code the whole batch shares one draw
    (Donahue et al. 2019, section 3.3, speaks of one per example and layer).

    Raises:
        InputError: A radius below 0, or maps too short to be reflected.
    """

    def __init__(self, radius: int) -> None:
        super().__init__()
        if radius < 0:
            raise InputError(f"model.phase_shuffle={radius} must be at least 0")
        self.radius = radius

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, C, T) -> maps (B, C, T)."""
        if not self.training or self.radius == 0:
            return maps
        if maps.shape[-1] <= self.radius:
            raise InputError(
                f"maps of {maps.shape[-1]} steps cannot be shuffled by up to model.phase_shuffle={self.radius}; "
                "choose a smaller radius or longer clips"
            )
        # Drawn on the CPU whatever the device: a draw on a GPU would have to be waited for.
        return shift_reflected(maps, int(torch.randint(-self.radius, self.radius + 1, ()).item()))

    def extra_repr(self) -> str:
        """What printing the module shows."""
        return f"radius={self.radius}"
