"""What is there of a plan already: which run folders hold its cells, wherever they were made, and how far they are."""

import dataclasses
import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.classification_plan import Cell, cell_key
from configs.classification_schema import entries
from configs.compose import load_yaml_config
from configs.errors import CommandError, InputError
from configs.schema import Config
from report.run_folder import RunFolder

DEPTHS = ("config.yaml", "*/config.yaml", "*/*/config.yaml")
"""Where runs lie in a folder that is searched: the folder itself, those of an experiment, those of an output folder."""


class Runs:
    """Run folders by the key of their cell.

    Attributes:
        output: folder in which cells are made.
        problems: a sentence for each folder that looks like a run and cannot be used.
    """

    def __init__(self, output: Path, collect: str | None) -> None:
        self.output = output
        self.problems: list[str] = []
        self._configs: dict[Path, Config | None] = {}
        self._made: dict[str, Path] = {}
        self._elsewhere: dict[str, list[Path]] = {}
        for folder in self._found([output]):
            key = self._key(folder) or ""
            if key not in self._made or summary_of(RunFolder(self._made[key])) is None:
                self._made[key] = folder
        for folder in self._found(collect_folders(collect)):
            if not folder.resolve().is_relative_to(output.resolve()):
                self._elsewhere.setdefault(self._key(folder) or "", []).append(folder)

    def of(self, cell: Cell) -> RunFolder:
        """Return the folder of a cell: the one made here, a finished one from elsewhere, or where it will be made."""
        made = self._made.get(cell.key)
        if made is not None and summary_of(RunFolder(made)) is not None:
            return RunFolder(made)
        finished = [path for path in self._elsewhere.get(cell.key, []) if summary_of(RunFolder(path)) is not None]
        if finished:
            self._compare(cell, finished)
            return RunFolder(finished[0])
        return RunFolder(made or RunFolder.at(str(self.output), cell.experiment, cell.run_id).path)

    def is_ours(self, folder: RunFolder) -> bool:
        """Whether a run lies in the output folder, where it may be written."""
        return folder.path.resolve().is_relative_to(self.output.resolve())

    def summary(self, cell: Cell) -> dict[str, Any] | None:
        """Return the summary of a cell, or None before it is finished.

        Raises:
            InputError: As `check`.
        """
        folder = self.of(cell)
        found = summary_of(folder)
        if found is not None:
            self.check(cell, folder)
        return found

    def check(self, cell: Cell, folder: RunFolder) -> None:
        """Refuse a folder that has the name of a cell and is another run.

        Raises:
            InputError: It is, or its configuration cannot be read.
        """
        if not self.is_ours(folder) or not folder.config.is_file() or self._made.get(cell.key) == folder.path:
            return
        if cell_key(load_yaml_config(folder.config), cell.needs.key if cell.needs is not None else "") != cell.key:
            name, path = folder.path.name, folder.path
            raise InputError(
                f"run_id={name}: {path} is a run of other settings; move it or choose another output= for the plan"
            )
        self._made[cell.key] = folder.path

    def _compare(self, cell: Cell, folders: Sequence[Path]) -> None:
        """Note where several runs of one cell do not say the same."""
        scores = [score_of(summary_of(RunFolder(path)) or {}) for path in folders]
        if any(score != scores[0] for score in scores):
            sentence = f"{cell.title}: {folders[0]} is used; {folders[1]} has the same settings and another score"
            self.problems += [sentence] if sentence not in self.problems else []

    def _found(self, roots: Sequence[Path]) -> Iterator[Path]:
        for root in roots:
            for depth in DEPTHS:
                yield from (file.parent for file in sorted(root.glob(depth)))

    def _config(self, folder: Path) -> Config | None:
        if folder not in self._configs:
            try:
                self._configs[folder] = load_yaml_config(folder / "config.yaml")
            except InputError as error:
                self.problems.append(f"{folder} is left out: {error}")
                self._configs[folder] = None
        return self._configs[folder]

    def _key(self, folder: Path) -> str | None:
        """Return the key of a run; of an interpreter it holds that of the run it explains."""
        config = self._config(folder)
        if config is None:
            return None
        explains = getattr(config.model, "explains", None)
        if explains is None:
            return cell_key(config)
        explained = self._explained(folder, Path(str(explains)).expanduser())
        return None if explained is None else cell_key(config, self._key(explained) or "")

    def _explained(self, folder: Path, named: Path) -> Path | None:
        """Return the run that an interpreter explains; one that was moved still lies beside it in its output folder."""
        places = [named, *([] if len(named.parts) < 2 else [folder.parent.parent.joinpath(*named.parts[-2:])])]
        return next((place for place in places if (place / "config.yaml").is_file()), None)


def collect_folders(text: str | None) -> list[Path]:
    """Return the folders that `collect=` names, patterns filled in.

    Raises:
        CommandError: One that there is not.
    """
    found: list[Path] = []
    for entry in entries(text or ""):
        places = [Path(place) for place in sorted(glob.glob(str(Path(entry).expanduser())))]  # noqa: PTH207 - absolute patterns
        if not places:
            raise CommandError(f"collect={entry}: no such folder")
        found += [place for place in places if place.is_dir()]
    return found


def summary_of(folder: RunFolder) -> dict[str, Any] | None:
    """Return the summary of a finished run, or None where there is none that can be read."""
    try:
        found = folder.read_summary()
    except InputError:
        return None
    return found if found is not None and score_of(found) is not None else None


def score_of(summary: Mapping[str, Any]) -> float | None:
    """Return the score of a run, or None where it has not been tested."""
    score = summary.get("test/map", summary.get("test/accuracy"))
    return float(score) if isinstance(score, int | float) else None


def missing_instruments(cell: Cell, folder: RunFolder, names: Sequence[str]) -> list[str]:
    """Return, of some instruments of a cell, those that a run did not have, or had with other settings."""
    stored = load_yaml_config(folder.config)
    names = [name for name in names if hasattr(cell.config.callbacks, name)]
    return [name for name in names if _settings(stored, name) != _settings(cell.config, name)]


def _settings(config: Config, name: str) -> Any:  # noqa: ANN401 - settings of any instrument
    found = getattr(config.callbacks, name, None)
    return None if found is None else dataclasses.asdict(found)
