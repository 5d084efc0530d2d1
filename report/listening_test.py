"""A blind listening test of explanations: a page that participants open from a disk, and a key that stays behind.

`python -m report.listening_test NAME=FOLDER [NAME=FOLDER ...] --output DIR` takes the sounds that several systems give
as the explanation of the same clips, written by `explain.py` (one folder for each system), or a folder written by
`benchmark.py explanations`, which holds several systems. DIR/test goes to the participants; nothing in it says which
sound is whose. DIR/key.csv says it, for `python -m report.listening_ratings`.

In each trial a participant hears a clip, is told what the model decided, and rates the sounds from 0 to 100, as in the
listeners' study of Parekh et al. (2022) and in multi-stimulus tests (ITU-R BS.1534). Sounds of one trial are equally
loud (RMS), so that loudness does not stand for relevance; what an explanation leaves out is an anchor among them.
Trials, and sounds in a trial, come in an order of each participant's own.
"""

import argparse
import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import CommandError, InputError
from configs.script_line import one_line_errors
from report.build import HERE, render
from report.embed import script_file

QUESTION = "How well does this sound let you hear why the model said “{class}”?"
ANCHOR = "(anchor: what the explanation leaves out)"
LOUDNESS = 0.08
"""RMS of every sound, -22 dB of full scale."""
SCRIPTS = ("base.js", "listening_test.js")
STYLES = ("style.css", "listening_test.css")


@dataclass(frozen=True)
class Trial:
    """A clip, the class that was decided for, and a sound file of each system."""

    clip: str
    label: str
    reference: Path
    sounds: dict[str, Path]


def read_source(name: str, folder: Path) -> list[Trial]:
    """Return the trials that one folder of explanations gives.

    Raises:
        CommandError: No explanations in the folder.
        InputError: A damaged table.
    """
    file = folder / "explanations.json"
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{folder}: no explanations.json in it; give a folder written by explain.py") from error
    except ValueError as error:
        raise InputError(f"{file}: not JSON: {error}") from error
    try:
        return _of_benchmark(folder, table) if "blocks" in table else _of_clips(name, folder, table)
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{file}: not a table of explanations ({error!r} is missing in it)") from error


def _of_clips(name: str, folder: Path, table: dict[str, Any]) -> list[Trial]:
    found = []
    for row in table["files"]:
        label, sounds = row["classes"][0]["class"], row["sounds"]
        number = table["classes"].index(label)
        heard = {name: _inside(folder, sounds[f"class {number}"])}
        if "rest" in sounds:
            heard[ANCHOR] = _inside(folder, sounds["rest"])
        found.append(Trial(row["file"], label, _inside(folder, sounds["input"]), heard))
    return found


def _of_benchmark(folder: Path, table: dict[str, Any]) -> list[Trial]:
    found = []
    for block in table["blocks"]:
        for clip in block["playable"]["clips"]:
            sounds = {sound["title"]: _inside(folder, sound["file"]) for sound in clip["sounds"]}
            reference = sounds.pop("clip")
            found.append(Trial(clip["name"], clip["label"], reference, sounds))
    return found


def _inside(folder: Path, name: str) -> Path:
    """Return a file of a folder, and none outside of it, whatever the table says."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"{folder}/explanations.json: {name} is outside of the folder")
    return path


def joined(sources: Sequence[tuple[str, Path]], anchor: bool = True) -> list[Trial]:
    """Return the trials of all sources; what several say of one clip and class is one trial.

    `anchor` says whether what explanations leave out is rated too.

    Raises:
        CommandError: Two sources of one name, or no trial with two sounds to compare.
    """
    names = [name for name, _ in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CommandError(f"{twice[0]} is the name of two folders; give NAME=FOLDER with other names")
    trials: dict[tuple[str, str], Trial] = {}
    for name, folder in sources:
        for trial in read_source(name, folder):
            known = trials.setdefault((trial.clip, trial.label), trial)
            for system, sound in trial.sounds.items():
                known.sounds.setdefault(system, sound)
            if not anchor:
                known.sounds.pop(ANCHOR, None)
    compared = [trial for trial in trials.values() if len(trial.sounds) > 1]
    if not compared:
        raise CommandError("no clip of which two sounds could be compared; explain the same clips by each system")
    return compared


def write_test(
    trials: Sequence[Trial], output: Path, question: str = QUESTION, title: str = "Listening test", seed: int = 0
) -> Path:
    """Write `output`/test and `output`/key.csv; return the page.

    Raises:
        CommandError: The folder exists.
        InputError: A sound that cannot be read, or that is silent.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise CommandError(f"--output {output}: exists; choose another folder")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(trials, partial, question, title, seed)
        if output.is_dir():
            output.rmdir()
        partial.replace(output)
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output / "test" / "index.html"


