"""A planted shortcut: does an explanation reveal it, and which components carry it?

One class always comes with a hum. A model that has learned the hum must be explained by it. How much of the hum a mask
takes is compared with how much it takes of the clip at all, and with masks of the same shape and energy elsewhere.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.decision_audit import TINY
from interpretability.listening.mask_shape import let_through
from interpretability.power_spectrum import power_spectrum


class ShortcutScores(NamedTuple):
    """Scores (B,) of masks; NaN where the clip holds no shortcut or the mask is empty.

    `captured`: share of the shortcut's energy that the mask lets through. `kept`: the same of the clip. `enrichment`:
    their ratio, 1 for a mask that knows nothing. `area`: probability that a bin of the shortcut has a larger mask value
    than another bin. `revealed`: 1 where the enrichment exceeds that of 95 % of the control masks, and 1.
    """

    captured: Tensor
    kept: Tensor
    enrichment: Tensor
    area: Tensor
    revealed: Tensor


def enrichment(masks: Tensor, shortcut: Tensor, spectrum: Tensor) -> Tensor:
    """How much more of the shortcut (B, F, T) than of the clip (B, F, T) masks (..., B, F, T) let through: (..., B)."""
    kept = let_through(masks, spectrum)
    return torch.where(kept > TINY, let_through(masks, shortcut) / kept.clamp_min(TINY), torch.nan)


def moved_masks(masks: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Control masks (draws, B, F, T): each mask (B, F, T) rolled in frequency and time by random distances.

    They have the shape of the mask and let as much through bin by bin, but at another place. The distance in frequency
    is at least an eighth of the bins.
    """
    n_bins, n_frames = masks.shape[-2:]
    margin = max(1, n_bins // 8)
    shifts = torch.randint(margin, n_bins - margin + 1, (draws,), generator=generator).tolist()
    delays = torch.randint(0, n_frames, (draws,), generator=generator).tolist()
    moved = [masks.roll((shift, delay), dims=(-2, -1)) for shift, delay in zip(shifts, delays, strict=True)]
    return torch.stack(moved)


def area_over_bins(scores: Tensor, shortcut: Tensor, spectrum: Tensor, share: float = 0.5) -> Tensor:
    """Probability (B,) that a bin of the shortcut scores (B, F, T) above another bin, ties counting half.

    A bin belongs to the shortcut where this holds more than `share` of the clip's energy in it, and the energy is not
    60 dB below the clip's loudest bin. NaN where all or no bins do.
    """
    from interpretability.listening.agreement import ranks

    power, own = power_spectrum(spectrum).flatten(1), power_spectrum(shortcut).flatten(1)
    loud = power > power.amax(dim=1, keepdim=True) * 1e-6
    inside = (own > share * power) & loud
    count, n = inside.sum(dim=1).double(), inside.shape[1]
    total = (ranks(scores.flatten(1)) * inside).sum(dim=1)
    area = (total - count * (count - 1) / 2) / (count * (n - count))  # Mann-Whitney, ranks from 0
    return torch.where((count > 0) & (count < n), area, torch.nan)


def shortcut_scores(
    masks: Tensor, spectrum: Tensor, shortcut: Tensor, generator: torch.Generator, draws: int = 40
) -> ShortcutScores:
    """Score masks (B, F, T) of clips (B, F, T) whose planted shortcut (B, F, T) is known; draws are on the CPU."""
    own = enrichment(masks, shortcut, spectrum)
    controls = enrichment(moved_masks(masks, draws, generator), shortcut, spectrum).nan_to_num(0.0)
    bar = controls.quantile(0.95, dim=0).clamp_min(1.0)
    return ShortcutScores(
        captured=let_through(masks, shortcut),
        kept=let_through(masks, spectrum),
        enrichment=own,
        area=area_over_bins(masks, shortcut, spectrum),
        revealed=torch.where(own.isnan(), torch.nan, (own > bar).double()),
    )


def shortcut_share(dictionary: Tensor, activations: Tensor, spectrum: Tensor, shortcut: Tensor) -> Tensor:
    """Share (K,) of what each component takes from B clips that is the shortcut's.

    With masks M_k = w_k h_k / (W H): energy of the shortcut (B, F, T) in the masks over that of the clips (B, F, T),
    both summed over clips; 0 for components that take nothing.
    """
    total = dictionary @ activations
    energies = []
    for part in (shortcut, spectrum):
        weight = torch.where(total > TINY, power_spectrum(part) / total.clamp_min(TINY).square(), 0.0)
        energies.append(((dictionary.square().T @ weight) * activations.square()).sum(dim=(0, 2)))
    return torch.where(energies[1] > TINY, energies[0] / energies[1].clamp_min(TINY), 0.0)
