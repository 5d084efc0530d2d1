"""Which components make up an explanation: the paper's rule, and that of its code."""

from collections.abc import Collection

import torch
from torch import Tensor

from interpretability.listening.clip_values import Deviation
from interpretability.listening.interpretation import THRESHOLD, normalise, select

PUBLISHED_CAP = 5
"""Components that the authors' code looks at, however many lie above the threshold."""


def chosen_components(
    relevance: Tensor, threshold: float = THRESHOLD, as_published: Collection[Deviation] = ()
) -> Tensor:
    """Components (..., K) bool whose relevance (..., K), over its largest magnitude, exceeds the threshold.

    `relevance_by_maximum` divides by the maximum instead: where all are negative, signs turn and the components that
    speak against the class are chosen. `at_most_five` keeps the five most relevant of them (both: the authors' code).
    """
    if "relevance_by_maximum" in as_published:
        normalised = relevance / relevance.amax(dim=-1, keepdim=True)  # 0 / 0 is NaN, and NaN exceeds nothing
    else:
        normalised = normalise(relevance)
    chosen = select(normalised, threshold)
    if "at_most_five" not in as_published:
        return chosen
    top = normalised.topk(min(PUBLISHED_CAP, normalised.shape[-1]), dim=-1).indices
    return chosen & torch.zeros_like(chosen).scatter_(-1, top, True)
