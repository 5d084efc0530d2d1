"""Sources that any sound can be cut into without training: what rings, what strikes, and what does neither."""

import torch
from torch import Tensor
from torch.nn.functional import pad

WIDTH = 17
"""Frames and bins of the median filters; at 22,050 Hz and a hop of 512, 0.4 s and 366 Hz."""
MARGIN = 2.0
"""How many times larger one filtered magnitude must be than the other for a bin to belong to it alone."""
TINY = 1e-12


def harmonic_percussive_masks(
    spectrum: Tensor, n_frames: int = WIDTH, n_bins: int = WIDTH, margin: float = MARGIN
) -> Tensor:
    """Soft masks (B, 3, F, T) of the harmonic, the percussive and the residual part of spectra (B, F, T); sum 1.

    Median filters along time keep what rings, those along frequency what strikes (Fitzgerald 2010), squared for masks
    like a Wiener filter's; what neither exceeds by `margin` is the residual (Driedger, Mueller and Disch 2014).

    Args:
        spectrum: complex STFT.
        n_frames: length of the filter along time, an odd number.
        n_bins: the same along frequency.
        margin: at least 1, where nothing but silence is left for the residual.
    """
    magnitude = spectrum.abs()
    harmonic, percussive = _median(magnitude, n_frames, dim=2).square(), _median(magnitude, n_bins, dim=1).square()
    shares = [_share(harmonic, margin**2 * percussive), _share(percussive, margin**2 * harmonic)]
    rest = (1 - shares[0] - shares[1]).clamp_min(0)
    return torch.stack([*shares, rest], dim=1)


def _share(own: Tensor, other: Tensor) -> Tensor:
    """Share of `own`; silent bins belong to nobody."""
    return own / (own + other).clamp_min(TINY)


def _median(values: Tensor, width: int, dim: int) -> Tensor:
    """Running median of (B, F, T) along an axis; beyond the edge the sound is mirrored."""
    length = values.shape[dim]
    reach = min(width // 2, length - 1)
    sides = (reach, reach, 0, 0) if dim == 2 else (0, 0, reach, reach)
    return pad(values[:, None], sides, mode="reflect")[:, 0].unfold(dim, 2 * reach + 1, 1).median(dim=-1).values
