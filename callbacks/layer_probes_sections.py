"""Whether a layer tells the sections of a sound apart: voiced from fricative, and either from silence."""

from itertools import combinations
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_subject import Subject
from callbacks.layer_probes_targets import Targets
from interpretability.acoustics.sections import Section
from interpretability.layers.correlation import envelopes, interval

KINDS = (Section.VOICED, Section.FRICATIVE, Section.SILENCE)
FRAMES = 3
"""Frames of either kind that a clip needs to count."""
SLOWEST = 20.0
"""Steps per second without which a layer has no sections."""


def section_rows(subject: Subject, now: Hearing, targets: Targets) -> list[dict[str, Any]]:
    """Return for each layer and pair of kinds how well the layer's level tells their frames apart within a clip.

    The figure is the area under the ROC curve, averaged over clips: 0.5 tells nothing, 1 means that every frame of the
    first kind has a higher level, 0 a lower one. Intervals are from resampling clips.
    """
    rows: list[dict[str, Any]] = []
    for path in subject.layers:
        clock, rate = subject.clocks[path], subject.sample_rate
        if clock.rate(rate) < SLOWEST:
            reason = f"the layer has {clock.rate(rate):g} steps per second, and {SLOWEST:g} are needed"
            rows.append({"layer": path, "unheard": reason})
            continue
        for name, curve in envelopes(now.series[path], clock, rate, targets.section_seconds).items():
            for one, two in combinations(KINDS, 2):
                areas = torch.tensor([_area(x, k, one, two) for x, k in zip(curve, targets.section, strict=True)])
                known = areas[areas.isfinite()]
                if len(known):
                    rows.append(
                        {
                            "layer": path,
                            "envelope": name,
                            "pair": [one.name.lower(), two.name.lower()],
                            "area": [float(known.mean()), *interval(known)],
                            "n": len(known),
                        }
                    )
    return rows


def _area(values: Tensor, kinds: Tensor, one: Section, two: Section) -> float:
    first, second = values[kinds == int(one)], values[kinds == int(two)]
    if min(len(first), len(second)) < FRAMES:
        return float("nan")
    ranks = stats.rankdata(torch.cat([first, second]).numpy())[: len(first)]
    return float((ranks.sum() - len(first) * (len(first) + 1) / 2) / (len(first) * len(second)))
