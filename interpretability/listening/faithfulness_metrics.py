"""The scores as torchmetrics Metrics: they take batches, and join what several processes saw.

Each keeps the value of every clip (8 bytes), so that medians, n and undefined clips are those of all clips together.
"""

from collections.abc import Collection
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from interpretability.listening import mask_shape, masked_input
from interpretability.listening.clip_values import ClipValues, Deviation
from interpretability.listening.fidelity import FidelityArea, fidelity_area, top_k_fidelity


class ClipMetric(Metric):
    """A score of single clips, added up over batches; `compute` gives its mean or median over the defined clips.

    A subclass says in `score` how a batch is scored. `clips` gives all values, with n and undefined.
    """

    is_differentiable = False
    full_state_update = False
    values: list[Tensor]

    def __init__(self, summary: Literal["mean", "median"] = "mean", **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.summary = summary
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch of clips."""
        raise NotImplementedError

    def update(self, *batch: Tensor) -> None:
        """Add the clips of a batch; arguments as those of the function of the same name."""
        self.values.append(self.score(*batch).values)

    @property
    def clips(self) -> ClipValues:
        """Values of all clips so far."""
        if isinstance(self.values, list) and not self.values:
            return ClipValues(torch.zeros(0))
        return ClipValues(dim_zero_cat(self.values))

    def compute(self) -> Tensor:
        """Mean or median over the defined clips; NaN where there is none."""
        clips = self.clips
        value = clips.mean if self.summary == "mean" else clips.median
        return torch.tensor(value, dtype=torch.float64, device=self.device)


class TopKFidelity(ClipMetric):
    """`fidelity.top_k_fidelity`: takes f's and the interpreter's logits (B, C)."""

    higher_is_better = True

    def __init__(self, k: int = 1, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.k = k

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: f's logits, the interpreter's."""
        decision, interpreter = batch
        return top_k_fidelity(decision, interpreter, self.k)


class AverageIncrease(ClipMetric):
    """`masked_input.average_increase`: takes probabilities (B, C) of whole and part, and classes (B,)."""

    higher_is_better = True

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: whole, part, classes."""
        return masked_input.average_increase(*batch)


class AverageDrop(ClipMetric):
    """`masked_input.average_drop`: takes probabilities (B, C) of whole and part, and classes (B,)."""

    higher_is_better = False

    def __init__(self, as_published: Collection[Deviation] = (), **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.as_published = as_published

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: whole, part, classes."""
        whole, kept, labels = batch
        return masked_input.average_drop(whole, kept, labels, self.as_published)


class AverageGain(ClipMetric):
    """`masked_input.average_gain`: takes probabilities (B, C) of whole and part, and classes (B,)."""

    higher_is_better = True

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: whole, part, classes."""
        return masked_input.average_gain(*batch)


class InputFidelity(ClipMetric):
    """`masked_input.input_fidelity`: takes probabilities (B, C) of whole and part, and classes (B,)."""

    higher_is_better = True

    def __init__(self, multi_label: bool = False, as_published: Collection[Deviation] = (), **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.multi_label, self.as_published = multi_label, as_published

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: whole, part, classes."""
        whole, kept, *labels = batch
        label = labels[0] if labels else None
        return masked_input.input_fidelity(whole, kept, label, self.multi_label, self.as_published)


class RemovalDrop(ClipMetric):
    """`masked_input.drop` (FF): takes logits or probabilities (B, C) of whole and rest, and classes (B,)."""

    higher_is_better = True

    def __init__(self, summary: Literal["mean", "median"] = "median", **settings: Any) -> None:  # noqa: ANN401
        super().__init__(summary, **settings)

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: whole, rest, classes."""
        return masked_input.drop(*batch)


class MaskedAccuracy(ClipMetric):
    """`masked_input.masked_accuracy`: takes probabilities (B, C) of a part, targets, and classes (multi-label)."""

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: part, targets, classes."""
        return masked_input.masked_accuracy(*batch)


class Sparseness(ClipMetric):
    """`mask_shape.sparseness`: takes masks (B, ...)."""

    higher_is_better = True

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch of masks."""
        return mask_shape.sparseness(*batch)


class Complexity(ClipMetric):
    """`mask_shape.complexity`: takes masks (B, ...)."""

    higher_is_better = False

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch of masks."""
        return mask_shape.complexity(*batch)


class EnergyKept(ClipMetric):
    """`mask_shape.energy_kept`: takes masks (B, F, T) and complex spectra (B, F, T)."""

    def score(self, *batch: Tensor) -> ClipValues:
        """Score a batch: masks, spectra."""
        return mask_shape.energy_kept(*batch)


class FidelityAUPRC(Metric):
    """`fidelity.fidelity_area` over all clips: takes f's decisions and the interpreter's probabilities (B, C)."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    decided: list[Tensor]
    scored: list[Tensor]

    def __init__(
        self,
        average: Literal["macro", "micro"] = "macro",
        as_published: Collection[Deviation] = (),
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**settings)
        self.average, self.as_published = average, as_published
        self.add_state("decided", default=[], dist_reduce_fx="cat")
        self.add_state("scored", default=[], dist_reduce_fx="cat")

    def update(self, decided: Tensor, interpreter: Tensor) -> None:
        """Add the clips of a batch."""
        self.decided.append(decided.bool())
        self.scored.append(interpreter.detach())

    @property
    def area(self) -> FidelityArea:
        """Areas of all classes so far, with those that are undefined."""
        return fidelity_area(dim_zero_cat(self.decided), dim_zero_cat(self.scored), as_published=self.as_published)

    def compute(self) -> Tensor:
        """Macro mean over the classes that f decides for, or the micro area."""
        found = self.area
        value = found.macro if self.average == "macro" else found.micro
        return torch.tensor(value, dtype=torch.float64, device=self.device)
