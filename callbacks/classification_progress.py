"""What a classification benchmark says while it works: a line for each cell, with the time that is left."""

import csv
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from callbacks.classification_plan import Cell
from callbacks.classification_runs import score_of, summary_of
from report.headline import seconds_text
from report.run_folder import RunFolder

PARTS = ("seconds/fit", "seconds/test", "dictionary/seconds")
"""Entries of a summary of which the time of a training is made."""
BEAT = 60.0
"""Seconds after which something is said although nothing has ended."""


class Outlook:
    """Tells the user what happens, and how long the rest will take at the pace of what is known."""

    def __init__(self, cells: Sequence[Cell], jobs: int, shown: bool = True) -> None:
        self.total, self.jobs, self.shown = len(cells), max(jobs, 1), shown
        self.left = set(cells)
        self.running: dict[Cell, tuple[float, RunFolder, float]] = {}
        self._seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._waiting: set[Cell] = set()
        self._told_at = time.monotonic()

    def found(self, cell: Cell, folder: RunFolder) -> None:
        """Take a cell that was finished before, or by another process."""
        self.left.discard(cell)
        summary = summary_of(folder) or {}
        self._seconds[cell.data, cell.model].append(sum(float(summary.get(key, 0)) for key in PARTS))
        self._tell(f"{cell.title}: {_score(folder)}, found in {folder.path}", counted=False)

    def starts(self, cell: Cell, folder: RunFolder) -> None:
        """Take a cell that is being trained now."""
        done = _share(cell, folder)
        self.running[cell] = time.monotonic(), folder, done
        self._tell(f"{cell.title}: {'goes on' if done else 'starts'}", counted=False)

    def ends(self, cell: Cell, folder: RunFolder, seconds: float) -> None:
        """Take a cell that was trained to its end."""
        self.left.discard(cell)
        _, _, done = self.running.pop(cell)
        if not done:
            self._seconds[cell.data, cell.model].append(seconds)
        self._tell(f"{cell.title}: {_score(folder)} in {seconds_text(seconds)}")

    def fails(self, cell: Cell, reason: str) -> None:
        """Take a cell that cannot be had."""
        self.left.discard(cell)
        self.running.pop(cell, None)
        self._tell(f"{cell.title}: failed: {reason}", always=True)

    def waits(self, cell: Cell, holder: str) -> None:
        """Say, once, that another process trains a cell."""
        if cell not in self._waiting:
            self._waiting.add(cell)
            self._tell(f"{cell.title}: is trained by process {holder}", counted=False)

    def beats(self) -> None:
        """Say how far the running trainings are, where nothing has been said for a while."""
        if time.monotonic() - self._told_at >= BEAT:
            shares = {cell: _share(cell, folder) for cell, (_, folder, _) in self.running.items()}
            far = [f"{cell.title} {f'{100 * s:.0f} %' if s < 1 else 'is measured'}" for cell, s in shares.items()]
            self._tell("; ".join(far) or "waiting for other processes")

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, or None before anything is known."""
        known = {key: fmean(values) for key, values in self._seconds.items() if values}
        now, rest = time.monotonic(), []
        for cell, (started, folder, before) in self.running.items():
            whole = known.get((cell.data, cell.model))
            share = _share(cell, folder)
            if share > before and now > started:
                rest.append((now - started) / (share - before) * (1 - share))
                known.setdefault((cell.data, cell.model), (now - started) / (share - before))
            elif whole is not None:
                rest.append(max(whole - (now - started), 0.0))
        if not known:
            return None
        usual = fmean(known.values())
        rest += [usual] * (len(self.running) - len(rest))
        waiting = [cell for cell in self.left if cell not in self.running]
        rest += [known.get((cell.data, cell.model), usual) for cell in waiting]
        return max([sum(rest) / self.jobs, *rest]) if rest else 0.0

    def _tell(self, text: str, counted: bool = True, always: bool = False) -> None:
        self._told_at = time.monotonic()
        if not (self.shown or always):
            return
        left = self.seconds_left if self.left else None
        more = "" if not left or not counted else f"; about {seconds_text(left)} left"
        print(f"[{self.total - len(self.left)}/{self.total}] {text}{more}", file=sys.stderr, flush=True)


def _score(folder: RunFolder) -> str:
    summary = summary_of(folder) or {}
    score = score_of(summary)
    return "no score" if score is None else f"{100 * score:.1f} %{' mAP' if 'test/map' in summary else ''}"


def _share(cell: Cell, folder: RunFolder) -> float:
    """Share of its epochs that a run has finished, by what it has logged."""
    try:
        with folder.metrics.open(newline="", encoding="utf-8") as file:
            epochs = [float(row["epoch"]) for row in csv.DictReader(file) if row.get("epoch")]
    except (OSError, ValueError, KeyError):
        return 0.0
    return min(1.0, (max(epochs) + 1) / cell.config.trainer.max_epochs) if epochs else 0.0
