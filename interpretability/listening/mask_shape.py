"""How compact an explanation is, whatever it does to the decision."""

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues
from interpretability.power_spectrum import power_spectrum


def sparseness(masks: Tensor) -> ClipValues:
    """SPS: Gini index of the magnitudes of masks (B, ...), in [0, 1); higher is more compact (Chalasani et al. 2020).

    sum_i (2 i - n - 1) m_(i) / (n sum m) over the n sorted entries, i from 1. Undefined for masks of zeros.
    """
    sorted_ = masks.flatten(1).abs().sort(dim=1).values.double()
    n = sorted_.shape[1]
    weight = 2 * torch.arange(1, n + 1, dtype=torch.float64, device=masks.device) - n - 1
    total = sorted_.sum(dim=1)
    return ClipValues(torch.where(total > 0, sorted_ @ weight / (n * total), torch.nan))


def complexity(masks: Tensor) -> ClipValues:
    """COMP: entropy in nats of the magnitudes of masks (B, ...) with sum 1, at most log n; lower is more compact.

    Bhatt et al. (2020), definition 4. Undefined for masks of zeros.
    """
    size = masks.flatten(1).abs().double()
    total = size.sum(dim=1, keepdim=True)
    entropy = torch.special.entr(size / total).sum(dim=1)
    return ClipValues(torch.where(total[:, 0] > 0, entropy, torch.nan))


def energy_kept(masks: Tensor, spectrum: Tensor) -> ClipValues:
    """Share of the energy of spectra (B, F, T) that masks (B, F, T) keep, in [0, 1]; undefined for silent clips.

    Explanations compare at equal energy only: a mask of ones is faithful to everything.
    """
    return ClipValues(let_through(masks, spectrum))


def let_through(masks: Tensor, spectrum: Tensor) -> Tensor:
    """Share (...) of the energy of spectra (B, F, T) that masks (..., B, F, T) let through; NaN for silence."""
    power = power_spectrum(spectrum).double()
    whole = power.sum(dim=(-2, -1))
    kept = (masks.double().square() * power).sum(dim=(-2, -1))
    return torch.where(whole > 0, kept / whole, torch.nan)
