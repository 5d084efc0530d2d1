"""Average precision of multi-label data in which some labels are unknown and some classes are never heard."""

from collections.abc import Sequence

import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from interpretability.listening.fidelity import average_precision

NAMED = 12  # classes left out that one warning names


class KnownAveragePrecision(Metric):
    """Mean over classes of the average precision among the clips whose label is known (macro AUPRC).

    A class that no clip is known to hold has no average precision: it is left out of the mean, and named once in a
    warning. (torchmetrics' own metric counts such a class as 0, and fails on a class that nobody labelled.) NaN where
    no class is left.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    logits: list[Tensor]
    labels: list[Tensor]

    def __init__(self, class_names: Sequence[str], of: str = "the average precision", unknown: int = -1) -> None:
        super().__init__()
        self.class_names, self.of, self.unknown = tuple(class_names), of, unknown
        self.said = False
        self.add_state("logits", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Take scores (B, C) of any increasing scale and labels (B, C): 1, 0 or `unknown`."""
        self.logits.append(logits.detach())
        self.labels.append(labels.detach())

    def per_class(self) -> Tensor:
        """Average precision (C,) of each class; NaN for a class that no clip is known to hold."""
        logits, labels = dim_zero_cat(self.logits).double(), dim_zero_cat(self.labels)
        known = labels != self.unknown
        classes = range(len(self.class_names))
        values = [average_precision(labels[known[:, c], c] == 1, logits[known[:, c], c]) for c in classes]
        return torch.tensor(values, device=logits.device)

    def compute(self) -> Tensor:
        """Return the mean over the classes that some clip is known to hold, a scalar."""
        values = self.per_class()
        absent = [name for name, value in zip(self.class_names, values.tolist(), strict=True) if value != value]
        if absent and not self.said:
            self.said = True
            more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
            counted = f"the mean over {len(values) - len(absent)} of {len(values)} classes"
            rank_zero_warn(f"{self.of} is {counted}; no clip is known to hold {', '.join(absent[:NAMED])}{more}")
        return values.nanmean().float()
