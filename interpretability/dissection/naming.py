"""The name of each pole of each unit: chosen on one half of the clips, tested and scored on the other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from interpretability.dissection.cross_moments import CrossMoments
from interpretability.dissection.dissection import NO_LABEL, UnitNames
from interpretability.dissection.false_discovery import benjamini_hochberg
from interpretability.dissection.permutation_null import NullSample, permutation_p
from interpretability.dissection.scores import Scores
from interpretability.dissection.unit_blocks import unit_blocks
from interpretability.dissection.unit_statistics import UnitStatistics

POLES = (1, -1)
DRAWS = 100
"""Bootstrap draws of the naming half."""


@dataclass(frozen=True)
class NamingRules:
    """When a name is given.

    Attributes:
        false_discovery: share of names that may be false (Benjamini-Hochberg over the rows of a layer).
        least_correlation: correlation on the scoring half below which a name that holds is not worth giving.
        null_units: units of a layer whose permuted correlations are pooled.
    """

    false_discovery: float = 0.05
    least_correlation: float = 0.0
    null_units: int = 128


@dataclass(frozen=True, eq=False)
class Candidates:
    """The concept that fits best, at the high and at the low pole.

    Attributes:
        concept: (U, 2) int64, -1 for units that do not vary.
        stability: (U, 2) float32 share of bootstrap draws that choose the same.
    """

    concept: Tensor
    stability: Tensor


def candidates(naming: CrossMoments, alive: Tensor, seed: int) -> Candidates:
    """Choose for each pole the concept of highest correlation on the naming half.

    The bootstrap draws the groups of clips with replacement, which needs nothing but their sums.

    Args:
        naming: sums of the naming half in G groups.
        alive: (U,) bool.
        seed: of the bootstrap.
    """
    n_groups, n_units, n_concepts = naming.cross.shape
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(n_groups, (DRAWS, n_groups), generator=generator)
    weights = torch.nn.functional.one_hot(drawn, n_groups).sum(dim=1).to(naming.cross)
    concept = torch.full((n_units, 2), NO_LABEL, device=naming.cross.device)
    stability = torch.zeros(n_units, 2, device=naming.cross.device)
    for block in unit_blocks(n_units, (DRAWS + n_groups) * n_concepts):
        whole, draws = naming.correlation(units=block)[0], naming.correlation(weights, block)
        for place, pole in enumerate(POLES):
            best = (pole * whole).argmax(dim=1)
            stability[block, place] = ((pole * draws).argmax(dim=2) == best).float().mean(dim=0)
            concept[block, place] = best
    concept[~alive], stability[~alive] = NO_LABEL, 0.0
    return Candidates(concept, stability)


def names_of(
    statistics: UnitStatistics,
    found: Candidates,
    scoring: Tensor,
    scores: Scores,
    sample: NullSample,
    rules: NamingRules,
    seed: int,
) -> UnitNames:
    """Test the candidates on the scoring half and keep those that hold up.

    Args:
        statistics: of the layer, over all clips.
        found: candidates of the naming half.
        scoring: (U, M) correlation on the scoring half.
        scores: AUPRC, chance and F1 (U, 2) on the scoring half.
        sample: units and clips of the null.
        rules: when a name is given.
        seed: of the permutations.
    """
    dead = statistics.dead
    unit = torch.cat([torch.arange(len(dead), device=dead.device), statistics.signed.nonzero().flatten()])
    low = (torch.arange(len(unit), device=dead.device) >= len(dead)).long()
    pole = 1 - 2 * low
    candidate = found.concept[unit, low].masked_fill(dead[unit], NO_LABEL)
    r = scoring[unit, candidate.clamp_min(0)] * pole
    p = permutation_p(sample, candidate, pole, r, seed)
    q = benjamini_hochberg(p)
    holds = (q <= rules.false_discovery) & (r > max(rules.least_correlation, 0.0))
    without = candidate == NO_LABEL

    def of(table: Tensor, empty: float = torch.nan) -> Tensor:
        return table[unit, low].float().masked_fill(without, empty)

    return UnitNames(
        layer=statistics.layer,
        unit=unit,
        pole=pole,
        concept=candidate.masked_fill(~holds, NO_LABEL),
        candidate=candidate,
        auprc=of(scores.auprc),
        chance=of(scores.chance),
        correlation=r.float().masked_fill(without, 0.0),
        f1=of(scores.f1),
        p=p.float().masked_fill(without, 1.0),
        q=q.float(),
        stability=of(found.stability, 0.0),
    )
