"""One point of the layer probes, and the last one with all that takes longer, for the callback and for explain.py."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.layer_probes_causes import controls, copies, derivatives
from callbacks.layer_probes_doses import doses, heard_copies
from callbacks.layer_probes_durations import duration_rows
from callbacks.layer_probes_files import earlier_grams, point_data, write_point
from callbacks.layer_probes_hearing import Hearing, hear
from callbacks.layer_probes_measure import LABEL, Baseline, Measured, measured
from callbacks.layer_probes_moved import moved
from callbacks.layer_probes_moves import moves_of
from callbacks.layer_probes_sections import section_rows
from callbacks.layer_probes_shown import shown_items
from callbacks.layer_probes_subject import ProbeInput, Subject, network_of, untrained_twin
from callbacks.layer_probes_tables import write_tables
from callbacks.layer_probes_targets import Targets, targets_of
from configs.layer_probes_schema import LayerProbesConfig
from models.gan_generators import GeneratorTraining
from report.layer_pages_file import END

FOLDS, END_FOLDS = 3, 5
Figures = dict[str, float]


def baseline(model: pl.LightningModule, subject: Subject, given: ProbeInput, settings: LayerProbesConfig) -> Baseline:
    """Return what does not change while a model is trained: targets and the untrained network."""
    twin = untrained_twin(model, given)
    other = dataclasses.replace(subject, network=network_of(twin))
    heard = hear(other, given, settings.reduction)
    generated = subject.kind == "generator"
    targets = targets_of(heard.sound, heard.length, subject.sample_rate, settings.properties, generated)
    return Baseline(given, targets, heard)


def heard_now(subject: Subject, base: Baseline, settings: LayerProbesConfig) -> tuple[Hearing, Targets]:
    """Evaluate the model as it is; a generator's sound is analysed anew, a classifier's clips are known."""
    now = hear(subject, base.given, settings.reduction, base.untrained.input)
    if subject.kind == "classifier":
        return now, base.targets
    return now, targets_of(now.sound, now.length, subject.sample_rate, settings.properties, generated=True)


def point(folder: Path, subject: Subject, base: Baseline, settings: LayerProbesConfig, epoch: int) -> Figures:
    """Measure the layers at a point of the training, write it down, and return its figures."""
    started = time.perf_counter()
    now, targets = heard_now(subject, base, settings)
    before = earlier_grams(folder, epoch, subject.layers)
    found = measured(subject, now, targets, base, before, settings.draws, FOLDS)
    data = point_data(subject, found, epoch, len(base.given), False, time.perf_counter() - started)
    write_point(folder, f"epoch_{epoch:04d}", data, arrays(found, now))
    return figures_of(found, subject)


def end(
    folder: Path,
    model: pl.LightningModule,
    subject: Subject,
    base: Baseline,
    settings: LayerProbesConfig,
    epoch: int,
    shown: ProbeInput | None = None,
) -> Measured:
    """Measure the layers of a finished model with all nulls, and write what the report draws and plays.

    Args:
        folder: of the run, or beside it.
        model: the checkpoint that was chosen.
        subject: its layers.
        base: what does not change.
        settings: of the callback.
        epoch: number of the last epoch.
        shown: sounds of the user's own, in place of clips of the probe set.
    """
    started = time.perf_counter()
    now, targets = heard_now(subject, base, settings)
    before = earlier_grams(folder, epoch, subject.layers)
    base.probes.clear()  # those of the points have fewer folds
    found = measured(subject, now, targets, base, before, settings.end_draws, END_FOLDS, thorough=True)
    own = base.given if shown is None else shown
    heard = now if shown is None else hear(subject, shown, settings.reduction, base.untrained.input)
    count = min(settings.shown, len(own)) if shown is None else len(own)
    extra: dict[str, Any] = {
        "shown": shown_items(folder, subject, heard, own, range(count)),
        "sections": section_rows(subject, now, targets, base.untrained),
        "durations": duration_rows(subject, now, targets),
        **causes(model, subject, base, now, settings, found.notes),
    }
    data = point_data(subject, found, epoch, len(base.given), True, time.perf_counter() - started)
    write_point(folder, END, data | extra, arrays(found, now))
    write_tables(folder, data | extra)
    return found


def causes(
    model: pl.LightningModule,
    subject: Subject,
    base: Baseline,
    now: Hearing,
    settings: LayerProbesConfig,
    notes: list[str],
) -> dict[str, Any]:
    """Return what moves the layers: latents of a generator, graded changes of the sound that a classifier hears.

    What cannot be measured is added to `notes`.
    """
    if not settings.causes:
        return {}
    if isinstance(model, GeneratorTraining):
        moves = moves_of(model, settings.bases, settings.moved, settings.protocols) if settings.bases else []
        return {
            "moved": moved(subject, moves),
            "derivative": derivatives(model, subject, moves) if moves else None,
            "control": controls(model, subject),
            "copying": copies(subject, now, base.given.given),
        }
    twin = untrained_twin(model, base.given)
    seconds = float(now.length.double().median()) / subject.sample_rate
    rows, failed = doses(subject, network_of(twin), base.given, seconds)
    notes += failed
    return {"doses": rows, "copying": heard_copies(subject)}


def arrays(found: Measured, now: Hearing) -> Mapping[str, Tensor]:
    """Return what is kept of a point for later: similarities of clips, and the series of the first clips."""
    grams = {f"gram/{path}": values for path, values in found.grams.items()}
    series = {f"series/{path}": values[:8] for path, values in now.series.items()}
    clips = {
        f"correlation/{row.contour}/{row.envelope}/{row.layer}": row.found.clips
        for row in found.carried
        if row.found is not None
    }
    return {**grams, **series, **clips}


def figures_of(found: Measured, subject: Subject) -> Figures:
    """Return the figures that are logged: what each layer has gained over the untrained network."""
    figures: Figures = {}
    for row in found.probes:
        if row.target == LABEL:
            figures[f"{LABEL}/{row.layer}"] = row.over_untrained[0]
    for carried in found.carried:
        if carried.gain is not None and (
            carried.envelope == "ripple" or f"{carried.contour}/{carried.layer}" not in figures
        ):
            figures[f"{carried.contour}/{carried.layer}"] = carried.gain[0]
    for number, path in enumerate(subject.layers):
        if "untrained" in found.similar:
            figures[f"cka_untrained/{path}"] = float(torch.as_tensor(found.similar["untrained"][number]))
    return figures
