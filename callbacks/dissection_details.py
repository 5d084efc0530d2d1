"""What a dissection adds at the end of a training: measured words, tuning curves, and what silencing units does."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.dissection_taps import Taps, answers_of, probe_batch, run_of
from callbacks.probe_clips import ProbeClips
from configs.dissection_schema import DissectionConfig
from interpretability.acoustics.adjectives import Match, UnitWords, compose, unit_words
from interpretability.dissection.ablation_effect import AblationEffect
from interpretability.dissection.unit_ablation import unit_effects
from interpretability.dissection.unit_report import Ablation, TuningCurve, UnitReport, Word
from interpretability.stimuli.parametric import SECONDS, standard_stimuli
from interpretability.stimuli.tuning import TuningCurves, tuning_curves
from models.classifier import AudioClassifier

SAID = 4
"""Words of a unit that its sentence has, the strongest."""


def with_words(
    reports: Sequence[UnitReport],
    probes: ProbeClips,
    measured: Mapping[str, Tensor],
    naming: Tensor,
    controls: Match,
) -> Iterator[UnitReport]:
    """Yield the records with measured words, effects of all descriptors, and a sentence; dead units as they are.

    Words come from top clips of one half of the probe set, and have to hold on those of the other.

    Args:
        reports: of one layer.
        probes: the clips.
        measured: descriptors (N,) of the clips by name.
        naming: (N,) bool, the half that words are chosen on.
        controls: what the top clips are compared with; classes only where each clip has one.
    """
    alive = [report for report in reports if not report.dead]
    rows: dict[str, UnitReport] = {}
    if alive:
        width = max(len(report.top) for report in alive)
        tops = [[excerpt.index for excerpt in report.top] for report in alive]
        top = torch.tensor([row + [-1] * (width - len(row)) for row in tops])
        classes = probes.targets if probes.targets.ndim == 1 else None
        said = unit_words(measured, top, naming.cpu(), classes, controls)
        rows = {report.key: _worded(report, said, row) for row, report in enumerate(alive)}
    for report in reports:
        yield rows.get(report.key, report)


def _worded(report: UnitReport, said: UnitWords, row: int) -> UnitReport:
    words = tuple(Word(*word) for word in said.words(row))
    deltas = zip(said.names, said.delta[row].tolist(), strict=True)
    return dataclasses.replace(
        report,
        words=words,
        sentence=compose([word.text for word in words[:SAID]], () if report.label is None else (report.label,)),
        descriptors={name: delta for name, delta in deltas if math.isfinite(delta)},
    )


def tuned(
    model: AudioClassifier[Any], taps: Taps, settings: DissectionConfig, sample_rate: int, seconds: float
) -> dict[str, Mapping[str, TuningCurves]]:
    """Play synthetic sounds to a classifier; return layer -> stimuli -> curves of its units."""
    stimuli = standard_stimuli(sample_rate, min(SECONDS, seconds))
    return dict(tuning_curves(model, taps.layers, stimuli, settings.read_out, taps.axes, run_of(model)))


def with_tuning(report: UnitReport, curves: Mapping[str, TuningCurves]) -> UnitReport:
    """Return the record with the tuning curves of its unit and the peak and width at its pole."""
    found = {}
    for name, curve in curves.items():
        shape = curve.at_pole(report.pole)
        found[name] = TuningCurve(
            x=_rounded(curve.x),
            y=_rounded(curve.response[report.unit]),
            unit=curve.unit,
            peak=_finite(shape.preferred[report.unit]),
            width=_finite(shape.width[report.unit]),
            selective=bool(shape.selective[report.unit]),
            silence=_finite(curve.silence[report.unit]),
        )
    return dataclasses.replace(report, tuning=found)


def silenced(
    model: AudioClassifier[Any],
    taps: Taps,
    reports: Sequence[UnitReport],
    probes: ProbeClips,
    settings: DissectionConfig,
) -> dict[str, Ablation]:
    """Silence the best named units of each layer one by one; return what that does, by layer and unit.

    Keys are `layer/unit`: both poles of a unit are silenced at once.
    """
    evaluate = answers_of(model, probe_batch(probes, settings.ablation_clips))
    found: dict[str, Ablation] = {}
    for layer in taps.layers:
        path = taps.module_of(layer)
        if path == layer and layer in taps.axes:
            continue  # what the layer returns is no map whose channels could be silenced
        units = best_named([report for report in reports if report.layer == layer], settings.ablated_units)
        effects = unit_effects(model, path, units, evaluate, draws=settings.draws)
        found |= {f"{layer}/{unit}": ablation_of(effect, model.class_names) for unit, effect in effects.items()}
    return found


def best_named(reports: Sequence[UnitReport], count: int) -> list[int]:
    """Return at most `count` units that vary: those with a name first, by how far their score is above chance."""
    alive = [report for report in reports if not report.dead]
    alive.sort(key=lambda report: (report.label is None, (report.chance or 0.0) - (report.auprc or 0.0)))
    return list(dict.fromkeys(report.unit for report in alive))[:count]


def ablation_of(effect: AblationEffect, class_names: Sequence[str]) -> Ablation:
    """Return the effect of silencing one unit on the log-probability of each class, on that class's clips."""
    rows = effect.classes()
    logp = [row["log_probability"]["forget"] for row in rows]
    clips = [effect.before.per_class()["accuracy"], effect.after.per_class()["accuracy"]]
    counts = torch.tensor([row["n"] for row in rows]).double()
    before, after = (float((each[0].nan_to_num() * counts).sum() / counts.sum().clamp_min(1)) for each in clips)

    def change(name: str) -> tuple[float | None, ...]:
        pairs = [(row["before"], row[name]) for row in logp]
        return tuple(None if a is None or b is None else b - a for a, b in pairs)

    return Ablation(
        classes=tuple(class_names),
        n=tuple(row["n"] for row in rows),
        change=change("after"),
        random=change("random"),
        random_std=tuple(row["random_std"] for row in logp),
        z=tuple(row["z"] for row in logp),
        accuracy=after - before,
        draws=len(effect.draws),
        how=str(effect.how),
    )


def _rounded(values: Tensor) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values.tolist())


def _finite(value: Tensor) -> float | None:
    number = float(value)
    return float(f"{number:.4g}") if math.isfinite(number) else None
