"""The folder of one training run: where each file lies, and how a file is replaced without ever being half-written."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import CommandError, InputError


@dataclass(frozen=True)
class RunFolder:
    """`<output>/<experiment>/<run id>/` and the files in it."""

    path: Path

    @property
    def config(self) -> Path:
        """The whole configuration of the run."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """One row per logged step."""
        return self.path / "metrics.csv"

    @property
    def summary(self) -> Path:
        """Final figures, written when the run has ended well."""
        return self.path / "summary.json"

    @property
    def predictions(self) -> Path:
        """Probabilities and target of every test clip."""
        return self.path / "test_predictions.csv"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation score."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch boundary, from which a run resumes."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def traceback(self) -> Path:
        """What Python said when the run failed."""
        return self.path / "traceback.txt"

    @classmethod
    def at(cls, output: str, experiment: str, run_id: str) -> "RunFolder":
        """Return where the run of this name lies, whether it exists or not."""
        return cls(Path(output).expanduser() / Path(experiment).stem / run_id)

    @classmethod
    def create(cls, output: str, experiment: str, run_id: str | None) -> "RunFolder":
        """Make the folder of a new run; without `run_id` its name is the time and a few random letters.

        Raises:
            CommandError: The run id exists.
            InputError: The folder cannot be made.
        """
        name = run_id or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        path = cls.at(output, experiment, name).path
        try:
            path.mkdir(parents=True)
            (path / "checkpoints").mkdir()
        except FileExistsError as error:
            if not path.is_dir():
                raise InputError(
                    f"output={output}: cannot make the run folder {path}: {error.filename} exists"
                ) from error
            raise CommandError(
                f"run_id={name}: {path} exists; continue it with resume={path} or choose another run_id"
            ) from error
        except OSError as error:
            raise InputError(f"output={output}: cannot make the run folder {path}: {error.strerror}") from error
        return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Return the folder of an earlier run.

        Raises:
            CommandError: There is no run in `path`.
        """
        folder = cls(Path(path).expanduser())
        if not folder.config.is_file():
            raise CommandError(f"{path}: not a run folder (no config.yaml in it)")
        return folder

    def discard_unstarted(self) -> None:
        """Remove the folder of a run that failed before its first checkpoint, so that its name is free again."""
        if not self.last.is_file():
            shutil.rmtree(self.path, ignore_errors=True)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Replace summary.json."""
        replace_file(self.summary, (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode())

    def read_summary(self) -> dict[str, Any] | None:
        """Return what summary.json holds, or None before the run has ended.

        Raises:
            InputError: The file cannot be read, or is damaged.
        """
        if not self.summary.is_file():
            return None
        try:
            summary: dict[str, Any] = json.loads(self.summary.read_text(encoding="utf-8"))
            if not isinstance(summary, dict):
                raise ValueError("it must hold names and values")
        except (OSError, ValueError) as error:
            raise InputError(f"{self.summary}: cannot be read: {error}") from error
        return summary


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Write `content` beside `path` and rename: whoever reads `path` finds the old file or the new one, whole.

    The partial file lies in the same folder, hence on the same file system, and is removed if anything goes wrong. Each
    process has its own, so that several may write the same file.

    Raises:
        InputError: The disk is full or the folder cannot be written; the earlier file is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        kept = "; the earlier file is kept" if path.exists() else ""
        raise InputError(f"cannot write {path} ({len(content):,} bytes): {error.strerror}{kept}") from error
    finally:
        if partial.exists():
            partial.unlink()
