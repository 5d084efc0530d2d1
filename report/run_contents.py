"""What lies in a run folder, read with tolerance: what is missing or damaged leaves its part of the report out."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from configs.errors import InputError
from configs.layers import file_layer, problem_of
from report import explained
from report.component_names import read_names
from report.explained import ExplainedClasses, ExplainedClip, ExplainedModel

T = TypeVar("T")


@dataclass(frozen=True)
class RunContents:
    """A run as the report sees it.

    `config` and `summary` are flat; `metrics` has one mapping per row of metrics.csv, without its empty cells; `names`
    are those people gave to components; `problems` holds one sentence for each thing that could not be read.
    `explained_in` is the folder whose clips and units are shown where it is not that of the run.
    """

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[dict[str, float], ...] = ()
    model: ExplainedModel | None = None
    classes: ExplainedClasses | None = None
    clips: tuple[ExplainedClip, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    explained_in: Path | None = None

    @property
    def explanations(self) -> Path:
        """Folder whose clips and units are shown."""
        return self.explained_in or self.folder

    @property
    def experiment(self) -> str:
        """Name of the experiment, from the first place that knows it."""
        if self.model is not None:
            return self.model.experiment
        return str(self.config.get("experiment") or self.summary.get("experiment") or self.folder.resolve().parent.name)

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.model.run_id if self.model is not None else self.folder.resolve().name

    def component(self, k: int) -> str:
        """Name of component `k` as people are shown it."""
        return self.names.get(k, f"component {k}")


def read_run(folder: Path, explanations: Path | None = None) -> RunContents:
    """Read a run folder; clips, classes and model come from `explanations`/media/listening where that is given.

    Raises:
        InputError: There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of a run")
    problems: list[str] = []

    def attempt(path: Path, read: Callable[[Path], T], empty: T) -> T:
        if not path.is_file():
            return empty
        try:
            return read(path)
        except (OSError, ValueError, InputError) as error:
            problems.append(f"{path.name} cannot be read: {problem_of(error)}")
            return empty

    heard = (explanations or folder) / explained.FOLDER
    model = attempt(heard / "model.npz", lambda path: explained.load_model(path), None)
    classes = attempt(heard / "classes.npz", lambda path: explained.load_classes(path), None)
    found = [attempt(path, lambda p: explained.load_clip(p), None) for path in sorted(heard.glob("clips/*.npz"))]
    clips = [clip for clip in found if clip is not None and model is not None and _fits(clip, model, problems)]
    names, sentence = read_names(folder, model.dictionary) if model is not None else ({}, "")
    problems += [sentence] if sentence else []
    return RunContents(
        folder=folder,
        config=attempt(folder / "config.yaml", lambda path: file_layer(path).values, {}),
        config_text=attempt(folder / "config.yaml", lambda path: path.read_text(encoding="utf-8"), ""),
        summary=attempt(folder / "summary.json", _read_summary, {}),
        metrics=attempt(folder / "metrics.csv", _read_metrics, ()),
        model=model,
        classes=classes if model is not None and _describes(classes, model, problems) else None,
        clips=tuple(sorted(clips, key=lambda clip: (clip.split, clip.name))),
        names=names,
        problems=tuple(problems),
        explained_in=explanations,
    )


def _fits(clip: ExplainedClip, model: ExplainedModel, problems: list[str]) -> bool:
    n_classes, n_components = len(model.class_names), model.dictionary.shape[1]
    fits = clip.logits.shape == (n_classes,) and clip.activations.shape[0] == n_components
    if not fits:
        problems.append(f"clip {clip.name} was explained by another model and is left out")
    return fits


def _describes(classes: ExplainedClasses | None, model: ExplainedModel, problems: list[str]) -> bool:
    if classes is None:
        return False
    fits = classes.relevance.shape == (len(model.class_names), model.dictionary.shape[1])
    if not fits:
        problems.append("classes.npz was written for another model and is left out")
    return fits


def _read_summary(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("must hold names and values")
    return content


def _read_metrics(path: Path) -> tuple[dict[str, float], ...]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple({name: number for name, cell in row.items() if (number := _number(cell)) is not None} for row in rows)


def _number(cell: object) -> float | None:
    try:
        return float(str(cell))
    except ValueError:
        return None
