"""Explaining files by a trained run: the work of explain.py."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callbacks.explanation_folder import open_folder, row_of, write_input, write_report_data, write_sound, write_table
from callbacks.recording_files import Recording, audio_files, read_recording
from callbacks.report_data import explained_model
from configs.errors import CommandError, InputError
from configs.explain_schema import ExplainConfig
from configs.plain import to_yaml
from configs.registry import nearest
from datamodules.audio_files import BadClip
from interpretability.listening.interpretation import Interpretation
from interpretability.listening.parts import parts, shown_classes
from models.explanation import apply_gains, require_components
from models.recording import explain_recording
from models.run_loading import LoadedRun, load_run
from report.array_file import file_name
from report.build import build
from report.explained import save_model
from report.run_folder import replace_file


@dataclass(frozen=True)
class Outcome:
    """What came of it: the output folder, its report if one was built, and counts of files."""

    output: Path
    report: Path | None
    explained: int
    skipped: int


def explain_clips(settings: ExplainConfig) -> list[str]:
    """Explain an audio file or a folder and return what is to be said of it; errors as `explain_files`."""
    outcome = explain_files(settings)
    report = [] if outcome.report is None else [f"report: {outcome.report}"]
    total = outcome.explained + outcome.skipped
    return [f"explained {outcome.explained} of {total} files in {outcome.output}", *report]


def explain_files(settings: ExplainConfig) -> Outcome:
    """Explain an audio file, or all of a folder; what cannot be explained is named on stderr, counted and listed.

    Raises:
        CommandError: No such run, audio or class, or an output folder that exists.
        InputError: A run that cannot be loaded or has no components, or no file that could be explained.
    """
    run = load_run(settings.run, settings.device)
    model = require_components(run.model)
    classes = [_class_number(label, run.class_names) for label in settings.classes]
    files = audio_files(Path(settings.audio or "").expanduser())
    _edit(run, settings)
    output = open_folder(_output_of(settings, run), settings.overwrite)
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    front_end = run.config.front_end
    for name, path in files:
        try:
            recording = read_recording(name, path, front_end.sample_rate, front_end.n_fft, settings.longest)
            said = explain_recording(model, recording.waveform, settings.threshold, settings.masks)
        except BadClip as bad:
            skipped.append({"file": bad.name, "reason": bad.reason})
        except InputError as error:
            skipped.append({"file": name, "reason": str(error)})
        else:
            rows.append(_explain(recording, said, classes, settings, output))
            print(f"{printable(name)}: {summary(said)}", flush=True)
            continue
        print(f"skipped {printable(name)}: {skipped[-1]['reason']}", file=sys.stderr, flush=True)
    if not rows:
        output.rmdir()
        raise InputError(f"audio={settings.audio}: none of {len(files)} files could be explained")
    save_model(output, explained_model(model, run.config.experiment, run.path.name))
    facts = {"run": str(settings.run), "threshold": settings.threshold, "masks": settings.masks, "mute": settings.mute}
    write_table(output, {**facts, "classes": list(run.class_names), "files": rows, "skipped": skipped})
    return Outcome(output, _report(run, output) if settings.report else None, len(rows), len(skipped))


def _explain(
    recording: Recording, said: Interpretation, classes: list[int], settings: ExplainConfig, output: Path
) -> dict[str, Any]:
    """Write the sounds and report data of one recording; return its row of the table."""
    shown = classes or shown_classes(said)
    count = said.n_components if settings.n_components is None else settings.n_components
    components = dict.fromkeys(k for label in shown for k in said.strongest(label, count)[0].tolist()) if count else {}
    sounds = {"input": write_input(output, recording)}
    for part in parts(said, shown, list(components)):
        title = "rest" if part.number is None else f"{part.kind} {part.number}"
        sounds[title] = write_sound(output, recording, part, said.class_names)
    write_report_data(output, recording, said)
    return row_of(recording, said, shown, sounds)


def _edit(run: LoadedRun, settings: ExplainConfig) -> None:
    """Mute what is to be muted, and save the result if asked for."""
    model = require_components(run.model)
    n_components = len(model.bottleneck.scale)
    if any(number >= n_components for number in settings.mute):
        raise CommandError(f"mute={settings.mute}: the run has components 0 to {n_components - 1}")
    if settings.mute:
        apply_gains(model, [0.0 if number in settings.mute else 1.0 for number in range(n_components)])
    if settings.save:
        run.save(settings.save)


def _class_number(label: str, class_names: tuple[str, ...]) -> int:
    if label in class_names:
        return class_names.index(label)
    hint = nearest(label, list(class_names))
    raise CommandError(f"classes={label}: no such class{hint}; classes: {', '.join(class_names)}")


def _output_of(settings: ExplainConfig, run: LoadedRun) -> Path:
    if settings.output is not None:
        return Path(settings.output).expanduser()
    folder = run.path if run.path.is_dir() else run.path.parent
    return folder / "explanations" / file_name(Path(settings.audio or "").resolve().name)


def _report(run: LoadedRun, output: Path) -> Path:
    """Build the report; of a checkpoint outside of a run folder only its configuration is known of the training."""
    folders = [run.path, *run.path.parents[:2]]
    folder = next((path for path in folders if (path / "config.yaml").is_file()), None)
    if folder is None:
        folder = output
        replace_file(output / "config.yaml", to_yaml(run.config).encode())
    return build(folder, output / "report", explanations=output)


def summary(said: Interpretation) -> str:
    """Return the decision in a few words."""
    if not said.predictions[0]:
        return "no class"
    order = [(name, float(said.probabilities[0, said.class_number(name)])) for name in said.predictions[0]]
    return ", ".join(f"{printable(name)} {share:.2f}" for name, share in order)


def printable(text: str) -> str:
    """Return a name as a terminal may show it: control and direction characters are written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
