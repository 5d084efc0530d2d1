"""The work of `benchmark.py unlearning`: every class of one or more runs is forgotten in turn, by several choices."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from callbacks.benchmark_blocks import run_paths
from callbacks.unlearning import Unlearning
from callbacks.unlearning_properties import hidden_layers, mean_curves, property_curves
from configs.errors import CommandError, InputError
from configs.unlearn_schema import UnlearnConfig, UnlearningBenchmark
from interpretability.dissection.ablation import Units
from interpretability.dissection.ablation_effect import AblationEffect, pooled
from interpretability.dissection.concept_pruning import (
    STRATEGIES,
    by_similarity,
    by_words,
    confidence_drop,
    label_words,
)
from interpretability.dissection.similarity import cosine_cubed, soft_wpmi
from interpretability.dissection.unit_moments import unit_values
from models.run_loading import load_run
from report.run_folder import replace_file
from report.unlearning_summary import FORMAT, csv_text, markdown


class Fold:
    """One run: the units that each strategy removes for each class, and what that does to its test clips."""

    def __init__(self, path: Path, settings: UnlearningBenchmark) -> None:
        run = load_run(path, settings.device)
        self.settings, self.names = settings, run.class_names
        self.work = Unlearning(
            run,
            UnlearnConfig(
                run=str(path),
                concept="",
                layers=settings.layers,
                how=settings.how,
                budget=settings.budget,
                clips=settings.clips,
                draws=settings.draws,
                seed=settings.seed,
                device=settings.device,
            ),
        )
        self.values = unit_values(self.work.model, self.work.layers, self.work.learn)
        answers = self.work.learn()
        self.target = answers.target
        scores = answers.target.float() if answers.multi_label else torch.nn.functional.one_hot(answers.target).float()
        self.similar = {
            "tab": {path: soft_wpmi(values, scores) for path, values in self.values.items()},
            "db": {path: cosine_cubed(values, scores) for path, values in self.values.items()},
        }
        self.words = {path: label_words(values, self.target, self.names) for path, values in self.values.items()}

    @property
    def labels(self) -> list[int]:
        """Classes that training clips and test clips hold: the others can neither be found nor be missed."""
        held = (self.work.learn().counts > 0) & (self.work.before.counts > 0)
        return [int(label) for label in held.nonzero().flatten()]

    def units(self, strategy: str, label: int, as_published: bool = False) -> Units:
        """Return the units that a strategy removes for a class."""
        if strategy == "effects":
            return self.work.removal(label)[0].units
        if strategy in ("tab", "db"):
            return by_similarity(self.similar[strategy], label, self.settings.top)
        if strategy == "ocp":
            return by_words(self.words, self.names[label], as_published)
        generator = torch.Generator().manual_seed(self.settings.seed + label)
        like = by_similarity(self.similar["tab"], label, self.settings.top)
        return {
            path: torch.randperm(self.values[path].shape[1], generator=generator)[: len(units)].tolist()
            for path, units in like.items()
        }

    def effect(self, strategy: str, label: int, as_published: bool = False) -> AblationEffect:
        """Return what the removal of the units of a class does; `as_published` as the paper's code has it.

        Its random row masks the model that others are compared with too, so that nothing changes.
        """
        effect = self.work.effect(self.units(strategy, label, as_published))
        masked = as_published and strategy == "random"
        return dataclasses.replace(effect, before=effect.after) if masked else effect

    def properties(self, words: Sequence[str] | None) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
        """Return for each described property the accuracy as units that have most of it are removed, and the words."""
        settings, work = self.settings, self.work
        layers = hidden_layers(work.model, settings.layers)
        return property_curves(work, layers, words, settings.draws, settings.as_published)


def class_row(name: str, label: int, folds: Sequence[AblationEffect]) -> dict[str, Any]:
    """Return what the folds together lose of a class and of all others, as plain data."""
    whole = pooled(folds)
    rows = whole.classes()
    row, figure = rows[label], whole.before.figures[0]
    others = [(other[figure]["forget"], number) for number, other in enumerate(rows) if number != label]
    losses = [(side["before"] - side["after"], number) for side, number in others if side["before"] is not None]
    lost, number = max(losses)
    singles = [effect.classes()[label][figure]["forget"] for effect in folds]
    each = torch.tensor([side["before"] - side["after"] for side in singles if side["before"] is not None]).double()
    counts = [sum(map(len, effect.units.values())) for effect in folds]
    return {
        "name": name,
        "n": row["n"],
        "units": sum(counts) / len(counts),
        "forget": row[figure]["forget"],
        "retain": row[figure]["retain"],
        "z_log_probability": row["log_probability"]["forget"]["z"],
        "fold_std": float(each.std()) if len(each) > 1 else None,
        "worst_other": {"class": number, "lost": lost},
        "logit": {side: row["logit"][side]["after"] - row["logit"][side]["before"] for side in ("forget", "retain")},
        "norm_ratio": whole.norm_ratio,
    }


def strategy_row(
    key: str, title: str, folds: Sequence[Mapping[int, AblationEffect]], names: Sequence[str]
) -> dict[str, Any]:
    """Return the paper's row of a strategy over all folds, with accuracies and z beside, as plain data.

    Classes that are not in every fold are left out.
    """
    together = {
        label: pooled([fold[label] for fold in folds]) for label in folds[0] if all(label in fold for fold in folds)
    }
    if not together:
        raise InputError("no class has training and test clips in every run")
    paper = confidence_drop(together)
    classes = [class_row(names[label], label, [fold[label] for fold in folds]) for label in together]
    for row in classes:
        row["worst_other"]["class"] = names[row["worst_other"]["class"]]
    paper["units"] = sum(row["units"] for row in classes) / len(classes)
    return {"strategy": key, "title": title, **paper, "classes": classes}


def benchmark_unlearning(settings: UnlearningBenchmark) -> str:
    """Compute, write and return what to tell the user.

    Raises:
        CommandError: No such run or folder.
        InputError: A run that cannot be used, runs of other classes, or a folder that cannot be written.
    """
    paths = run_paths(settings.run)
    if not paths:
        raise CommandError("run= names no run")
    asked = [(name, False) for name in settings.strategies]
    asked += [(name, True) for name in settings.strategies if settings.as_published and name in ("ocp", "random")]
    effects: dict[tuple[str, bool], list[dict[int, AblationEffect]]] = {one: [] for one in asked}
    properties: list[dict[str, Any]] = []
    words: list[str] | None = None
    names: tuple[str, ...] = ()
    for path in paths:
        fold = Fold(path, settings)
        if names and fold.names != names:
            raise InputError(f"{path}: has other classes than {paths[0]}")
        names, labels = fold.names, fold.labels
        if not labels:
            raise InputError(f"{path}: no class has both training and test clips")
        for name, published in asked:
            effects[name, published].append({c: fold.effect(name, c, published) for c in labels})
        if settings.properties:
            curves, words = fold.properties(words)
            properties.append(curves)
        print(f"{path}: done", flush=True)
    rows = []
    for (name, published), folds in effects.items():
        title = STRATEGIES[name] + (" (as published)" if published else "")
        rows.append(strategy_row(f"{name}_as_published" if published else name, title, folds, names))
    result = {
        "format": FORMAT,
        "runs": [str(path) for path in paths],
        "layers": fold.work.layers,
        "figure": "accuracy" if fold.target.ndim == 1 else "average_precision",
        "how": settings.how,
        "draws": settings.draws,
        "budget": settings.budget,
        "top": settings.top,
        "strategies": rows,
        "properties": mean_curves(properties),
        "property_layers": hidden_layers(fold.work.model, settings.layers) if properties else [],
    }
    return _write(result, settings, paths)


def _write(result: dict[str, Any], settings: UnlearningBenchmark, paths: Sequence[Path]) -> str:
    beside = paths[0] if len(paths) == 1 else paths[0].parent
    output = beside / "benchmark" if settings.output is None else Path(settings.output).expanduser()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made: {error.strerror}") from error
    text = markdown(result)
    replace_file(output / "unlearning.json", (json.dumps(result, indent=1) + "\n").encode())
    replace_file(output / "unlearning.csv", csv_text(result).encode())
    replace_file(output / "unlearning.md", text.encode())
    return f"{text}\ntable: {output / 'unlearning.md'}"
