"""The layers of a finished run, a classifier's or a generator's: the work of `explain.py what=layers`."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from callbacks.benchmark_clips import data_of
from callbacks.layer_probes_measure import LABEL, Measured
from callbacks.layer_probes_run import baseline, end
from callbacks.layer_probes_subject import ProbeInput, clips_input, latents_input, subject_of
from callbacks.probe_clips import ProbeClips
from callbacks.recording_files import audio_files, read_recording
from configs.errors import CommandError, InputError
from configs.explain_schema import ExplainConfig
from configs.layer_probes_schema import LayerProbesConfig
from datamodules.audio_files import BadClip
from interpretability.isolation import isolated
from models.gan_generators import GeneratorTraining
from models.run_loading import Restored, restore
from report.build import build
from report.layer_pages_file import END, FOLDER

LONGEST = 30.0
"""Seconds of a sound whose layers are drawn: a longer one could not be read."""
MOST = 12
"""Sounds whose layers are drawn at most."""


def explain_layers(settings: ExplainConfig) -> list[str]:
    """Measure the layers of the best checkpoint of a run, draw those of given sounds; return what is to be said of it.

    What is found goes to `layers/end.json`, sounds to `media/layers`, pages into the report of the run, or of `output`.

    Raises:
        CommandError: No such run or audio, or layers that were measured already.
        InputError: A run that cannot be loaded, data that are not there, layers or sounds that cannot be used.
    """
    run = restore(settings.run, settings.device)
    folder = run.path if run.path.is_dir() else run.path.parents[1]
    output = folder if settings.output is None else Path(settings.output).expanduser()
    if (output / FOLDER / f"{END}.json").is_file() and not settings.overwrite:
        raise CommandError(f"{output / FOLDER / END}.json exists; give overwrite=true, or another folder as output")
    config = probe_settings(run, settings)
    subject = subject_of(run.model, config.layers)
    shown, lines = own_sounds(run, settings) if settings.audio is not None else (None, [])
    with isolated(run.model, 0, run.model.device):
        given = probe_input(run, config)
        base = baseline(run.model, subject, given, config)
        epoch = int(run.kept.get("epoch", 0)) + 1
        found = end(output, run.model, subject, base, config, epoch, shown)
    lines += [*subject.unheard.values(), *subject.notes, *found.notes, *(_line(path, found) for path in subject.layers)]
    if settings.report:
        target = None if output == folder else output / "report"
        lines.append(f"report: {build(folder, target, explanations=None if output == folder else output)}")
    return lines


def probe_settings(run: Restored, settings: ExplainConfig) -> LayerProbesConfig:
    """Return the settings of `callbacks.layer_probes` in a run, with what the command line changes."""
    known: Any = run.config.callbacks
    config: LayerProbesConfig = getattr(known, "layer_probes", None) or LayerProbesConfig()
    given: dict[str, Any] = {
        name: getattr(settings, name) for name in ("layers", "n_clips", "moved", "protocols", "bases")
    }
    changed = dataclasses.replace(config, **{name: value for name, value in given.items() if value})
    for problem in changed.problems():
        raise CommandError(problem)
    return changed


def probe_input(run: Restored, config: LayerProbesConfig) -> ProbeInput:
    """Return the run's own validation clips, or a generator's latents."""
    if isinstance(run.model, GeneratorTraining):
        return latents_input(run.model, config.n_clips)
    return clips_input(ProbeClips.choose(data_of(run), config.n_clips))  # type: ignore[arg-type]


def own_sounds(run: Restored, settings: ExplainConfig) -> tuple[ProbeInput, list[str]]:
    """Read the sounds whose layers are drawn, and say which of them cannot be used.

    Raises:
        CommandError: No such file or folder.
        InputError: A generator, or no sound that can be used.
    """
    if isinstance(run.model, GeneratorTraining):
        raise InputError(f"{run.path}: a generator hears nothing; leave audio out, its layers are drawn for latents")
    front_end = run.config.front_end
    sounds, names, lines = [], [], []
    files = audio_files(Path(settings.audio or "").expanduser())
    for name, path in files[:MOST]:
        try:
            limit = min(LONGEST, settings.longest)
            recording = read_recording(name, path, front_end.sample_rate, front_end.n_fft, limit)
        except BadClip as bad:
            lines.append(f"skipped {bad.name}: {bad.reason}")
        else:
            sounds.append(recording.waveform)
            names.append(name)
    if not sounds:
        raise InputError(f"audio={settings.audio}: no sound can be used; {lines[0].removeprefix('skipped ')}")
    if len(files) > MOST:
        lines.append(f"drawn are the first {MOST} of {len(files)} sounds")
    length = torch.tensor([len(sound) for sound in sounds])
    waveform = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
    return ProbeInput(waveform, length, tuple(names), None, (), tuple(names)), lines


def _line(path: str, found: Measured) -> str:
    """Say what a layer has gained over the untrained network."""
    parts = [
        f"{row.target} probe {row.score:.2f} ({row.over_untrained[0]:+.2f})"
        for row in found.probes
        if row.layer == path and row.target == LABEL
    ]
    for row in found.carried:
        if row.layer == path and row.gain is not None and row.found is not None:
            parts.append(f"{row.contour}{' ripple' if row.envelope == 'ripple' else ''} {row.gain[0]:+.2f}")
        elif row.layer == path and row.unheard:
            parts.append(f"{row.contour}: {row.unheard}")
    return f"{path}: above untrained: " + "; ".join(parts)
