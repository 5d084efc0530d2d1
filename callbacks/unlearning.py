"""The work of unlearn.py: a concept is removed from a trained model, and what was lost and kept is measured."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.unlearning_clips import classifier_of, clips_for, unit_layers
from callbacks.unlearning_hum import HUM, has_hum, unlearn_hum
from configs.errors import CommandError, InputError
from configs.registry import nearest
from configs.unlearn_schema import UnlearnConfig
from interpretability.dissection.ablation import How, Units, ablated
from interpretability.dissection.ablation_effect import AblationEffect, ablation_effect
from interpretability.dissection.answers import Answers
from interpretability.dissection.dose_response import dose_response
from interpretability.dissection.permanent import remove_units
from interpretability.dissection.unit_moments import Moments, unit_moments
from interpretability.dissection.unlearning import Evaluate, Removal, find_removal, logit_effects
from models.run_loading import LoadedRun, load_run
from report.array_file import file_name
from report.build import build
from report.run_folder import replace_file
from report.unlearning_table import FORMAT, markdown

CHECKPOINT = "pruned.ckpt"
TABLE = "unlearning.json"


class Unlearning:
    """A run and its clips: training clips choose units, validation clips decide how many, test clips are reported."""

    def __init__(self, run: LoadedRun, settings: UnlearnConfig) -> None:
        self.run, self.settings = run, settings
        self.model = classifier_of(run)
        self.learn, self.decide = clips_for(run, "train", settings.clips), clips_for(run, "val")
        self.test = clips_for(run, "test")
        self.before = self.test()
        self.layers = unit_layers(self.model, settings.layers, self.decide)
        self.moments: dict[str, Moments] = unit_moments(self.model, self.layers, self.learn)
        self.means = {path: found.mean for path, found in self.moments.items()}

    @cached_property
    def learned(self) -> dict[str, tuple[Answers, Tensor]]:
        """What the ablation of each unit alone takes from the logits of the training clips, by layer."""
        settings = self.settings
        return {
            path: logit_effects(self.model, self.learn, path, len(found.mean), settings.how, self.means)
            for path, found in self.moments.items()
        }

    def removal(self, label: int) -> tuple[Removal, list[Removal]]:
        """Return the removal for a class, and all that were tried."""
        settings = self.settings
        return find_removal(self.model, self.decide, self.learned, label, settings.how, self.means, settings.budget)

    def effect(self, units: Units) -> AblationEffect:
        """Return what a removal does to the test clips, beside matched random draws."""
        settings = self.settings
        return ablation_effect(
            self.model,
            self.test,
            units,
            settings.how,
            self.moments,
            settings.draws,
            settings.seed,
            before=self.before,
        )

    def result(self, label: int) -> dict[str, Any]:
        """Return everything about the removal of a class as plain data."""
        name = self.run.class_names[label]
        for split, answers in (("training", self.learn()), ("test", self.before)):
            if answers.counts[label] == 0:
                raise InputError(f"concept={name}: no {split} clip holds it; take a concept that there are clips of")
        removal, tried = self.removal(label)
        if removal.count == 0:
            raise InputError(f"concept={name}: no unit of {', '.join(self.layers)} carries it; try layers=[...]")
        units = removal.units
        effect = self.effect(units)
        dose = dose_response(self.model, self.test, units)
        rows = effect.classes()
        return {
            "kind": "class",
            "units": units,
            "layers": {path: len(self.moments[path].mean) for path in self.layers},
            "norm_ratio": effect.norm_ratio,
            "decided": {"forget": removal.forget, "retain": removal.retain, "tried": len(tried)},
            "n": {"learn": _count(self.learn), "decide": _count(self.decide), "test": _count(self.test)},
            "figures": list(effect.before.figures),
            "classes": [{"name": name, **row} for name, row in zip(self.run.class_names, rows, strict=True)],
            "label": label,
            "share": float(self.before.shares[label]),
            "dose": {"scales": dose["scales"], "figures": dose["classes"][label]},
        }


def _count(evaluate: Evaluate) -> int:
    return len(evaluate().target)


def unlearn(settings: UnlearnConfig) -> str:
    """Remove a concept, write what came of it, and return what to tell the user.

    Raises:
        CommandError: No such run or concept, or an output folder that exists.
        InputError: A run that cannot be used, or units that no weights hold.
    """
    run = load_run(settings.run, settings.device)
    label = concept_number(run, settings.concept)
    output = _output_of(run, settings)
    if label is None:
        result, evaluate, means = unlearn_hum(run, settings)
    else:
        work = Unlearning(run, settings)
        result, evaluate, means = work.result(label), work.test, work.means
    result = {"format": FORMAT, "run": str(settings.run), "concept": settings.concept, "how": settings.how, **result}
    result["draws"], result["budget"] = settings.draws, settings.budget
    result["checkpoint"] = CHECKPOINT
    result["difference"] = prune(run, result["units"], settings.how, means, evaluate, output / CHECKPOINT)
    replace_file(output / TABLE, (json.dumps(result, indent=1) + "\n").encode())
    text = markdown(result)
    replace_file(output / "unlearning.md", text.encode())
    told = f"{text}\ncheckpoint: {output / CHECKPOINT}\ntable: {output / 'unlearning.md'}"
    if settings.report and settings.output is None and (run.path / "config.yaml").is_file():
        told += f"\nreport: {build(run.path).with_name('unlearning.html')}"
    return told


def concept_number(run: LoadedRun, concept: str) -> int | None:
    """Return the number of the class that a concept names, or None for the planted hum.

    Raises:
        CommandError: The run knows no such concept; the message names the nearest.
    """
    if concept in run.class_names:
        return run.class_names.index(concept)
    if concept == HUM and has_hum(run):
        return None
    known = [*run.class_names, *([HUM] if has_hum(run) else [])]
    raise CommandError(f"concept={concept}: {run.path} has no such concept{nearest(concept, known)}; "
                       f"known: {', '.join(known)}")  # fmt: skip


@torch.no_grad()
def prune(run: LoadedRun, units: Units, how: How, means: Mapping[str, Tensor], evaluate: Evaluate, path: Path) -> float:
    """Remove units for good and write the checkpoint; return how far its logits lie from those of ablation.

    Raises:
        InputError: No weights hold the units, the pruned model answers otherwise, or the file cannot be written.
    """
    model = classifier_of(run)
    with ablated(model, units, how, means):
        expected = evaluate().logits
    remove_units(model, units, evaluate, means if how == "mean" else None)
    difference = float((evaluate().logits - expected).abs().max())
    if not difference <= 1e-3 * max(1.0, float(expected.abs().max())):
        raise InputError(f"{run.path}: with the units removed it answers otherwise than with them ablated")
    path.unlink(missing_ok=True)
    run.save(path)
    return difference


def _output_of(run: LoadedRun, settings: UnlearnConfig) -> Path:
    beside = run.path if run.path.is_dir() else run.path.parent
    folder = beside / "unlearning" / file_name(settings.concept)
    output = folder if settings.output is None else Path(settings.output).expanduser()
    if (output / TABLE).exists() and not settings.overwrite:
        raise CommandError(f"{output}: holds a removal; choose another output=FOLDER, or overwrite=true")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made: {error.strerror}") from error
    return output
