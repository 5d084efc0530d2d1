"""How well an interpreter says what its classifier says, over a whole split, beside what chance would give."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from interpretability.listening.fidelity import fidelity_area, top_k_fidelity

PLACES = (1, 3, 5)
"""k of the top-k fidelities."""
SHUFFLES = 10
"""Ways in which activations are given to other clips; their mean is what an interpreter without hearing gets."""


class FidelityMetric(Metric):
    """Fidelity of logits (B, C) to a classifier's, and of those that the activations of another clip give.

    `compute` returns name -> value. Single-label: `fidelity_top1`, 3 and 5, as far as there are more classes.
    Multi-label: `fidelity_auprc`, its macro average over the classes that the classifier decides for (a positive
    logit), `fidelity_auprc_micro` and `fidelity_classes`, how many those are. With `shuffled` also the first of them
    for activations that are permuted across clips, as `shuffled_fidelity_...`: an interpreter decides from activations
    alone, so that those of another clip give the other clip's logits.
    """

    full_state_update = False
    decision: list[Tensor] | Tensor
    interpreter: list[Tensor] | Tensor

    def __init__(self, multi_label: bool, shuffled: bool = False) -> None:
        super().__init__()
        self.multi_label, self.shuffled = multi_label, shuffled
        self.add_state("decision", [], dist_reduce_fx="cat")
        self.add_state("interpreter", [], dist_reduce_fx="cat")

    def update(self, decision: Tensor, interpreter: Tensor) -> None:
        """Add logits (B, C) of the classifier and of the interpreter."""
        self.decision.append(decision.detach().float())  # type: ignore[union-attr]
        self.interpreter.append(interpreter.detach().float())  # type: ignore[union-attr]

    def compute(self) -> dict[str, float]:
        """Return the figures; NaN where the classifier decides for no class at all."""
        decision, interpreter = dim_zero_cat(self.decision).cpu(), dim_zero_cat(self.interpreter).cpu()
        found = self.figures(decision, interpreter)
        if self.shuffled and len(decision) > 1:
            order = torch.randperm(len(decision), generator=torch.Generator().manual_seed(0))
            others = [order.roll(shift) for shift in range(1, min(SHUFFLES, len(decision) - 1) + 1)]
            name = next(iter(found))
            chance = [self.figures(decision[order], interpreter[other])[name] for other in others]
            found[f"shuffled_{name}"] = float(torch.tensor(chance).mean())
        return found

    def figures(self, decision: Tensor, interpreter: Tensor) -> dict[str, float]:
        """Return the figures of n clips (n, C)."""
        if self.multi_label:
            area = fidelity_area(decision > 0, interpreter.sigmoid())
            decided = int((area.prevalence > 0).sum())
            return {
                "fidelity_auprc": float(area.macro),
                "fidelity_auprc_micro": float(area.micro),
                "fidelity_classes": float(decided),
            }
        places = [k for k in PLACES if k < decision.shape[1]]
        return {f"fidelity_top{k}": float(top_k_fidelity(decision, interpreter, k).mean) for k in places}
