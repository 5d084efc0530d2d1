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
    shares, raw = [unit.share_of_way(score) for unit, score in points], [score.kernel for _, score in points]
    if any(share != share for share in shares):
        shares = raw
    heard, transfer = [score.recognised for _, score in points], [score.transfer for _, score in points]
    random = torch.Generator().manual_seed(0)
    within = score_agreement(raw, transfer, groups, random, within=True)
    return [
        f"kernel distance and the judge's activation, ranked within classes: {_told(within)}; "
        f"n = {within.n} settings of {within.groups} classes)",
        _pooled(score_agreement(shares, heard, groups, random), score_agreement(raw, heard, groups, random)),
        _gain(judged),
    ]


def median_setting(found: UnitGenerations) -> LaneScore:
    """Return the setting in the middle of a unit's kernel distances, the worse one of two."""
    ranked = sorted(found.scores, key=lambda score: score.kernel)
    return ranked[len(ranked) // 2]


def _pooled(shares: Agreement, raw: Agreement) -> str:
    if shares.correlation != shares.correlation:
        return "score and recognition cannot be compared: the latter does not vary"
    return (
        f"score (share of the way from real sounds to no search) and recognition, over all classes: {_told(shares)}; "
        f"of kernel distances as they are {_told(raw)}); n = {shares.n} settings of {shares.groups} classes)"
    )


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
    return f"rank correlation {found.correlation:.2f} (95 % {found.low:.2f} to {found.high:.2f}"
