"""The features of singing-voice detection: the natural logarithm of magnitudes in mel bands of unit sum.

As Schlueter and Grill (2015) compute them, after yaafe; their FFT frames begin where ours are centred.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.power_spectrum import power_spectrum

FLOOR = 1e-7
"""Magnitude of a band under which features are flat, at ln(1e-7) = -16.118."""


def unit_sum_mel_filters(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Return triangular filters (n_fft // 2 + 1, n_mels), evenly spaced in 1127 ln(1 + f / 700), each of sum 1.

    Raises:
        InputError: Bands so narrow that no frequency bin falls into them.
    """
    edges = torch.linspace(_mel(f_min), _mel(f_max), n_mels + 2, dtype=torch.float64)
    edges = 700 * ((edges / 1127).exp() - 1)
    bins = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    left, right = edges[:-2], edges[2:]
    places = torch.searchsorted(bins, edges)
    filters = torch.zeros(len(bins), n_mels, dtype=torch.float64)
    for band in range(n_mels):
        first, middle, last = (int(place) for place in places[band : band + 3])
        # Each side of a triangle is divided by its bins, not its width, as yaafe does.
        filters[first:middle, band] = (bins[first:middle] - left[band]) / max(1, middle - first)
        filters[middle:last, band] = (right[band] - bins[middle:last]) / max(1, last - middle)
    sums = filters.sum(dim=0)
    empty = (sums <= 0).nonzero().flatten().tolist()
    if empty:
        raise InputError(
            f"front_end.n_mels={n_mels} leaves mel bands {empty} without a frequency bin at front_end.n_fft={n_fft}; "
            "take fewer bands or a longer transform"
        )
    return (filters / sums).float()


def _mel(frequency: float) -> float:
    return 1127 * math.log1p(frequency / 700)


class NaturalLogMel(nn.Module):
    """Complex spectra to ln of band magnitudes; a view of the front end (`front_end.features=ln_mel`).

    Attributes:
        filters: (F, M), each band's of sum 1.
    """

    def __init__(self, sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float | None) -> None:
        super().__init__()
        self.filters: Tensor
        filters = unit_sum_mel_filters(sample_rate, n_fft, n_mels, f_min, f_max or sample_rate / 2)
        self.register_buffer("filters", filters, persistent=False)

    def bands(self, magnitude: Tensor) -> Tensor:
        """Magnitudes (B, F, T) of bins -> of bands (B, M, T)."""
        return torch.einsum("bft,fm->bmt", magnitude, self.filters)

    def logarithm(self, bands: Tensor) -> Tensor:
        """Magnitudes of bands (B, M, T) -> features (B, 1, M, T)."""
        return bands.clamp_min(FLOOR).log().unsqueeze(1)

    def forward(self, spectrum: Tensor, sound: Callable[[], Tensor] | None = None) -> Tensor:
        """Complex spectra (B, F, T) -> features (B, 1, M, T); `sound` is for views that hear waveforms."""
        return self.logarithm(self.bands(magnitude(spectrum)))


def magnitude(spectrum: Tensor) -> Tensor:
    """|S| (B, F, T) of a complex spectrum, with a finite slope at digital silence."""
    return (power_spectrum(spectrum) + 1e-20).sqrt()
