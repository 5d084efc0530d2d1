"""Correlations of layers with acoustic properties at one point: all nulls at the end, the quick ones on the way."""

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_subject import Subject
from callbacks.layer_probes_targets import Targets
from interpretability.layers.carried import Carried, Contour, carried, too_slow
from interpretability.layers.correlation import correlate, envelopes, gain
from interpretability.layers.nulls import shuffled_pairs

RESAMPLES = 300
"""Bootstrap draws of an interval while the model is trained."""


def carried_rows(
    subject: Subject,
    now: Hearing,
    targets: Targets,
    untrained: Hearing,
    untrained_targets: Targets,
    draws: int,
    thorough: bool,
) -> list[Carried]:
    """Return what each layer carries of each property, a row for each envelope of the layer.

    The layers of an untrained generator are compared with the sound that it makes itself.
    """
    work = _all_nulls if thorough else _quick
    return [
        row for path in subject.layers for row in work(path, subject, now, targets, untrained, untrained_targets, draws)
    ]


def _all_nulls(
    path: str, subject: Subject, now: Hearing, targets: Targets, untrained: Hearing, others: Targets, draws: int
) -> Iterator[Carried]:
    clock, rate, own = subject.clocks[path], subject.sample_rate, untrained.series[path]
    for contour, other in zip(targets.contours, others.contours, strict=True):
        if subject.kind == "classifier":
            yield from carried(path, now.series[path], clock, contour, now.length, rate, untrained=own, draws=draws)
            continue
        nulls = {row.envelope: row.found for row in carried(path, own, clock, other, now.length, rate, draws=1)}
        for row in carried(path, now.series[path], clock, contour, now.length, rate, draws=draws):
            null = nulls.get(row.envelope)
            if row.found is None or null is None:
                yield row
            else:
                yield dataclasses.replace(row, untrained=null, gain=gain(row.found.clips, null.clips))


def _quick(
    path: str, subject: Subject, now: Hearing, targets: Targets, untrained: Hearing, others: Targets, draws: int
) -> Iterator[Carried]:
    """As above without the phase-randomised null; curves are read once for all properties on the same points."""
    clock, rate = subject.clocks[path], subject.sample_rate
    read: dict[int, tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]] = {}
    for contour, other in zip(targets.contours, others.contours, strict=True):
        if reason := too_slow(clock, rate, rate=contour.rate_needed) or _missing(contour):
            yield Carried(path, contour.name, "mean", unheard=reason)
            continue
        key = id(contour.seconds)
        if key not in read:
            at = contour.seconds.double().expand(contour.values.shape)
            inside = (at >= 0) & (at * rate <= (now.length[:, None] - 1))
            curves = envelopes(now.series[path], clock, rate, at)
            before = envelopes(untrained.series[path], clock, rate, other.seconds.double().expand(other.values.shape))
            read[key] = inside, curves, before
        inside, curves, before = read[key]
        for name, curve in curves.items():
            found = correlate(curve, contour.values, inside, draws=RESAMPLES)
            null = correlate(before[name], other.values, inside[:, : other.values.shape[1]], draws=2)
            more = gain(found.clips, null.clips, draws=RESAMPLES)
            shuffled = shuffled_pairs(curve, contour.values, inside, draws=draws)
            yield Carried(path, contour.name, name, found, null, more, shuffled)


def _missing(contour: Contour) -> str | None:
    known = bool(torch.isfinite(contour.values).any())
    return None if known else f"no clip has a '{contour.name}': it is undefined in all of them"