def _write(trials: Sequence[Trial], output: Path, question: str, title: str, seed: int) -> None:
    test, key, shown = output / "test", [], []
    for folder in ("sounds", "data", "assets"):
        (test / folder).mkdir(parents=True)
    for number, trial in enumerate(trials):
        reference = f"sounds/{_token(seed, number, 'reference')}.wav"
        _copy(trial.reference, test / reference)
        stimuli = {_token(seed, number, system): system for system in trial.sounds}
        for token, system in stimuli.items():
            _copy(trial.sounds[system], test / f"sounds/{token}.wav")
            key.append([number, token, system, trial.clip, trial.label])
        asked = question.replace("{class}", trial.label)
        shown.append({"number": number, "reference": reference, "stimuli": sorted(stimuli), "question": asked})
    name, content = script_file("trials", {"title": title, "seed": seed, "trials": shown})
    page = render("listening_test.html.j2", {"title": title, "scripts": SCRIPTS, "n": len(trials)})
    for file, data in ((name, content), ("index.html", page)):
        (test / file).write_bytes(data)
    for asset in (*SCRIPTS, *STYLES):
        shutil.copy(HERE / "assets" / asset, test / "assets" / asset)
    with (output / "key.csv").open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([["trial", "stimulus", "system", "clip", "class"], *key])


def _token(seed: int, number: int, system: str) -> str:
    """Name of a sound that says nothing of where it comes from."""
    return hashlib.sha256(f"{seed}/{number}/{system}".encode()).hexdigest()[:12]


def _copy(source: Path, target: Path) -> None:
    """Copy a sound at the common loudness, as 16-bit PCM; one with high peaks stays as loud as full scale allows."""
    import soundfile

    try:
        samples, rate = soundfile.read(str(source), dtype="float32")
        soundfile.write(str(target), at_loudness(samples, str(source)), rate, subtype="PCM_16")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{source}: cannot be read: {error}") from error


def at_loudness(samples: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Samples (N,) with the RMS `LOUDNESS`, or less where they would exceed full scale.

    Raises:
        InputError: The sound is silent.
    """
    level, peak = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))), float(np.abs(samples).max(initial=0.0))
    if peak < 1e-6:
        raise InputError(f"{name}: silent; leave its clip out, or explain it with a lower threshold")
    return samples * np.float32(min(LOUDNESS / level, 0.99 / peak))


def _source(text: str) -> tuple[str, Path]:
    name, mark, folder = text.partition("=")
    path = Path(folder if mark else text).expanduser()
    return (name if mark else path.name), path


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m report.listening_test", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("source", nargs="+", help="NAME=FOLDER of explanations, one for each system")
    parser.add_argument("--output", required=True, help="folder that is made: test/ for participants, and key.csv")
    parser.add_argument("--question", default=QUESTION, help="what is asked of each sound; {class} is the decision")
    parser.add_argument("--title", default="Listening test", help="heading of the page")
    parser.add_argument("--trials", type=int, help="largest number of clips, drawn at random")
    parser.add_argument("--no-anchor", action="store_true", help="leave out what explanations leave out")
    parser.add_argument("--seed", type=int, default=0, help="of names, orders and drawn clips")
    options = parser.parse_args(arguments)
    trials = joined([_source(text) for text in options.source], not options.no_anchor)
    if options.trials is not None and options.trials < len(trials):
        drawn = np.random.default_rng(options.seed).permutation(len(trials))[: max(1, options.trials)]
        trials = [trials[place] for place in sorted(drawn.tolist())]
    page = write_test(trials, Path(options.output).expanduser(), options.question, options.title, options.seed)
    print(f"{len(trials)} trials, {sum(len(trial.sounds) for trial in trials)} sounds: {page}")
    print(f"key: {Path(options.output) / 'key.csv'} (not for participants)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
