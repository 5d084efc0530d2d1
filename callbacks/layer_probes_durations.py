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
    inside = targets.section != int(Section.PAST_END)
    rows: list[dict[str, Any]] = []
    for path in subject.layers:
        clock = subject.clocks[path]
        if clock.rate(rate) < SLOWEST:
            reason = f"the layer has {clock.rate(rate):g} steps per second, and {SLOWEST:g} are needed"
            rows.append({"layer": path, "unheard": reason})
            continue
        for name, curve in envelopes(now.series[path], clock, rate, targets.section_seconds).items():
            try:
                found = lasting(curve, targets.section_seconds, inside, targets.section == int(Section.SILENCE))
                fit = duration_regression(found, truth)
            except InputError as error:
                rows.append({"layer": path, "envelope": name, "unheard": str(error)})
            else:
                rows.append({"layer": path, "envelope": name, **vars(fit)})
    return rows


def lasting(curve: Tensor, seconds: Tensor, inside: Tensor, silent: Tensor) -> Tensor:
    """Return the seconds (N,) that clips last in a curve (N, P); NaN where a clip has no silence.

    Args:
        curve: what a layer does at each point.
        seconds: where the points lie (N, P).
        inside: points of the clip (N, P) bool.
        silent: those of its silence.
    """
    known = inside & curve.isfinite()
    rest = curve.double().where(silent & known, torch.nan).nanmedian(dim=1, keepdim=True).values
    away = (curve.double() - rest).abs().where(known, torch.nan)
    top = away.nan_to_num(0.0).amax(dim=1, keepdim=True)
    loud = away >= SHARE * top
    first = seconds.where(loud, torch.inf).amin(dim=1)
    last = seconds.where(loud, -torch.inf).amax(dim=1)
    step = float((seconds[:, 1:] - seconds[:, :-1]).median())
    return (last - first + step).where((top[:, 0] > 0) & rest[:, 0].isfinite(), torch.nan)
