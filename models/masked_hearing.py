"""Masks made faithful while training: a frozen classifier hears what components keep of a clip, and what they leave."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from datamodules.batch import Batch
from interpretability.listening.contamination import mix
from interpretability.listening.interpretation import THRESHOLD, normalise, select
from interpretability.listening.masks import group_masks
from interpretability.power_spectrum import power_spectrum

SLOPE = 0.1
"""Width in normalised relevance of the soft step that stands for the threshold in gradients."""


class MaskingTerms(NamedTuple):
    """Means over clips: -log p_c of what is kept, -log (1 - p_c) of what is left, and the share of energy kept."""

    kept: Tensor
    left: Tensor
    energy: Tensor


def differentiable_selection(relevance: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Gains (B, K) of components by their relevance (B, K) for a class: ones above the threshold, and zeros.

    Just the components that are selected to be heard. Gradients are those of sigmoid((r - threshold) / SLOPE), with r
    the relevance over its largest absolute value (straight-through estimator, Bengio et al. 2013).
    """
    r = normalise(relevance)
    soft = torch.sigmoid((r - threshold) / SLOPE)
    return select(r, threshold).to(soft) + soft - soft.detach()


def masking_terms(
    hear: Callable[[Tensor], Tensor],
    spectrum: Tensor,
    dictionary: Tensor,
    activations: Tensor,
    gains: Tensor,
    labels: Tensor,
    multi_label: bool,
) -> MaskingTerms:
    """Let f hear M S and (1 - M) S with M = W (g * H) / W H, the mask of the components that explain a class.

    Args:
        hear: complex STFT (2 B, F, T) at the level at which f hears clips -> logits (2 B, C).
        spectrum: S (B, F, T).
        dictionary: W (F, K).
        activations: H (B, K, T).
        gains: g (B, K) in [0, 1].
        labels: (B,), the class c explained.
        multi_label: whether each class has a sigmoid of its own.
    """
    mask = group_masks(dictionary, activations, gains[:, None])[:, 0]
    parts = torch.stack([mask, 1 - mask], dim=1) * spectrum[:, None]
    heard = hear(parts.flatten(0, 1))
    kept, left = heard[0::2], heard[1::2]
    loud = power_spectrum(spectrum)
    energy = (mask.square() * loud).sum(dim=(1, 2)) / loud.sum(dim=(1, 2)).clamp_min(1e-20)
    return MaskingTerms(
        improbability(kept, labels, multi_label).mean(),
        improbability(left, labels, multi_label, of_absence=True).mean(),
        energy.mean(),
    )


def improbability(logits: Tensor, labels: Tensor, multi_label: bool, of_absence: bool = False) -> Tensor:
    """-log p_c (B,) of classes `labels` (B,) by logits (B, C), or -log (1 - p_c); finite at any logits."""
    own = logits.gather(1, labels[:, None])[:, 0]
    if not multi_label:
        others = logits.scatter(1, labels[:, None], -torch.inf).logsumexp(dim=1)
        own = own - others
    return F.softplus(own if of_absence else -own)


def with_mixtures(batch: Batch, share: float) -> Batch:
    """Mix the first clips of a batch, so many that they make up `share` of it, with the clip before each at 0 dB."""
    count = round(share * len(batch))
    if count == 0 or len(batch) < 2:
        return batch
    mixtures, _ = mix(batch.waveform[:count], batch.waveform.roll(1, dims=0)[:count])
    length = torch.maximum(batch.length, batch.length.roll(1))
    return replace(
        batch,
        waveform=torch.cat([mixtures, batch.waveform[count:]]),
        length=torch.cat([length[:count], batch.length[count:]]),
    )
