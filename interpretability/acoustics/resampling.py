"""Resampling as Praat does it: a brick-wall filter, then sinc interpolation around the middle of the clip."""

import math

import torch
from torch import Tensor

DEPTH = 50
"""Samples on either side that the interpolation looks at."""
TURN_AROUND = 1000
"""Zeros on either side of the clip, so that its end does not meet its beginning."""


def downsampled(clips: Tensor, length: Tensor, old: float, new: float) -> tuple[Tensor, Tensor]:
    """Clips (B, N) with true samples (B,) at a lower rate in Hz, with theirs, clip by clip: padding has no part in it.

    Source: Praat, "Resample..." with precision 50; Boersma's Sound_resample and NUM_interpolate_sinc as documented.
    """
    samples = (length * (new / old) + 0.5).floor().long()
    result = clips.new_zeros(len(clips), max(1, int(samples.max())) if len(clips) else 1)
    for row, (count, wanted) in enumerate(zip(length.tolist(), samples.tolist(), strict=True)):
        if wanted:
            result[row, :wanted] = _interpolated(_low_passed(clips[row, :count], new / old), wanted, old, new)
    return result, samples


def _low_passed(clip: Tensor, share: float) -> Tensor:
    """A clip (N,) without what lies above `share` of its band."""
    size = 1 << (len(clip) + 2 * TURN_AROUND - 1).bit_length()
    spectrum = torch.fft.rfft(torch.nn.functional.pad(clip, (TURN_AROUND, 0)), n=size)
    # Praat keeps real and imaginary parts in one list, which it cuts off: of one bin the real part may stay.
    first, bins = math.floor(share * size), torch.arange(len(spectrum), device=clip.device)
    spectrum = torch.complex(
        torch.where(2 * bins + 1 < first, spectrum.real, 0.0), torch.where(2 * bins + 2 < first, spectrum.imag, 0.0)
    )
    kept: Tensor = torch.fft.irfft(spectrum, n=size)
    return kept[TURN_AROUND : TURN_AROUND + len(clip)]


def _interpolated(clip: Tensor, wanted: int, old: float, new: float) -> Tensor:
    """Values of a clip (N,) at `wanted` points 1 / new s apart, centred in it, by sinc under a raised cosine."""
    place = torch.arange(wanted, dtype=torch.float64, device=clip.device)
    # The middle of both is the same moment; positions count samples from the first one's middle.
    place = (len(clip) - 1) / 2 + (place - (wanted - 1) / 2) * (old / new)
    left = place.floor()
    # At the ends there are fewer neighbours, as many on both sides.
    depth = torch.minimum(left + 1, len(clip) - 1 - left).clamp(0, DEPTH)
    phase = ((place - left) * 1e9).round() / 1e9
    kinds, which = torch.unique(torch.stack([phase, depth], dim=1), dim=0, return_inverse=True)
    windows = torch.nn.functional.pad(clip, (DEPTH, DEPTH + 1)).unfold(0, 2 * DEPTH, 1)
    found = (windows[left.long() + 1] * _weights(kinds[:, :1], kinds[:, 1:])[which]).sum(dim=1)
    nearest = clip[place.round().clamp(0, len(clip) - 1).long()]
    return torch.where((phase == 0) | (depth < 1), nearest, found)


def _weights(phase: Tensor, depth: Tensor) -> Tensor:
    """Weights (m, 2 DEPTH) of samples around points `phase` (m, 1) past one of them, with `depth` (m, 1) neighbours."""
    offset = torch.arange(-DEPTH + 1, DEPTH + 1, device=phase.device)
    away = (phase - offset).abs()
    # On either side the cosine reaches zero one sample beyond the last neighbour.
    reach = torch.where(offset <= 0, phase + depth, depth + 1 - phase)
    weight = 0.5 * torch.sinc(away) * (1 + torch.cos(math.pi * away / reach))
    return torch.where(away < reach, weight, 0.0)
