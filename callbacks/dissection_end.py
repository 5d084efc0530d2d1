"""The dissection of a finished model, with all that takes longer than a point of a training may."""

import dataclasses
from pathlib import Path
from typing import Any

from callbacks.dissection_concepts import described
from callbacks.dissection_details import silenced, tuned, with_tuning, with_words
from callbacks.dissection_edits import edited, with_edits
from callbacks.dissection_files import END, earlier_point, point_of, write_gallery, write_lines
from callbacks.dissection_reports import figures_of, unit_reports
from callbacks.dissection_taps import Taps
from callbacks.probe_clips import ProbeClips
from configs.dissection_schema import DissectionConfig
from interpretability.dissection.dissection import Dissection
from interpretability.dissection.unit_report import UnitReport
from models.classifier import AudioClassifier


def end_of_training(
    folder: Path,
    model: AudioClassifier[Any],
    taps: Taps,
    result: Dissection,
    probes: ProbeClips,
    settings: DissectionConfig,
    epoch: int,
    problem: str = "",
) -> list[UnitReport]:
    """Write `dissection/end.jsonl` and the gallery of a model, and return its records (first process only).

    Args:
        folder: of the run, or beside it.
        model: the checkpoint that was chosen.
        taps: its layers.
        result: what `dissect` found.
        probes: the clips.
        settings: of the callback.
        epoch: number of the last epoch, before which points are shown as the history of a unit.
        problem: why the concepts are not those that the settings name.
    """
    _, before = earlier_point(folder, epoch + 1)
    past = {report.key: {"history": report.history, "settled": report.settled} for report in before}
    reports = [
        dataclasses.replace(report, **past.get(report.key, {}))  # type: ignore[arg-type]
        for report in unit_reports(result, probes)
    ]
    reports = detailed(reports, model, taps, result, probes, settings)
    write_lines(folder, END, reports)
    figures = {path: figures_of(layer) for path, layer in result.layers.items()}
    point = point_of(epoch, figures, {}, problem, end=True)
    names, notes = result.concepts.names, notes_on(model, settings)
    write_gallery(folder, reports, probes, names, settings, model.front_end, point, notes)
    return reports


def notes_on(model: AudioClassifier[Any], settings: DissectionConfig) -> list[str]:
    """Return what is not measured of a model though the settings ask for it, in sentences."""
    if model.decides or not settings.ablated_units:
        return []
    return [
        f"No unit was silenced: a model of model.name={model.config.model.name} has learned no classes, so that there "
        "is no decision to change."
    ]


def detailed(
    reports: list[UnitReport],
    model: AudioClassifier[Any],
    taps: Taps,
    result: Dissection,
    probes: ProbeClips,
    settings: DissectionConfig,
) -> list[UnitReport]:
    """Return the records with words, tuning curves, edits and ablation, as far as the settings ask for them."""
    if settings.descriptors:
        measured, controls = described(probes), settings.word_controls
        by_layer = [[report for report in reports if report.layer == layer] for layer in taps.layers]
        reports = [
            found for layer in by_layer for found in with_words(layer, probes, measured, result.naming_half, controls)
        ]
    if settings.tuning:
        longest = max(len(probes.sound(position)) for position in range(min(len(probes), 8)))
        curves = tuned(model, taps, settings, probes.sample_rate, longest / probes.sample_rate)
        reports = [with_tuning(report, curves[report.layer]) for report in reports]
    if settings.edits:
        reports = with_edits(reports, edited(model, taps, reports, probes, settings.read_out))
    if settings.ablated_units and model.decides:
        effects = silenced(model, taps, reports, probes, settings)
        reports = [
            dataclasses.replace(report, ablation=effects.get(f"{report.layer}/{report.unit}")) for report in reports
        ]
    return reports
