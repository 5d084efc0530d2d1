"""What a benchmark has to compute: every method under every condition for every classifier of every fold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from callbacks.benchmark_blocks import Block, blocks_of, check_used, fingerprint, run_paths
from callbacks.benchmark_cache import cell_file
from callbacks.benchmark_cell import Effort, Method
from callbacks.benchmark_clips import ClipSet, clips_of, in_condition, read_speech
from callbacks.benchmark_methods import methods_of
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import CommandError, InputError
from models.run_loading import load_run

PASSES_FOR_MASKS = 6
"""Times a clip goes through the classifier for the scores of masked sounds."""


@dataclass(eq=False)
class Task:
    """One cell that a benchmark needs: a method under a condition, for one classifier."""

    block: Block
    condition: str
    method: Method
    file: Path
    is_reference: bool
    effort: Effort
    n_clips: int

    @property
    def passes(self) -> int:
        """About how many times clips go through the classifier."""
        drawn = self.effort.stability_draws * min(self.effort.stability_clips, self.n_clips)
        each = self.method.passes + PASSES_FOR_MASKS + 2 * self.effort.curve_steps
        return self.n_clips * each + drawn * self.method.passes


class Plan:
    """Runs, clips and settings of one call, and the cells that they need."""

    def __init__(self, settings: ExplanationsBenchmark) -> None:
        self.settings = settings
        self.conditions = list(dict.fromkeys([*settings.conditions, *(["speech"] if settings.speech else [])]))
        self.paths = run_paths(settings.run)
        if not self.paths:
            raise CommandError(f"run={settings.run}: names no run")
        self.folds = self._folds()
        self._clips: dict[tuple[Path, str], ClipSet] = {}
        self._speech: dict[int, list[torch.Tensor]] = {}

    def _folds(self) -> list[list[Block]]:
        settings = self.settings
        post_hoc = [load_run(path, settings.device) for path in run_paths(settings.post_hoc)]
        lmac = [load_run(path, settings.device) for path in run_paths(settings.lmac)]
        folds = [blocks_of(path, post_hoc, lmac, settings.twin, settings.device) for path in self.paths]
        check_used([one for fold in folds for one in fold], [*post_hoc, *lmac])
        names = [[one.key for one in fold] for fold in folds]
        if any(fold != names[0] for fold in names):
            raise InputError(f"run={settings.run}: pooled runs must be of the same kind, each with its twin or none")
        return folds

    @property
    def output(self) -> Path:
        """Folder of the tables."""
        if self.settings.output is not None:
            return Path(self.settings.output).expanduser()
        return self.paths[0] / "benchmark" if len(self.paths) == 1 else self.paths[0].parent / "benchmark"

    def clips(self, one: Block, condition: str) -> ClipSet:
        """Return the clips of a block under a condition; kept until those of another run are asked for."""
        key = one.run.path, condition
        if key not in self._clips:
            if not any(path == one.run.path for path, _ in self._clips):
                self._clips.clear()
            clean = self._clips.setdefault((one.run.path, "clean"), clips_of(one.run, self.settings.clips))
            speech = self._speech_at(one.run.sample_rate) if condition == "speech" else ()
            self._clips[key] = in_condition(clean, condition, self.settings.snr_db, speech)
        return self._clips[key]

    def _speech_at(self, rate: int) -> list[torch.Tensor]:
        if rate not in self._speech:
            self._speech[rate] = read_speech(str(self.settings.speech), rate)
        return self._speech[rate]

    def tasks(self) -> Iterator[Task]:
        """Yield every cell in an order in which those to compare with come first."""
        for fold in self.folds:
            for one in fold:
                methods = methods_of(one, self.settings)
                for condition in self.conditions:
                    yield from self._tasks_of(one, condition, methods)

    def _tasks_of(self, one: Block, condition: str, methods: Sequence[Method]) -> Iterator[Task]:
        settings = self.settings
        clips, full = self.clips(one, condition), condition == self.conditions[0]
        effort = Effort(
            curve_steps=settings.curve_steps if full else 0,
            stability_draws=settings.stability_draws if full else 0,
            stability_clips=settings.stability_clips,
            batch_size=settings.batch_size,
            seed=settings.seed,
        )
        shared = {
            "classifier": fingerprint(one.run),
            "clips": clips.names,
            "snr_db": settings.snr_db,
            "speech": settings.speech if condition == "speech" else None,
            "reference": dict(methods[0].settings),
            "seed": settings.seed,
            "effort": [effort.curve_steps, effort.stability_draws, effort.stability_clips],
        }
        for place, method in enumerate(methods):
            made_with = {**shared, "method": method.name, "settings": dict(method.settings)}
            file = cell_file(one.run.path / "benchmark" / "cells", condition, method.name, made_with)
            yield Task(one, condition, method, file, place == 0, effort, len(clips))
