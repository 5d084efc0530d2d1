"""Is a decision really in the components? How loud the parts are that carry it, and how well they rebuild the clip."""

import torch
from torch import Tensor

from interpretability.power_spectrum import power_spectrum

TINY = 1e-12


def component_energy(spectrum: Tensor, dictionary: Tensor, activations: Tensor) -> Tensor:
    """Energy (B, K) of what each component's soft mask takes from a clip, as a share of the clip's energy.

    With masks M_k = w_k h_k / (W H) on the complex STFT (B, F, T), the energy of a component is sum |M_k S|^2, which
    needs no mask to be formed: sum_f w_fk^2 sum_t h_kt^2 |S_ft|^2 / (W H)_ft^2. Silent clips give zeros.
    """
    total = dictionary @ activations
    power = power_spectrum(spectrum)
    weight = torch.where(total > TINY, power / total.clamp_min(TINY).square(), torch.zeros_like(power))
    energy = ((dictionary.square().T @ weight) * activations.square()).sum(dim=-1)
    return energy / power.sum(dim=(1, 2)).clamp_min(TINY)[:, None]


def audible_share(relevance: Tensor, energy: Tensor, threshold_db: float = -40.0) -> Tensor:
    """Share (B,) of a decision that components louder than a threshold carry.

    `relevance` (B, K): each component's term of one logit; `energy` (B, K): its share of the clip's energy, compared
    with `threshold_db` relative to the clip. A decision without any term gives 1.
    """
    weight = relevance.abs()
    audible = (energy > 10 ** (threshold_db / 10)).to(weight.dtype)
    total = weight.sum(dim=-1)
    return torch.where(total > TINY, (weight * audible).sum(dim=-1) / total.clamp_min(TINY), torch.ones_like(total))


def relative_error(target: Tensor, reconstruction: Tensor, mask: Tensor | None = None) -> Tensor:
    """Squared error ||X - W H||^2 / ||X||^2 (B,) over the frames of `mask` (B, T) that hold sound; 0 for silence."""
    error, size = (target - reconstruction).square(), target.square()
    if mask is not None:
        keep = mask[:, None, :].to(error.dtype)
        error, size = error * keep, size * keep
    return error.sum(dim=(1, 2)) / size.sum(dim=(1, 2)).clamp_min(TINY)
