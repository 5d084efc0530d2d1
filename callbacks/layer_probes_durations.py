"""How long a sound lasts in a layer, regressed as the paper has it: its statistic, not a proof of anything."""

from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_subject import Subject
from callbacks.layer_probes_targets import Targets
from configs.errors import InputError
from interpretability.acoustics.envelope import duration, envelope
from interpretability.acoustics.sections import Section
from interpretability.layers.correlation import envelopes
from interpretability.layers.published_statistics import duration_regression

SLOWEST = 20.0
"""Steps per second without which a layer has no duration."""
SHARE = 0.25
"""Share of its largest departure from its level in silence, from which on a layer is taken to have the sound."""


def duration_rows(subject: Subject, now: Hearing, targets: Targets) -> list[dict[str, Any]]:
    """Return for each layer the linear model of the sounds' durations on those read off its series.

    The paper marks durations by hand; here a layer has the sound from the first to the last moment at which it is a
    quarter of its largest departure away from its level in the clip's silence.
    """
    rate = subject.sample_rate
    truth = duration(envelope(now.sound.float(), now.length, rate))
    rows: list[dict[str, Any]] = []
    for path in subject.layers:
        clock = subject.clocks[path]
        if clock.rate(rate) < SLOWEST:
            reason = f"the layer has {clock.rate(rate):g} steps per second, and {SLOWEST:g} are needed"
            rows.append({"layer": path, "unheard": reason})
            continue
        for name, curve in envelopes(now.series[path], clock, rate, targets.section_seconds).items():
            try:
                fit = duration_regression(lasting(curve, targets), truth)
            except InputError as error:
                rows.append({"layer": path, "envelope": name, "unheard": str(error)})
            else:
                rows.append({"layer": path, "envelope": name, **vars(fit)})
    return rows


def lasting(curve: Tensor, targets: Targets) -> Tensor:
    """Return the seconds (N,) that clips last in a curve (N, P) on the frames of the sections; NaN without silence."""
    inside = (targets.section != int(Section.PAST_END)) & curve.isfinite()
    silent = (targets.section == int(Section.SILENCE)) & inside
    rest = curve.double().where(silent, torch.nan).nanmedian(dim=1, keepdim=True).values
    away = (curve.double() - rest).abs().where(inside, torch.nan)
    top = away.nan_to_num(0.0).amax(dim=1, keepdim=True)
    loud = away >= SHARE * top
    at = targets.section_seconds
    first = at.where(loud, torch.inf).amin(dim=1)
    last = at.where(loud, -torch.inf).amax(dim=1)
    step = float((at[:, 1:] - at[:, :-1]).median())
    return (last - first + step).where((top[:, 0] > 0) & rest[:, 0].isfinite(), torch.nan)
