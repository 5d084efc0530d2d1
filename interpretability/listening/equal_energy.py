"""Masks of equal energy from relevance maps of any kind, so that no method wins by keeping more of a clip."""

import torch
from torch import Tensor

from interpretability.power_spectrum import power_spectrum


def equal_energy_masks(relevance: Tensor, spectrum: Tensor, energy: Tensor) -> Tensor:
    """Masks M = min(c R, 1), with c for each clip such that sum |M S|^2 is the energy asked for.

    The energy of M S grows with c, along a parabola between the values at which one more bin saturates; these are
    found by sorting, so that c is exact at any range of the map.

    Args:
        relevance: R (B, F, T). What is negative does not speak for the class and counts as zero.
        spectrum: complex STFT S (B, F, T).
        energy: (B,) wanted sum |M S|^2. Where all of R's support holds less, the mask is one on the support.

    Returns:
        M (B, F, T) in [0, 1], of the relevance's type.

    Raises:
        ValueError: Relevance or energy that is not finite.
    """
    if not (relevance.isfinite().all() and energy.isfinite().all()):
        raise ValueError("relevance and energy must be finite")
    flat = relevance.detach().flatten(1).double().clamp_min(0)
    flat = flat / flat.amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    power = power_spectrum(spectrum.to(torch.complex128)).flatten(1)
    wanted = energy.detach().double().clamp_min(0)[:, None]

    ordered, order = flat.sort(dim=1, descending=True)
    loud = power.gather(1, order)
    saturated = loud.cumsum(dim=1)  # energy of the k + 1 most relevant bins, whole
    partial = ordered.square() * loud
    rest = partial.flip(1).cumsum(dim=1).flip(1) - partial  # sum of R^2 |S|^2 over the bins after k
    reached = saturated + rest / ordered.square().clamp_min(1e-300)  # energy at c = 1 / R_k
    reached = torch.where(ordered > 0, reached, torch.inf)
    n_saturated = torch.searchsorted(reached.cummax(dim=1).values, wanted, right=True)  # bins at one for the c sought

    before = (n_saturated - 1).clamp_min(0)
    whole = torch.where(n_saturated > 0, saturated.gather(1, before), 0.0)
    remaining = torch.where(n_saturated > 0, rest.gather(1, before), partial.sum(dim=1, keepdim=True))
    scale = ((wanted - whole).clamp_min(0) / remaining.clamp_min(1e-300)).sqrt()
    masks = (scale * flat).clamp_max(1.0)
    masks = torch.where(torch.arange(flat.shape[1], device=flat.device) < n_saturated, 1.0, masks.gather(1, order))
    masks = torch.zeros_like(flat).scatter_(1, order, masks)
    masks = torch.where(flat > 0, masks, 0.0)
    return masks.reshape(relevance.shape).to(relevance.dtype)
