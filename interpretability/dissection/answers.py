"""What a model says to a set of clips, and what of it concerns a class that is to be forgotten and what the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision

SINGLE = ("accuracy", "log_probability", "margin", "logit")
"""Figures of single-label answers, each of a clip's true class: whether it is chosen, its log-probability, its logit
above the largest other, and the logit itself."""
MULTI = ("average_precision", "accuracy", "log_probability", "margin", "logit")
"""Figures of multi-label answers, of each class over its known labels: average precision, share right at 0.5,
log-probability of the label, logit towards the label, and mean logit of the clips that hold the class."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits of N clips for C classes, and the truth.

    Attributes:
        logits: (N, C).
        target: classes (N,), or labels (N, C) of multi-label data.
        observed: (N, C) bool, which labels are known; None for all.
    """

    logits: Tensor
    target: Tensor
    observed: Tensor | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a clip may hold several classes."""
        return self.target.ndim == 2

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what `per_class` returns."""
        return MULTI if self.multi_label else SINGLE

    @property
    def counts(self) -> Tensor:
        """Clips (C,) that hold each class for certain."""
        if not self.multi_label:
            return F.one_hot(self.target, self.logits.shape[1]).sum(dim=0)
        return ((self.target > 0.5) & self._known()).sum(dim=0)

    @property
    def shares(self) -> Tensor:
        """Share (C,) of the clips whose label is known that hold each class: the average precision of a blind guess."""
        known = self._known().sum(dim=0) if self.multi_label else torch.tensor(len(self.target))
        return self.counts.double() / known

    @classmethod
    def joined(cls, parts: Sequence["Answers"]) -> "Answers":
        """Put the answers to several sets of clips, such as folds, together."""
        known = [part.observed for part in parts]
        together = None if any(one is None for one in known) else torch.cat([one for one in known if one is not None])
        logits, target = torch.cat([part.logits for part in parts]), torch.cat([part.target for part in parts])
        return cls(logits, target, together)

    def per_class(self) -> dict[str, Tensor]:
        """Return each figure as (2, C): forget, over the clips of the class; retain, over all others.

        Multi-label, retain is the mean over the other classes. NaN where there are no clips.
        """
        if self.multi_label:
            own = self._label_figures()
            return {name: torch.stack([row, _others(row)]) for name, row in own.items()}
        held = F.one_hot(self.target, self.logits.shape[1]).bool()
        return {name: _means(values, held) for name, values in self.per_clip().items()}

    @property
    def overall(self) -> float:
        """Accuracy over all clips, or, multi-label, the mean average precision of the labels that any clip holds."""
        if not self.multi_label:
            return float(self.per_clip()["accuracy"].mean())
        precision = self._label_figures()["average_precision"]
        return float(precision[precision.isfinite()].mean())

    def of_clips(self, forget: Tensor) -> dict[str, Tensor]:
        """Return each figure of single-label answers as (2, 1): over the clips of `forget` (N,), and over the others.

        For concepts that are no class, such as a sound that lies under many.
        """
        return {name: _means(values, forget.bool()[:, None]) for name, values in self.per_clip().items()}

    def per_clip(self) -> dict[str, Tensor]:
        """Return each figure of single-label answers clip by clip (N,), in double precision."""
        logits = self.logits.double()
        true = logits.gather(1, self.target[:, None])[:, 0]
        others = logits.scatter(1, self.target[:, None], -torch.inf).amax(dim=1)
        right = (logits.argmax(dim=1) == self.target).double()
        logp = logits.log_softmax(dim=1).gather(1, self.target[:, None])[:, 0]
        return dict(zip(SINGLE, (right, logp, true - others, true), strict=True))

    def _known(self) -> Tensor:
        return torch.ones_like(self.logits, dtype=torch.bool) if self.observed is None else self.observed.bool()

    def _label_figures(self) -> dict[str, Tensor]:
        logits, known, held = self.logits.double(), self._known(), self.target > 0.5
        towards = torch.where(held, logits, -logits)
        precision = []
        for scores, truth, column in zip(logits.T, held.T, known.T, strict=True):
            possible = bool((truth & column).any())
            value = float(binary_average_precision(scores[column], truth[column].long())) if possible else torch.nan
            precision.append(value)
        right = ((logits > 0) == held).double()
        means = (_column_means(values, known) for values in (right, F.logsigmoid(towards), towards))
        found = (torch.tensor(precision).double(), *means, _column_means(logits, known & held))
        return dict(zip(MULTI, found, strict=True))


def _means(values: Tensor, held: Tensor) -> Tensor:
    """Means (2, C) of values (N,) over the clips that are `held` (N, C), and over those that are not."""
    parts = held.to(values), (~held).to(values)
    return torch.stack([values @ part / part.sum(dim=0) for part in parts])


def _column_means(values: Tensor, counted: Tensor) -> Tensor:
    keep = counted.to(values)
    return (values * keep).sum(dim=0) / keep.sum(dim=0)


def _others(row: Tensor) -> Tensor:
    """Mean (C,) of the finite entries of a row (C,), each entry left out in turn."""
    finite = row.isfinite()
    filled = torch.where(finite, row, 0.0)
    return (filled.sum() - filled) / (finite.sum() - finite.to(row))
