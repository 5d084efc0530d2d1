"""Jitter between prior and network: what is generated has to work a little earlier, later, higher or lower, too."""

import torch
from torch import Tensor

from interpretability.generation.prior import Sound

DRAWS = 2
"""Random numbers in [-1, 1) of one excerpt and step: shift in time and in bands."""
BANDS = 0.25
"""Shift in bands beside that in time, both as shares of their axis."""


def shifted(excerpts: Tensor, sound: Sound, strength: Tensor, draws: Tensor) -> Tensor:
    """Shift excerpts circularly in time, and features also across bands, where the outermost band is repeated.

    Args:
        excerpts: (B, *sound.shape).
        sound: what they are.
        strength: (B,) largest shift as a share of the duration; a quarter of it as a share of the bands.
        draws: (B, 2) in [-1, 1).

    Returns:
        As `excerpts`, with gradients; an excerpt of strength 0 is as it was.
    """
    if not bool((strength > 0).any()):
        return excerpts
    out = _moved(excerpts, -1, strength * draws[:, 0], around=True)
    return out if sound.kind == "waveform" else _moved(out, -2, BANDS * strength * draws[:, 1], around=False)


def _moved(excerpts: Tensor, axis: int, share: Tensor, around: bool) -> Tensor:
    """Each excerpt moved by its own share of an axis, to the nearest whole step; around its end, or off it."""
    length = excerpts.shape[axis]
    steps = (share * length).round().long()
    at = torch.arange(length, device=excerpts.device) - steps[:, None]
    at = at % length if around else at.clamp(0, length - 1)
    shape = [len(excerpts)] + [1] * (excerpts.ndim - 1)
    shape[axis] = length
    return excerpts.gather(axis % excerpts.ndim, at.reshape(shape).expand_as(excerpts))
