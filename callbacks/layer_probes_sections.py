"""Whether a layer tells the sections of a sound apart: voiced from fricative, and either from silence."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_subject import Subject
from callbacks.layer_probes_targets import Targets
from interpretability.acoustics.sections import Section
from interpretability.layers.correlation import envelopes, interval

KINDS = (Section.VOICED, Section.FRICATIVE, Section.SILENCE)
FRAMES = 3
"""Frames of either kind that a clip needs to count."""
FEWEST = 4
"""Clips with both kinds, or of either kind, that a comparison needs."""
SLOWEST = 20.0
"""Steps per second without which a layer has no sections."""
DRAWS, CHUNK = 200, 64
Row = dict[str, Any]


def section_rows(subject: Subject, now: Hearing, targets: Targets, untrained: Hearing) -> list[Row]:
    """Return for each layer and pair of kinds how well the layer's level tells their frames apart.

    The figure is the area under the ROC curve: 0.5 tells nothing, 1 means that the first kind has always the higher
    level, 0 the lower one. `within` clips that have both kinds it is the mean of theirs; `across` clips it compares the
    mean level that each clip has in a kind, and needs no clip with both. Intervals are from resampling clips.

    Beside it stands the null of the untrained network's layer on the same input, and that of wrong partners: layers of
    one clip, sections of another, which know where in a clip sections usually lie and no more.
    """
    rows: list[Row] = []
    partner = torch.arange(len(now.sound)).roll(1)
    for path in subject.layers:
        clock, rate = subject.clocks[path], subject.sample_rate
        if clock.rate(rate) < SLOWEST:
            reason = f"the layer has {clock.rate(rate):g} steps per second, and {SLOWEST:g} are needed"
            rows.append({"layer": path, "unheard": reason})
            continue
        before = envelopes(untrained.series[path], clock, rate, targets.section_seconds)
        for name, curve in envelopes(now.series[path], clock, rate, targets.section_seconds).items():
            for one, two in combinations(KINDS, 2):
                masks = (targets.section == int(one)), (targets.section == int(two))
                for scope, work in (("within", _within), ("across", _across)):
                    found = work(curve, *masks)
                    if found is None:
                        continue
                    row = {"layer": path, "envelope": name, "pair": [one.name.lower(), two.name.lower()]}
                    nulls = {"untrained": work(before[name], *masks), "wrong_partners": work(curve[partner], *masks)}
                    rows.append(row | {"scope": scope, "area": found[0], "n": found[1]} | dict(_areas(nulls)))
    return rows


def _areas(nulls: dict[str, tuple[list[float], int] | None]) -> Iterator[tuple[str, list[float] | None]]:
    for name, found in nulls.items():
        yield name, None if found is None else found[0]


def _within(curve: Tensor, first: Tensor, second: Tensor) -> tuple[list[float], int] | None:
    """Mean area over clips with both kinds, its interval, and how many there are."""
    known = curve.isfinite()
    one, two = first & known, second & known
    rows = torch.nonzero((one.sum(dim=1) >= FRAMES) & (two.sum(dim=1) >= FRAMES))[:, 0]
    if len(rows) < FEWEST:
        return None
    parts = []
    for some in torch.split(rows, CHUNK):
        x = curve[some].double().nan_to_num()
        above = (x[:, :, None] > x[:, None, :]).double() + 0.5 * (x[:, :, None] == x[:, None, :]).double()
        both = (one[some][:, :, None] & two[some][:, None, :]).double()
        parts.append((above * both).sum(dim=(1, 2)) / both.sum(dim=(1, 2)))
    areas = torch.cat(parts)
    return [float(areas.mean()), *interval(areas)], len(rows)


def _across(curve: Tensor, first: Tensor, second: Tensor) -> tuple[list[float], int] | None:
    """Area of the clips' mean levels in either kind, its interval over clips, and how many clips have one of them."""
    levels = []
    for kind in (first, second):
        inside = kind & curve.isfinite()
        mean = curve.double().where(inside, torch.nan).nanmean(dim=1)
        levels.append(mean.where(inside.sum(dim=1) >= FRAMES, torch.nan))
    if min(int(level.isfinite().sum()) for level in levels) < FEWEST:
        return None
    n = int((levels[0].isfinite() | levels[1].isfinite()).sum())
    random = torch.Generator().manual_seed(0)
    draws = torch.stack(
        [
            _area(*(level[torch.randint(len(curve), (len(curve),), generator=random)] for level in levels))
            for _ in range(DRAWS)
        ]
    )
    draws = draws[draws.isfinite()]
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return [float(_area(*levels)), low, high], n


def _area(one: Tensor, two: Tensor) -> Tensor:
    a, b = one[one.isfinite()][:, None], two[two.isfinite()][None]
    return ((a > b).double() + 0.5 * (a == b).double()).mean()
