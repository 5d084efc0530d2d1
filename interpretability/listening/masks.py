"""Soft masks of components and of groups of them: which part of a spectrogram each one takes.

M_k = w_k h_k / (W H) (Parekh et al. 2022, section 3.4). A group's mask is the sum of its components' masks, formed by
one matrix product, so that (B, K, F, T) is only ever held for a chunk of components that are asked for one by one.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from interpretability.listening.decision_audit import TINY

MaskScale = Literal["magnitude", "fitted", "as_published"]
"""`magnitude`: masks act on the complex STFT, and parts add up to the clip. `fitted`: so they do, but the masks of
classes and of their rest have the decision's timing and spectra fitted to the clip (`fitted_masks`). `as_published`:
masks act on log(1 + |S|), as in the authors' code; parts then do not add up."""


def rebuilt(dictionary: Tensor, activations: Tensor) -> tuple[Tensor, Tensor]:
    """W H (B, F, T) of W (F, K) and H (B, K, T), with ones where it vanishes, and where it does (B, F, T)."""
    total = dictionary @ activations
    nothing = total <= TINY
    return total.masked_fill(nothing, 1.0), nothing


def group_masks(dictionary: Tensor, activations: Tensor, gains: Tensor, remainder: int | None = None) -> Tensor:
    """Masks (B, G, F, T) of G groups of components.

    Args:
        dictionary: W (F, K) >= 0.
        activations: H (B, K, T) >= 0.
        gains: (B, G, K), how much of each component a group takes; where gains add up to one over groups, masks do.
        remainder: the group that also takes the bins in which W H vanishes, which belong to no component; None leaves
            them out of every group.
    """
    total, nothing = rebuilt(dictionary, activations)
    parts = dictionary @ (gains[..., None] * activations[:, None])
    masks = (parts / total[:, None]).masked_fill_(nothing[:, None], 0.0)
    if remainder is not None:
        masks[:, remainder].masked_fill_(nothing, 1.0)
    return masks


def component_masks(
    dictionary: Tensor, activations: Tensor, components: Tensor, chunk: int = 16
) -> Iterator[tuple[slice, Tensor]]:
    """Masks of single components: yields places in `components` and masks (B, at most `chunk`, F, T) for them.

    Args:
        dictionary: W (F, K) >= 0.
        activations: H (B, K, T) >= 0.
        components: (n,) component numbers, the same for all clips, or (B, n).
        chunk: components at a time.
    """
    total, nothing = rebuilt(dictionary, activations)
    scaled = dictionary.T  # (K, F)
    wanted = components.expand(len(activations), -1) if components.ndim == 1 else components
    for start in range(0, wanted.shape[1], chunk):
        place = slice(start, min(start + chunk, wanted.shape[1]))
        numbers = wanted[:, place]
        series = activations.gather(1, numbers[..., None].expand(-1, -1, activations.shape[-1]))
        masks = scaled[numbers][..., None] * series[:, :, None]
        yield place, (masks / total[:, None]).masked_fill_(nothing[:, None], 0.0)


def apply_masks(spectrum: Tensor, masks: Tensor, scale: MaskScale = "magnitude") -> Tensor:
    """Complex parts (B, G, F, T) that masks (B, G, F, T) take from spectra (B, F, T); the phase stays the clip's."""
    whole = spectrum[:, None]
    if scale != "as_published":
        return masks * whole
    magnitude = whole.abs()
    taken = torch.expm1(masks * torch.log1p(magnitude))
    return torch.where(magnitude > 0, taken / magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny), 0.0) * whole
