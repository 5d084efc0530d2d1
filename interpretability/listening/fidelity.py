"""Does the interpreter say what the classifier says? Fidelity of a decision that is made a second time from parts.

An interpreter that decides by itself (post-hoc) can only explain a classifier f with which it agrees; these compare its
scores with f's decisions, never with labels. By-design models agree with themselves; they need none of this.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, Deviation

PUBLISHED_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Thresholds on the probability at which the authors' code reads precision and recall (audint_posthoc.py)."""


def top_k_fidelity(decision: Tensor, interpreter: Tensor, k: int = 1) -> ClipValues:
    """Whether f's class is among the k highest of the interpreter (Parekh et al. 2022, section 4; k = 1, 3, 5).

    Scores tied with f's class share the places that are left: with k = 1 and two equal highest scores the value is 1/2,
    and an interpreter that always says the same of all classes gets k / C, which is chance.

    Args:
        decision: logits or probabilities (B, C) of f, whose highest class counts (the first of equals).
        interpreter: scores (B, C) of the interpreter.
        k: places, from 1. With k >= C there is nothing to miss: all clips are undefined.

    Returns:
        Values in [0, 1], higher is better; undefined where a score is NaN.

    Raises:
        ValueError: k below 1, or shapes that differ.
    """
    if k < 1 or decision.shape != interpreter.shape:
        raise ValueError(f"top-{k} fidelity of {tuple(decision.shape)} against {tuple(interpreter.shape)}")
    chosen = interpreter.gather(1, decision.argmax(dim=1, keepdim=True))
    above = (interpreter > chosen).sum(dim=1)
    tied = (interpreter == chosen).sum(dim=1).clamp_min(1)
    value = ((k - above) / tied).clamp(0, 1).double()
    unclear = decision.isnan().any(dim=1) | interpreter.isnan().any(dim=1)
    if k >= decision.shape[1]:
        unclear = torch.ones_like(unclear)
    return ClipValues(value).where(~unclear)


class FidelityArea(NamedTuple):
    """Area under precision and recall of an interpreter against f's decisions.

    Attributes:
        per_class: areas of the C classes in [0, 1], higher is better; undefined for a class f never decides for.
        micro: area of all classes pooled.
        best_f1: highest micro F1 over thresholds.
        prevalence: (C,) share of clips that f decides each class for: the area that chance reaches.
    """

    per_class: ClipValues
    micro: float
    best_f1: float
    prevalence: Tensor

    @property
    def macro(self) -> float:
        """Mean area over the classes that f decides for."""
        return self.per_class.mean


def fidelity_area(
    decided: Tensor, interpreter: Tensor, known: Tensor | None = None, as_published: Collection[Deviation] = ()
) -> FidelityArea:
    """Fidelity AUPRC of a multi-label interpreter (Parekh et al. 2022, section 4).

    The area is exact: average precision, the sum over all distinct scores of precision times gain in recall, as
    scikit-learn computes it. With `eleven_points` in `as_published` it is that of the authors' code: precision and
    recall at `PUBLISHED_THRESHOLDS`, the points (R=0, P=1) and (R=1, P=0) added, trapezoids in between; where no clip
    scores above a threshold precision is 1.

    Args:
        decided: (B, C) bool, the classes f says a clip holds, at f's own thresholds.
        interpreter: probabilities (B, C) of the interpreter (any increasing score will do for the exact area).
        known: (B, C) bool, which entries count; None for all.
        as_published: deviations to reproduce.
    """
    decided, interpreter = decided.cpu(), interpreter.detach().cpu()  # running sums that repeat exactly are made there
    counts = torch.ones_like(decided) if known is None else known.cpu()
    area = eleven_point_area if "eleven_points" in as_published else average_precision
    score = interpreter.double()
    classes = [(decided[:, c][counts[:, c]], score[:, c][counts[:, c]]) for c in range(decided.shape[1])]
    pooled = decided[counts], score[counts]
    f1 = f1_curve(*pooled, PUBLISHED_THRESHOLDS if "eleven_points" in as_published else None)
    return FidelityArea(
        per_class=ClipValues(torch.tensor([area(*pair) for pair in classes])),
        micro=area(*pooled),
        best_f1=float(f1.max()) if len(f1) and bool(pooled[0].any()) else float("nan"),
        prevalence=torch.tensor([float(truth.double().mean()) for truth, _ in classes]),
    )


def average_precision(truth: Tensor, score: Tensor) -> float:
    """Average precision of scores (n,) for a truth (n,) bool; ties are one step; NaN where nothing is true."""
    hits, taken = _cumulated(truth, score)
    if not bool(truth.any()):
        return float("nan")
    recall = hits / hits[-1]
    gained = torch.diff(recall, prepend=recall.new_zeros(1))
    return float((gained * hits / taken).sum())


def eleven_point_area(truth: Tensor, score: Tensor) -> float:
    """Area as in the authors' code (see `fidelity_area`); NaN where nothing is true."""
    if not bool(truth.any()):
        return float("nan")
    recall, precision = [0.0], [1.0]
    for threshold in sorted(PUBLISHED_THRESHOLDS, reverse=True):
        said = score > threshold
        hits = float((said & truth).sum())
        recall.append(hits / float(truth.sum()))
        precision.append(hits / float(said.sum()) if bool(said.any()) else 1.0)
    return float(torch.trapezoid(torch.tensor([*precision, 0.0]), torch.tensor([*recall, 1.0])))


def f1_curve(truth: Tensor, score: Tensor, thresholds: Collection[float] | None = None) -> Tensor:
    """F1 of scores (n,) for a truth (n,) bool above each threshold, or at each distinct score (None)."""
    if thresholds is None:
        hits, taken = _cumulated(truth, score)
    else:
        said = score > torch.tensor(list(thresholds), dtype=score.dtype, device=score.device)[:, None]
        hits, taken = (said & truth).sum(dim=1).double(), said.sum(dim=1).double()
    return 2 * hits / (taken + truth.sum()).clamp_min(1)


def _cumulated(truth: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """True ones and all among the highest scores, after each distinct score, from the highest down."""
    order = score.argsort(descending=True)
    last = torch.diff(score[order], append=score.new_full((1,), -torch.inf)) != 0
    hits, taken = truth[order].double().cumsum(0), torch.arange(1, len(order) + 1, device=score.device).double()
    return hits[last], taken[last]
