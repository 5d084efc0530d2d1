"""Whether scores agree with an independent network, over the settings of many classes: lines for the command line."""

from collections.abc import Sequence

import numpy as np
import torch

from callbacks.generation_result import UnitGenerations
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.score_agreement import LEAST_GROUPS, Agreement, score_agreement
from report.bootstrap import figures


def agreement_lines(found: Sequence[UnitGenerations]) -> list[str]:
    """Say how well the score agrees with the independent network, over all settings of three classes or more."""
    judged = [
        unit for unit in found if unit.unit.is_class and unit.choice.score.recognised == unit.choice.score.recognised
    ]
    points = [(unit, score) for unit in judged for score in unit.scores]
    groups = [unit.key for unit, _ in points]
    if len(set(groups)) < LEAST_GROUPS:
        return []
    heard, transfer = [score.recognised for _, score in points], [score.transfer for _, score in points]
    within = score_agreement(
        [score.kernel for _, score in points], transfer, groups, torch.Generator().manual_seed(0), within=True
    )
    return [
        f"kernel distance and the judge's activation, ranked within classes: {_told(within)}; "
        f"n = {within.n} settings of {within.groups} classes",
        f"with recognition, over all classes: {_pooled(points, heard, groups)}",
        _gain(judged),
    ]


def median_setting(found: UnitGenerations) -> LaneScore:
    """Return the setting in the middle of a unit's kernel distances, the worse one of two."""
    ranked = sorted(found.scores, key=lambda score: score.kernel)
    return ranked[len(ranked) // 2]


def _pooled(points: Sequence[tuple[UnitGenerations, LaneScore]], heard: list[float], groups: list[str]) -> str:
    """Say how well each score agrees that all settings have; recognition that does not vary agrees with none."""
    if len(set(heard)) == 1:
        return "no score can be compared, as it does not vary"
    scores = {
        "share of the way from real sounds to no search": [unit.share_of_way(score) for unit, score in points],
        "kernel distance": [score.kernel for _, score in points],
        "Fréchet distance": [score.layer for _, score in points],
    }
    known = {name: values for name, values in scores.items() if all(value == value for value in values)}
    found = {
        name: score_agreement(values, heard, groups, torch.Generator().manual_seed(0)) for name, values in known.items()
    }
    return "; ".join(f"{name} {_told(agreement)}" for name, agreement in found.items())


def _gain(judged: Sequence[UnitGenerations]) -> str:
    chosen = np.array([unit.choice.score.recognised for unit in judged])
    middle = np.array([median_setting(unit).recognised for unit in judged])
    drawn = np.array([unit.ceiling.recognised for unit in judged])
    gain = figures({"gain": chosen - middle})["gain"]
    sounds = sum(unit.choice.score.n for unit in judged)
    return (
        f"judge recognises {chosen.mean():.0%} of the chosen settings' sounds, {middle.mean():.0%} of the median "
        f"settings' and {drawn.mean():.0%} without search: {100 * gain.mean:+.0f} points chosen against median "
        f"(95 % {100 * gain.low:+.0f} to {100 * gain.high:+.0f} over {gain.n} classes, n = {sounds} sounds each)"
    )


def _told(found: Agreement) -> str:
    return f"rank correlation {found.correlation:.2f} (95 % {found.low:.2f} to {found.high:.2f})"
