"""The units of a finished run explained without training: the work of `explain.py what=units`."""

import dataclasses
from pathlib import Path
from typing import Any

from callbacks.benchmark_clips import data_of
from callbacks.dissection_concepts import concepts_of
from callbacks.dissection_end import end_of_training, notes_on
from callbacks.dissection_measure import dissected
from callbacks.dissection_reports import figures_of
from callbacks.dissection_taps import taps_of
from callbacks.probe_clips import ProbeClips
from configs.dissection_schema import DissectionConfig
from configs.errors import CommandError
from configs.explain_schema import ExplainConfig
from models.run_loading import LoadedRun, load_run
from report.build import build
from report.dissection_file import UNITS


def explain_units(settings: ExplainConfig) -> list[str]:
    """Dissect the best checkpoint of a run on its own validation clips; return what is to be said of it.

    The records go to `dissection/end.jsonl`, the gallery into the report of the run, or that of `output` if given.

    Raises:
        CommandError: No such run, or a gallery that exists.
        InputError: A run that cannot be loaded, data that are not there, or layers and concepts that cannot be used.
    """
    run = load_run(settings.run, settings.device)
    folder = run.path if run.path.is_dir() else run.path.parents[1]
    output = folder if settings.output is None else Path(settings.output).expanduser()
    if (output / UNITS).is_file() and not settings.overwrite:
        raise CommandError(f"{output / UNITS} exists; give overwrite=true, or another folder as output")
    config = dissection_settings(run, settings)
    probes = ProbeClips.choose(data_of(run), config.n_clips)
    taps = taps_of(run.model, config.layers)
    concepts = concepts_of(probes, config, folder)
    found = dissected(run.model, taps, probes, concepts, config)
    epoch = int(run.kept.get("epoch", 0)) + 1
    end_of_training(output, run.model, taps, found, probes, config, epoch, concepts.problem)
    lines = [_line(path, figures_of(layer)) for path, layer in found.layers.items()]
    lines += [*notes_on(run.model, config), *([f"note: {concepts.problem}"] if concepts.problem else [])]
    if settings.report:
        target = None if output == folder else output / "report"
        lines.append(f"report: {build(folder, target, explanations=None if output == folder else output)}")
    return lines


def dissection_settings(run: LoadedRun, settings: ExplainConfig) -> DissectionConfig:
    """Return the settings of `callbacks.dissection` in a run, with what the command line changes."""
    known: Any = run.config.callbacks
    config: DissectionConfig = getattr(known, "dissection", None) or DissectionConfig()
    given: dict[str, Any] = {name: getattr(settings, name) for name in ("layers", "n_clips", "concepts", "edits")}
    given["source"] = dataclasses.replace(config.source, **settings.given("source"))
    changed = dataclasses.replace(config, **{name: value for name, value in given.items() if value not in (None, [])})
    for problem in changed.problems():
        raise CommandError(problem)
    return changed


def _line(layer: str, figures: dict[str, float]) -> str:
    named, share, distinct = figures["named"], figures["named_share"], figures["distinct"]
    score = f", median AUPRC {figures['auprc']:.2f}" if named else ""
    return f"{layer}: {named:.0f} units have a name ({share:.0%}), {distinct:.0f} different names{score}"
