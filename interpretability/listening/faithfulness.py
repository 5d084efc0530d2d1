"""All scores of masks that explain decisions, from one batch of answers of the classifier."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, Deviation
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.mask_shape import complexity, energy_kept, sparseness
from interpretability.listening.masked_input import (
    Heard,
    average_drop,
    average_gain,
    average_increase,
    drop,
    hear_masked,
    input_fidelity,
    masked_accuracy,
    round_trip_change,
)

HIGHER_IS_BETTER = {
    "average_increase": True,
    "average_drop": False,
    "average_gain": True,
    "input_fidelity": True,
    "removal_probability": True,
    "removal_logit": True,
    "mask_in_accuracy": True,
    "mask_out_accuracy": False,
    "deletion_area": False,
    "insertion_area": True,
    "sparseness": True,
    "complexity": False,
}
"""Scores that have a good direction, by name. `energy_kept` and `round_trip` have none."""

Scores = dict[str, ClipValues]


@torch.no_grad()
def mask_scores(
    f: ExplainedClassifier,
    spectrum: Tensor,
    n_samples: int,
    masks: Mapping[str, Tensor],
    labels: Tensor,
    target: Tensor | None = None,
    chunk: int = 32,
    as_published: Collection[Deviation] = (),
) -> dict[str, Scores]:
    """Score several masks of the same clips, an explanation and its controls among them.

    The whole clip is that after the plain round trip through the STFT. A mask that keeps nothing of a clip explains
    nothing: all its scores are undefined there.

    Args:
        f: the classifier.
        spectrum: complex STFT (B, F, T) at the level at which f hears the clips.
        n_samples: N of the clips.
        masks: name -> (B, F, T) in [0, 1].
        labels: (B,), the class explained, as a rule the one f decides for.
        target: true labels, (B,) or (B, C) with negative entries where unknown; None leaves the accuracies out.
        chunk: parts heard at a time.
        as_published: deviations to reproduce.

    Returns:
        Name of a mask -> name of a score -> values of the B clips.
    """
    stacked = torch.stack(list(masks.values()), dim=1)
    answers = hear_masked(f, spectrum, stacked, n_samples, chunk, as_published)
    return {
        name: scores_of(f, heard, spectrum, mask, labels, target, as_published)
        for (name, mask), heard in zip(masks.items(), answers, strict=True)
    }


def scores_of(
    f: ExplainedClassifier,
    heard: Heard,
    spectrum: Tensor,
    mask: Tensor,
    labels: Tensor,
    target: Tensor | None = None,
    as_published: Collection[Deviation] = (),
) -> Scores:
    """Scores of one mask (B, F, T) from what f said of its parts; arguments as `mask_scores`."""
    whole, kept, rest = (f.probabilities(logits) for logits in (heard.whole, heard.kept, heard.rest))
    scores = {
        "average_increase": average_increase(whole, kept, labels),
        "average_drop": average_drop(whole, kept, labels, as_published),
        "average_gain": average_gain(whole, kept, labels),
        "input_fidelity": input_fidelity(whole, kept, labels, f.multi_label, as_published),
        "removal_probability": drop(whole, rest, labels),
        "removal_logit": drop(heard.whole, heard.rest, labels),
        "sparseness": sparseness(mask),
        "complexity": complexity(mask),
    }
    if target is not None:
        scores["mask_in_accuracy"] = masked_accuracy(kept, target, labels)
        scores["mask_out_accuracy"] = masked_accuracy(rest, target, labels)
    share = energy_kept(mask, spectrum)
    explained = share.values > 0
    scores = {name: values.where(explained) for name, values in scores.items()}
    return scores | {"energy_kept": share, "round_trip": round_trip_change(heard, labels)}
