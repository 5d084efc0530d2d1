"""What a decision loses without its components: FF_x (Parekh et al. 2022, section 4), beside two controls."""

from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, of_label
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.masks import MaskScale, apply_masks, group_masks
from interpretability.listening.separation_scores import frame_energy, random_components, random_mask


class Removal(NamedTuple):
    """What class c loses when a part of each clip is removed; the sheet's FF_x is the median over clips.

    `logit`: f(x)_c - f(x_2)_c of the logits; `probability`: of the probabilities. f(x) is the plain round trip.
    """

    logit: ClipValues
    probability: ClipValues


class RemovalScores(NamedTuple):
    """FF_x of the chosen components, of as many drawn at random, and of a random mask that takes as much energy.

    Undefined where no component is chosen, and for silent clips. `n_removed` counts the components (0 where none is).
    """

    components: Removal
    random_components: Removal
    random_mask: Removal
    n_removed: ClipValues


@torch.no_grad()
def removal_scores(
    f: ExplainedClassifier,
    spectrum: Tensor,
    n_samples: int,
    dictionary: Tensor,
    activations: Tensor,
    chosen: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    scale: MaskScale = "magnitude",
    chunk: int = 32,
) -> RemovalScores:
    """Remove components from clips and ask f again.

    Args:
        f: the classifier.
        spectrum: complex STFT (B, F, T) at the level at which f hears the clips.
        n_samples: N of the clips.
        dictionary: W (F, K).
        activations: H (B, K, T).
        chosen: (B, K) bool, the components to remove.
        labels: (B,), class c of each clip.
        generator: draws the controls (on the CPU).
        scale: what is removed: magnitudes, so that nothing else changes, or parts of log(1 + |S|) as in the authors'
            code, x_2 = ISTFT((exp(X - sum_k X_k) - 1) * phase).
        chunk: parts heard at a time.
    """
    gains = torch.stack([chosen, random_components(chosen, generator)], dim=1).to(activations)
    taken = group_masks(dictionary, activations, gains)  # what no component holds is in no group, and so stays
    left = on_magnitudes(1 - taken, spectrum, scale)
    energy = frame_energy((1 - left[:, 0]) * spectrum).sum(dim=-1)
    left = torch.cat([left, 1 - random_mask(spectrum, energy, generator)[:, None], torch.ones_like(left[:, :1])], dim=1)
    logits = f.reheard(spectrum, left, n_samples, chunk).double()
    explained = chosen.any(dim=1) & (frame_energy(spectrum).sum(dim=-1) > 0)
    found = [lost(f, logits[:, 3], logits[:, g], labels, explained) for g in range(3)]
    return RemovalScores(found[0], found[1], found[2], ClipValues(chosen.sum(dim=1)))


def lost(f: ExplainedClassifier, whole: Tensor, rest: Tensor, labels: Tensor, explained: Tensor) -> Removal:
    """Loss of class `labels` (B,) from logits (B, C) of the whole and of the rest, where clips are `explained` (B,)."""
    logit = of_label(whole, labels) - of_label(rest, labels)
    probability = of_label(f.probabilities(whole), labels) - of_label(f.probabilities(rest), labels)
    return Removal(ClipValues(logit).where(explained), ClipValues(probability).where(explained))


def on_magnitudes(masks: Tensor, spectrum: Tensor, scale: MaskScale) -> Tensor:
    """Masks (B, G, F, T) on the complex STFT that do what `masks` do on the scale they are meant for."""
    if scale == "magnitude":
        return masks
    magnitude = spectrum.abs()[:, None]
    parts = apply_masks(spectrum, masks, scale).abs()
    return torch.where(magnitude > 0, parts / magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny), 0.0)
