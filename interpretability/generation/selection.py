"""Which of many settings explains a unit best: the rule of choice, the paper's, and the one that it replaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from configs.errors import InputError
from interpretability.generation.lane_scores import NORMAL, LaneScore

By = Literal["frechet", "kernel"]


@dataclass(frozen=True)
class Choice:
    """A setting and what spoke for it."""

    score: LaneScore
    reason: str


def choose(scores: Sequence[LaneScore], by: By | None = None) -> Choice:
    """Choose a setting: its bound, not its activation, decides.

    Of the settings whose median activation lies in the range of real excerpts (of all where none does) the one of the
    lowest upper bound is best. Of those within one standard error of it, the one whose latents are nearest to the prior
    is taken, then the one of fewest steps.

    Args:
        scores: of all settings.
        by: "frechet" or "kernel"; None is the former where all have one.

    Raises:
        InputError: No scores, or none that could be measured.
    """
    chosen_by: By = by or ("frechet" if all(s.excess == s.excess for s in scores) else "kernel")
    known = [s for s in scores if _value(s, chosen_by) == _value(s, chosen_by)]
    if not known:
        raise InputError(
            f"none of {len(scores)} settings has a {chosen_by} score: constant features, or too few excerpts"
        )
    inside = [s for s in known if s.in_range]
    field = inside or known
    best = min(field, key=lambda s: _bound(s, chosen_by))
    tied = [s for s in field if _value(s, chosen_by) <= _value(best, chosen_by) + _error(best, chosen_by)]
    taken = min(tied, key=lambda s: (s.deviation, s.step))
    range_ = f"{len(inside)} of {len(scores)} settings lie in the range of real excerpts"
    reason = f"{range_}; lowest upper bound of the {chosen_by} distance: {best.name}"
    return Choice(taken, reason + ("" if taken is best else f"; {taken.name} is as good and nearer to the prior"))


def as_published(scores: Sequence[LaneScore]) -> LaneScore:
    """Return the setting of the smallest Fréchet distance of activations (Mishra et al. 2019).

    Raises:
        InputError: No scores, or none that could be measured.
    """
    known = [s for s in scores if s.scalar == s.scalar]
    if not known:
        raise InputError(f"none of {len(scores)} settings has a Fréchet distance of activations")
    return min(known, key=lambda s: s.scalar)


def most_activating(scores: Sequence[LaneScore], lowest: bool = False) -> LaneScore:
    """Return the setting of the strongest examples, what choosing by activation alone would take."""
    return min(scores, key=lambda s: s.median if lowest else -s.median)


def _value(score: LaneScore, by: By) -> float:
    return score.excess if by == "frechet" else score.kernel


def _bound(score: LaneScore, by: By) -> float:
    return score.high if by == "frechet" else score.kernel_high


def _error(score: LaneScore, by: By) -> float:
    return score.error if by == "frechet" else (score.kernel_high - score.kernel_low) / (2 * NORMAL)
