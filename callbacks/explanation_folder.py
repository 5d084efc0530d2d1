"""The folder that explain.py writes: sounds, explanations.json, and the data of the report."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from callbacks.listening_media import part_name
from callbacks.recording_files import Recording
from callbacks.report_data import explained_clip
from configs.errors import CommandError, InputError
from interpretability.listening.interpretation import Interpretation, normalise
from interpretability.listening.parts import Part
from report.array_file import file_name
from report.explained import save_clip
from report.run_folder import replace_file

TABLE = "explanations.json"
"""File that says that a folder holds explanations and may be overwritten when that is asked for."""
LONGEST_IN_REPORT = 60.0
"""Seconds of a recording that its page of the report plays."""


def open_folder(path: Path, overwrite: bool) -> Path:
    """Make an output folder, in place of earlier explanations if `overwrite`.

    Raises:
        CommandError: The folder exists and is not to be overwritten, or holds something else.
        InputError: It cannot be made.
    """
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not (path / TABLE).is_file():
                raise CommandError(f"output={path}: exists and holds no explanations; choose another folder")
            if not overwrite:
                raise CommandError(f"output={path}: exists; choose another folder or add overwrite=true")
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={path}: cannot be made: {error.strerror}") from error
    return path


def write_sound(folder: Path, recording: Recording, part: Part, class_names: tuple[str, ...]) -> str:
    """Write one part as a float wav at the level of the recording; return its path within the output folder."""
    place = f"sounds/{file_name(recording.name)}/{part_name(part, class_names)}.wav"
    _write_float(folder / place, part.sound.cpu().numpy(), recording.sample_rate)
    return place


def write_input(folder: Path, recording: Recording) -> str:
    """Write the recording as the model was given it; return its path within the output folder."""
    place = f"sounds/{file_name(recording.name)}/input.wav"
    _write_float(folder / place, recording.waveform.numpy(), recording.sample_rate)
    return place


def write_report_data(folder: Path, recording: Recording, said: Interpretation) -> None:
    """Write what the report plays: the recording, or the beginning of a long one."""
    waveform, notes = recording.waveform, list(recording.notes)
    shortened = recording.seconds > LONGEST_IN_REPORT
    if shortened:
        first, said = said.sounding(round(LONGEST_IN_REPORT * recording.sample_rate))
        waveform = waveform[first:]
        start, length = first / recording.sample_rate, said.n_samples / recording.sample_rate
        notes.append(f"{length:.0f} s from {start:.0f} s of {recording.seconds:.0f} s")
    clip = explained_clip(said, waveform, recording.name, "recordings", None, "; ".join(notes))
    save_clip(folder, dataclasses.replace(clip, relevance=None) if shortened else clip)


def row_of(recording: Recording, said: Interpretation, classes: list[int], sounds: dict[str, str]) -> dict[str, Any]:
    """Return what explanations.json says of one recording: decision, relevances, windows and sounds."""
    names, hop = said.class_names, said.hop_length / recording.sample_rate
    windows = []
    if said.window_logits is not None and len(said.windows) > 1:
        for (first, last), logits in zip(said.windows, said.window_logits.tolist(), strict=True):
            end = min((last - 1) * hop, recording.seconds)
            windows.append({"start_s": round(first * hop, 3), "end_s": round(end, 3), "logits": _numbers(logits)})
    return {
        "file": recording.name,
        "seconds": round(recording.seconds, 3),
        "file_sample_rate": recording.file_rate,
        "notes": list(recording.notes),
        "predicted": list(said.predictions[0]),
        **({} if said.explained is None else {"components_agree": bool(said.agreed[0])}),
        "logits": dict(zip(names, _numbers(said.logits[0].tolist()), strict=True)),
        "probabilities": dict(zip(names, _numbers(said.probabilities[0].tolist()), strict=True)),
        "classes": [_class_row(said, label) for label in classes],
        "windows": windows,
        "sounds": sounds,
    }


def write_table(folder: Path, table: dict[str, Any]) -> None:
    """Write explanations.json."""
    replace_file(folder / TABLE, (json.dumps(table, indent=1) + "\n").encode())


def _class_row(said: Interpretation, label: int) -> dict[str, Any]:
    relevance = said.relevance[0, label]
    return {
        "class": said.class_names[label],
        "prior": 0.0 if said.prior is None else round(float(said.prior[label]), 6),
        "relevance": _numbers(relevance.tolist()),
        "normalised": _numbers(normalise(relevance).tolist()),
        "selected": said.selected(label)[0].nonzero().flatten().tolist(),
    }


def _numbers(values: list[float]) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def _write_float(path: Path, samples: np.ndarray[Any, Any], sample_rate: int) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        soundfile.write(str(path), samples.astype(np.float32), sample_rate, subtype="FLOAT")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
