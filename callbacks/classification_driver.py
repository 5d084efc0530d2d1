"""Trains what a plan lacks, several trainings at a time, each a process of its own; one that fails stops no other."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callbacks.classification_claims import Claim, Claims
from callbacks.classification_plan import Cell
from callbacks.classification_progress import Outlook
from callbacks.classification_runs import Runs, missing_instruments, summary_of
from callbacks.classification_start import environment, reason_of, words_to_start
from configs.classification_schema import ClassificationBenchmark
from configs.errors import InputError
from report.run_folder import RunFolder

POLL = 0.2
"""Seconds between two looks at the trainings that run."""
PATIENCE = 60.0
"""Seconds that trainings have to end by themselves when the benchmark is interrupted."""
CLAIMS, LOGS = ".claims", "logs"
"""Folders, in that of the output, of claims and of what trainings print."""


def training_program() -> list[str]:
    """Return the command that trains one cell."""
    found = importlib.util.find_spec("train")
    if found is None or found.origin is None:
        raise InputError("train.py cannot be found; run benchmark.py from the repository or install it")
    return [sys.executable, found.origin]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Training:
    """A process that trains a cell."""

    cell: Cell
    folder: RunFolder
    process: "subprocess.Popen[bytes]"
    claim: Claim
    log: Path
    slot: int
    started: float


class Driver:
    """Works through a plan.

    Attributes:
        failures: why cells failed.
        done: cells that are finished, by this call or before.
    """

    def __init__(
        self,
        settings: ClassificationBenchmark,
        cells: Sequence[Cell],
        runs: Runs,
        outlook: Outlook,
        program: Sequence[str] | None = None,
    ) -> None:
        """Take the plan, what is there of it, who is told, and the command of a training (None: train.py)."""
        self.settings, self.runs, self.outlook = settings, runs, outlook
        self.program = list(program) if program is not None else training_program()
        self.threads = settings.threads or max(1, cores() // max(settings.jobs, 1))
        self.claims = Claims(runs.output / CLAIMS)
        self.pending = list(cells)
        self.running: list[Training] = []
        self.failures: dict[Cell, str] = {}
        self.done: set[Cell] = set()
        self._lacking: dict[Cell, tuple[int, list[str]]] = {}

    def run(self) -> Mapping[Cell, str]:
        """Work until every cell is finished, here or by another process, or has failed; return why cells failed.

        Raises:
            InputError: The output folder cannot be written.
            KeyboardInterrupt: Of the user; trainings have ended by themselves then.
        """
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while self.pending or self.running:
                self._collect()
                self._advance()
                if self.pending or self.running:
                    self.outlook.beats()
                    time.sleep(POLL)
        finally:
            self._stop()
            signal.signal(signal.SIGTERM, before)
        return self.failures

    def _advance(self) -> None:
        """Look at every cell that is left, in order, and start as many as may run."""
        for cell in list(self.pending):
            if cell.needs is not None and cell.needs in self.failures:
                self._fail(cell, f"needs {cell.needs.title}, which failed")
                continue
            try:
                self._look_at(cell)
            except (InputError, OSError) as error:
                self._fail(cell, str(error))

    def _look_at(self, cell: Cell) -> None:
        if self._is_finished(cell):
            self.pending.remove(cell)
            self.done.add(cell)
            self.outlook.found(cell, self.runs.of(cell))
        elif len(self.running) < self.settings.jobs and (cell.needs is None or cell.needs in self.done):
            self._try(cell)

    def _is_finished(self, cell: Cell) -> bool:
        """Whether a run of the cell is finished and has all columns; one from elsewhere is taken as it is."""
        if self.runs.summary(cell) is None:
            return False
        folder = self.runs.of(cell)
        return not self.runs.is_ours(folder) or not self._lacks(cell, folder)

    def _lacks(self, cell: Cell, folder: RunFolder) -> list[str]:
        """Return the instruments that a finished run did not have; its settings are read once."""
        seen = folder.config.stat().st_mtime_ns
        if self._lacking.get(cell, (0, []))[0] != seen:
            self._lacking[cell] = seen, missing_instruments(cell, folder, list(self.settings.instruments))
        return self._lacking[cell][1]

    def _try(self, cell: Cell) -> None:
        """Start a cell, unless another process has it."""
        folder = self.runs.of(cell)
        name = f"{folder.path.parent.name}.{folder.path.name}"
        claim = self.claims.take(name)
        if claim is None:
            self.outlook.waits(cell, self.claims.holder(name))
            return
        try:
            if self._is_finished(cell):  # by the process that has just let go
                claim.release()
                return
            self.runs.check(cell, folder)
            training = self._start(cell, folder, claim, name)
        except (InputError, OSError):
            claim.release()
            raise
        self.pending.remove(cell)
        self.running.append(training)

    def _start(self, cell: Cell, folder: RunFolder, claim: Claim, name: str) -> Training:
        explained = self.runs.of(cell.needs).path if cell.needs is not None else None
        words = words_to_start(cell, folder, explained, list(self.settings.instruments), self.threads)
        slot = min({*range(self.settings.jobs)} - {training.slot for training in self.running})
        log = self.runs.output / LOGS / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*self.program, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(self.threads, slot),
                pass_fds=(claim.descriptor,),  # the claim lasts as long as the training, whatever becomes of us
            )
        self.outlook.starts(cell, folder)
        return Training(cell, folder, process, claim, log, slot, time.monotonic())

    def _collect(self) -> None:
        """Take the trainings that have ended."""
        for training in list(self.running):
            if training.process.poll() is None:
                continue
            self.running.remove(training)
            training.claim.release()
            code = training.process.returncode
            if code == 0 and summary_of(training.folder) is not None:
                self.done.add(training.cell)
                self.outlook.ends(training.cell, training.folder, time.monotonic() - training.started)
            else:
                self._fail(training.cell, reason_of(code, training.log))

    def _fail(self, cell: Cell, reason: str) -> None:
        if cell in self.pending:
            self.pending.remove(cell)
        self.failures[cell] = reason
        self.outlook.fails(cell, reason)

    def _stop(self) -> None:
        """End what runs, as Ctrl-C does; finished epochs are kept."""
        for training in self.running:
            training.process.terminate()
        until = time.monotonic() + PATIENCE
        for training in self.running:
            try:
                training.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                training.process.kill()
                training.process.wait()
            training.claim.release()
        self.running.clear()
