"""What a dissection finds: for each layer the statistics of its units, their names, and how sure these are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from interpretability.dissection.unit_statistics import UnitStatistics

if TYPE_CHECKING:
    from interpretability.dissection.concepts import Concepts

NO_LABEL = -1
"""Concept number of a unit that no concept describes beyond chance."""


@dataclass(frozen=True, eq=False)
class UnitNames:
    """Names of the poles of the units of one layer: R rows, U for the high poles, then one for each unit ever negative.

    Names come from one half of the probe set, scores from the other.

    Attributes:
        layer: dotted path.
        unit: (R,) int64.
        pole: (R,) int64, +1 for a unit's highest values and -1 for its lowest.
        concept: (R,) int64 column of the concepts that is the name, -1 for "no label".
        candidate: (R,) int64 column that fits best in the half that names, whether it holds up or not; -1 for dead
            units.
        auprc: (R,) float32 area under precision and recall of the candidate.
        chance: (R,) float32 AUPRC of a unit that knows nothing: the share of clips that have the concept.
        correlation: (R,) float32 Pearson correlation with the candidate, positive if the pole says yes.
        f1: (R,) float32 F1 of the candidate if the pole marks as many clips as the naming half has of it, in share.
        p: (R,) float32 share of permuted clips in which a unit of the layer correlates as well.
        q: (R,) float32 p after Benjamini and Hochberg over the rows; NaN for dead units.
        stability: (R,) float32 share of bootstrap draws of the naming half that choose the same candidate.
    """

    layer: str
    unit: Tensor
    pole: Tensor
    concept: Tensor
    candidate: Tensor
    auprc: Tensor
    chance: Tensor
    correlation: Tensor
    f1: Tensor
    p: Tensor
    q: Tensor
    stability: Tensor

    @property
    def named(self) -> Tensor:
        """(R,) bool: rows that have a name."""
        return self.concept != NO_LABEL

    def __len__(self) -> int:
        return int(self.unit.shape[0])


@dataclass(frozen=True, eq=False)
class Polysemanticity:
    """How unlike each other the top clips of each row are, beside random clips.

    Attributes:
        spread: (R,) float32 mean distance between two of a row's top clips in the space of the concepts.
        excess: (R,) float32 spread minus the mean spread of as many random clips; negative: the clips are alike.
        z: (R,) float32 the same in standard deviations of random clips.
        polysemantic: (R,) bool rows whose clips are no more alike than random ones, at the level `level`.
        expected: mean spread of random clips.
        chance: share of rows called polysemantic if all top clips are random, by the same count.
        level: one-sided level of the comparison.
    """

    spread: Tensor
    excess: Tensor
    z: Tensor
    polysemantic: Tensor
    expected: float
    chance: float
    level: float


@dataclass(frozen=True, eq=False)
class LayerDissection:
    """One layer.

    Attributes:
        statistics: of its U units.
        names: of its R rows (poles of units).
        polysemanticity: of the same R rows.
        words: R tuples of measured adjectives, strongest first, where they were asked for.
    """

    statistics: UnitStatistics
    names: UnitNames
    polysemanticity: Polysemanticity
    words: tuple[tuple[str, ...], ...] | None = None

    @property
    def summary(self) -> dict[str, float]:
        """Figures of the layer: units, dead, named (rows and share), distinct names, median AUPRC, polysemantic share.

        Shares are of the R rows of units that are alive; the median is over named rows, NaN if there are none.
        """
        names, dead = self.names, self.statistics.dead
        alive = ~dead[names.unit]
        named = names.named
        rows = max(int(alive.sum()), 1)
        return {
            "units": float(self.statistics.n_units),
            "rows": float(alive.sum()),
            "dead": float(dead.sum()),
            "named": float(named.sum()),
            "named_share": float(named.sum()) / rows,
            "distinct": float(len(set(names.concept[named].tolist()))),
            "median_auprc": float(names.auprc[named].median()) if bool(named.any()) else float("nan"),
            "polysemantic_share": float((self.polysemanticity.polysemantic & alive).sum()) / rows,
            "polysemantic_chance": self.polysemanticity.chance,
        }


@dataclass(frozen=True, eq=False)
class Dissection:
    """All layers that were dissected.

    Attributes:
        layers: by path, shallow first.
        concepts: what units were compared with.
        n_clips: N of the probe set.
        naming_half: (N,) bool clips that names were chosen on; the others gave the scores.
    """

    layers: Mapping[str, LayerDissection]
    concepts: Concepts
    n_clips: int
    naming_half: Tensor

    def name(self, layer: str, row: int) -> str | None:
        """Return the name of a row of a layer, None for "no label"."""
        concept = int(self.layers[layer].names.concept[row])
        return None if concept == NO_LABEL else self.concepts.names[concept]
