"""Stands in for train.py where a test needs many trainings in no time: run folders, checkpoints and resuming, no model.

Each epoch takes `STUB_SECONDS`; `STUB_JOURNAL` is a file to which every start and end is added as a line; a run of the
seed `STUB_FAILS` fails. Scores follow from model, fold and seed alone.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

from configs.compose import compose, config_hash
from configs.errors import InputError
from report.run_opening import open_run

EPOCHS, CLIPS = 3, 20


def note(text: str) -> None:
    with Path(os.environ["STUB_JOURNAL"]).open("a") as file:
        file.write(f"{text}\n")


def score(model: str, fold: int, seed: int) -> int:
    """Clips that are answered right."""
    return 10 + {"by_design": 4, "black_box": 3}.get(model, 0) + fold % 3 + seed


def write_answers(path: Path, right: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "recording", "p(a)", "p(b)", "target(a)", "target(b)"])
        for number in range(CLIPS):
            writer.writerow([f"clip{number}", number, *((0.9, 0.1) if number < right else (0.2, 0.8)), 1, 0])


def main(words: list[str]) -> int:
    try:
        config = compose(words)
        folder = open_run(config)
    except InputError as error:
        print(f"error: {error}")
        return error.exit_code
    if folder.read_summary() is not None:
        return 0
    name = f"{folder.path.parent.name}/{folder.path.name}"
    done = json.loads(folder.last.read_text()) if folder.last.is_file() else 0
    note(f"start {name} at {done} pid {os.getpid()} words {' '.join(words)}")
    if str(config.seed) == os.environ.get("STUB_FAILS"):
        print("error: the data of this seed cannot be used")
        return 1
    rows = ["step,epoch,faithfulness/chosen_input_fidelity,faithfulness/seconds"]
    for epoch in range(done, EPOCHS):
        partial = folder.last.with_suffix(".partial")
        partial.write_text(json.dumps(epoch + 1))
        time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
        partial.replace(folder.last)
        folder.metrics.write_text("\n".join([*rows, f"{epoch},{epoch},,"]) + "\n")
    watched = getattr(config.callbacks, "faithfulness", None)
    fidelity = "0.9" if watched is not None and watched.enabled else ""
    folder.metrics.write_text(
        "\n".join([*rows, f"{EPOCHS},{EPOCHS - 1},{fidelity},{'1.5' if fidelity else ''}"]) + "\n"
    )
    right = score(config.model.name, getattr(config.data, "fold", 0), config.seed)
    write_answers(folder.predictions, right)
    summary = {
        "model": config.model.name, "seed": config.seed, "config_hash": config_hash(config), "test/n": CLIPS,
        "test/accuracy": right / CLIPS, "parameters": 1234, "n_train": 4 * CLIPS, "seconds/fit": 4.0,
        "seconds/test": 0.5, "run": str(folder.path),
    }  # fmt: skip
    folder.write_summary(summary)
    note(f"end {name} pid {os.getpid()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
