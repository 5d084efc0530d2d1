"""Calibrated words: which adjectives the measured sound of a unit's strongest clips earns against matched controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

LARGE_EFFECT = 0.474
"""Cliff's delta from which an effect counts as large (Romano et al. 2006)."""


@dataclass(frozen=True, eq=False)
class UnitWords:
    """What the descriptors say of U units; arrays (U, D), columns in the order of `names`.

    `delta` is Cliff's delta of the top clips against the controls in half A, in [-1, 1], `delta_b` in half B; `p` comes
    from permutations, `q` from Benjamini-Hochberg over units x descriptors. `percentile` (0 to 1) is where the median
    of the top clips stands in the probe set. `kept` says which words are emitted. NaN where not defined.
    """

    names: tuple[str, ...]
    delta: Tensor
    delta_b: Tensor
    p: Tensor
    q: Tensor
    percentile: Tensor
    kept: Tensor

    def words(self, unit: int) -> tuple[str, ...]:
        """The adjectives of one unit, strongest first, without repetition or contradiction."""
        raise NotImplementedError


def halves(n_clips: int, classes: Tensor | None = None, seed: int = 0) -> Tensor:
    """Split a probe set in two: True (N,) for half A, each class cut in two as evenly as can be."""
    raise NotImplementedError


def top_in(activation: Tensor, chosen: Tensor, k: int) -> Tensor:
    """The k strongest clips (U, k) of units, among the chosen (N,) ones: positions in activations (N, U); -1 fills."""
    raise NotImplementedError


def unit_words(
    descriptors: Mapping[str, Tensor],
    top_a: Tensor,
    top_b: Tensor,
    in_a: Tensor,
    classes: Tensor | None = None,
    match: Literal["classes", "descriptors", "none"] = "classes",
    draws: int | None = None,
    seed: int = 0,
) -> UnitWords:
    """Words of U units from their top clips (U, K) in half A and in half B, positions in the probe set, -1 for none.

    `descriptors` are the values (N,) of the probe set by name (`describe`), NaN where undefined; `in_a` (N,) is True
    in half A (`halves`); `classes` (N,) are the labels that controls are matched by.
    """
    raise NotImplementedError


def spearman(activation: Tensor, descriptors: Mapping[str, Tensor]) -> Tensor:
    """Rank correlation (U, D) of units, activations (N, U), with descriptors (N,), over the clips that define them."""
    raise NotImplementedError


def compose(words: Sequence[str], labels: Sequence[str] = ()) -> str:
    """One line from adjectives and labels: "high-pitched, tonal, decaying; bells"; "no label" if there are neither."""
    raise NotImplementedError
