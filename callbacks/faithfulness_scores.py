"""How faithful a model's own explanations are on a few clips, each score beside its controls."""

from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, of_label
from interpretability.listening.curves import curves
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.faithfulness import Scores, mask_scores
from interpretability.listening.fidelity import top_k_fidelity
from interpretability.listening.interpretation import Interpretation, normalise
from interpretability.listening.masks import group_masks
from interpretability.listening.removal import on_magnitudes
from interpretability.listening.selection import chosen_components
from interpretability.listening.separation_scores import frame_energy, random_components, random_mask

EXPLANATION = ""
CONTROLS = ("random_components", "random_mask")
"""As many components drawn at random, and a random mask that keeps as much energy."""
CURVES = ("deletion_area", "insertion_area")


class Masks(NamedTuple):
    """What is scored of B clips: `named` masks (B, F, T), and `relevance` (B, F, T) by which bins are ordered."""

    named: dict[str, Tensor]
    relevance: Tensor
    n_components: Tensor


def explanation_masks(said: Interpretation, labels: Tensor, keys: list[int]) -> Masks:
    """Mask of the class `labels` (B,) in each clip, with its controls.

    The controls of a clip are drawn with its number in the split, `keys`, so that they are the same at each point and
    for any batch.
    """
    relevance = said.relevance.gather(1, labels[:, None, None].expand(-1, 1, said.n_components))[:, 0]
    chosen = chosen_components(relevance, said.threshold)
    draws = [torch.Generator().manual_seed(key) for key in keys]
    drawn = torch.cat([random_components(c[None], generator) for c, generator in zip(chosen, draws, strict=True)])
    gains = torch.stack([chosen, drawn], dim=1).to(said.activations)
    masks = on_magnitudes(group_masks(said.dictionary, said.activations, gains), said.spectrum, said.scale)
    energy = frame_energy(masks[:, 0] * said.spectrum).sum(dim=-1)
    rows = zip(said.spectrum, energy, draws, strict=True)
    noise = torch.cat([random_mask(s[None], e[None], generator) for s, e, generator in rows])
    weighted = group_masks(said.dictionary, said.activations, normalise(relevance).clamp_min(0)[:, None])[:, 0]
    named = {EXPLANATION: masks[:, 0], CONTROLS[0]: masks[:, 1], CONTROLS[1]: noise}
    return Masks(named, weighted, chosen.sum(dim=1))


def faithfulness_scores(
    f: ExplainedClassifier,
    said: Interpretation,
    target: Tensor | None,
    keys: list[int],
    curve_steps: int = 0,
) -> Scores:
    """Scores of the explanations of B clips for the class that f decides for (of several, the most likely one).

    Args:
        f: the classifier that is explained.
        said: explanations of the clips, by the classifier itself or by its interpreter.
        target: true labels, (B,) or (B, C) with negative entries where unknown.
        keys: numbers of the clips in their split.
        curve_steps: of deletion and insertion; 0 leaves them out.

    Returns:
        Name -> values. Those of controls are called `<name>_random_components` and `<name>_random_mask`; of the curves
        there is `<name>_random_order`.
    """
    n_samples, decisions = said.n_samples, f.respond(said.spectrum)
    labels = decisions.argmax(dim=1)
    masks = explanation_masks(said, labels, keys)
    found = mask_scores(f, said.spectrum, n_samples, masks.named, labels, target)
    scores = {
        "_".join(filter(None, (name, control))): values
        for control, group in found.items()
        for name, values in group.items()
    }
    scores = {name: values for name, values in scores.items() if not name.startswith("round_trip_")}
    scores["components"] = ClipValues(masks.n_components)
    scores["fidelity_top1"] = top_k_fidelity(decisions, said.logits)
    scores["probability"] = ClipValues(of_label(f.probabilities(decisions), labels))
    if curve_steps:
        shape = masks.relevance.shape[1:]
        order = torch.stack([torch.rand(shape, generator=torch.Generator().manual_seed(key)) for key in keys])
        for suffix, relevance in (("", masks.relevance), ("_random_order", order.to(masks.relevance))):
            drawn = curves(f, said.spectrum, relevance, labels, n_samples, curve_steps, of="energy")
            scores |= {f"deletion_area{suffix}": drawn.deletion_area, f"insertion_area{suffix}": drawn.insertion_area}
    return scores
