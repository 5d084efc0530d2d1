"""How one training is started: its words, its environment, and what is said when it fails."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from callbacks.classification_plan import Cell
from configs.compose import load_yaml_config, to_plain
from configs.layers import flatten
from report.command import setting_text
from report.run_folder import RunFolder

MAY_MOVE = ("data.root=", "data.cache_dir=", "data.num_workers=", "logger.")
"""Words that a training is given again when it goes on."""
OF_A_GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK", "MASTER_ADDR",
              "MASTER_PORT", "SOUNDGLASS_RUN_ID")  # fmt: skip
"""Variables by which torchrun and the like tell processes that they belong together; a training stands alone."""
STARTS_OF_GROUP = ("SLURM_", "TORCHELASTIC_")


def words_to_start(
    cell: Cell, folder: RunFolder, explained: Path | None, instruments: Sequence[str], threads: int
) -> list[str]:
    """Return the arguments of train.py for a cell: to begin, or to go on from its last checkpoint.

    A run that was stopped before its first checkpoint is removed.

    Args:
        cell: to train.
        folder: where it lies or will lie.
        explained: run of the classifier that it explains.
        instruments: names of those that columns need; a run that goes on gets them with the settings of the plan.
        threads: CPU threads.
    """
    if folder.last.is_file():
        moved = [word for word in cell.words if word.startswith(MAY_MOVE)]
        watched = _instrument_words(cell, folder, instruments)
        return [f"resume={folder.path}", *moved, *watched, "twin=false", "trainer.progress=false"]
    if folder.path.is_dir():
        folder.discard_unstarted()
    place = [f"output={folder.path.parent.parent}", f"run_id={folder.path.name}"]
    explains = [] if explained is None else [f"model.explains={explained}"]
    return [*cell.words, *explains, *place, f"trainer.threads={threads}", "trainer.progress=false"]


def _instrument_words(cell: Cell, folder: RunFolder, names: Sequence[str]) -> list[str]:
    """Return the words by which instruments of a run become those of the plan."""
    stored, wanted = (
        {key: value for key, value in flatten(to_plain(config)).items() if key.split(".")[:1] == ["callbacks"]}
        for config in (load_yaml_config(folder.config), cell.config)
    )
    return [
        f"{key}={setting_text(value)}"
        for key, value in wanted.items()
        if key.split(".")[1] in names and stored.get(key) != value
    ]


def environment(threads: int, slot: int) -> dict[str, str]:
    """Return the environment of a training: alone in the world, with its threads, on its own of several GPUs."""
    found = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_A_GROUP and not name.startswith(STARTS_OF_GROUP)
    }
    found |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    devices = [name for name in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if len(devices) > 1:
        found["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    return found


def reason_of(code: int, log: Path) -> str:
    """Return in one line why a training ended with `code`: what it said itself, or the signal that ended it."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("error")]
    if code < 0:
        return f"ended by signal {-code} ({signal.Signals(-code).name}); the same command goes on with it"
    if said:
        return said[-1].partition(": ")[2]
    return f"exit code {code}: {lines[-1] if lines else 'it said nothing'} (see {log})"
