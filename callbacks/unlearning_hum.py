"""The planted hum of sound scenes as a concept: units that hear it are found, and removed as far as that helps."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision

from callbacks.benchmark_clips import data_of, spread
from callbacks.unlearning_clips import classifier_of, evaluation_of, unit_layers
from configs.data_schema import SoundScenesData
from configs.errors import InputError
from configs.unlearn_schema import UnlearnConfig
from datamodules.clip_source import Split
from datamodules.sound_scenes import SoundScenes
from interpretability.dissection.ablation import ablated
from interpretability.dissection.ablation_effect import AblationEffect, ablation_effect
from interpretability.dissection.answers import Answers
from interpretability.dissection.matched_draws import z_score
from interpretability.dissection.replay import replayed
from interpretability.dissection.unit_moments import unit_moments
from interpretability.dissection.unlearning import Evaluate, logit_effects
from interpretability.layers.capture import LayerCapture
from models.run_loading import LoadedRun

HUM = "hum"
"""Name of the concept."""
SCENES: dict[Split, int] = {"train": 200, "val": 400, "test": 400}
"""Scenes of each split, each heard without and with the hum; the class of the hum has few of those that decide."""


def has_hum(run: LoadedRun) -> bool:
    """Whether a run was trained on single-label sound scenes with a hum planted in one class."""
    data = run.config.data
    return isinstance(data, SoundScenesData) and data.shortcut is not None and not data.multi_label


@dataclass(frozen=True, eq=False)
class PairedScenes:
    """n scenes without any hum and then the same n with the hum of some scene of the class: 2n clips.

    `target` (2n,), `hum` (2n,) bool, `own` (2n,) bool: scenes of the class in which the hum was planted.
    """

    evaluate: Evaluate
    target: Tensor
    hum: Tensor
    own: Tensor


def paired_scenes(run: LoadedRun, split: Split, count: int) -> PairedScenes:
    """Return scenes of a split, spread over the classes; the hum is made for test scenes too."""
    data, config = data_of(run), run.config.data
    assert isinstance(config, SoundScenesData)  # noqa: S101 - has_hum says so
    assert config.shortcut is not None  # noqa: S101
    made = SoundScenes(dataclasses.replace(config, shortcut_in_test=True), run.sample_rate)
    assert isinstance(data.source, SoundScenes)  # noqa: S101
    total = len(data.dataset(split))
    places = spread([data.clip(split, place).target for place in range(total)], min(count, total))
    clips = [data.clip(split, place) for place in places]
    batch = data.batch(split, places)
    own = batch.target == run.class_names.index(config.shortcut)
    if not bool(own.any()):
        raise InputError(f"{run.path}: no {split} scene holds class {config.shortcut}, in which the hum was planted")
    inside = torch.stack([torch.from_numpy(data.source.hum(clip)) for clip in clips])
    hums = torch.stack([torch.from_numpy(made.hum(clip)) for clip in clips])
    lent = hums[own][torch.arange(len(clips)) % int(own.sum())]
    clean = batch.waveform - inside
    target = batch.target.repeat(2)
    evaluate = evaluation_of(
        classifier_of(run), torch.cat([clean, clean + torch.where(own[:, None], hums, lent)]), target
    )
    return PairedScenes(evaluate, target, torch.arange(len(target)) >= len(clips), own.repeat(2))


def hearing(model: torch.nn.Module, layer: str, scenes: PairedScenes) -> tuple[Tensor, Tensor]:
    """Return how the units of a layer follow the hum: Pearson correlation (U,), and AUPRC (U,) with chance 0.5."""
    heard: list[Tensor] = []  # of each call: many scenes take more than one

    def keep(maps: Tensor) -> Tensor:
        heard.append(maps.mean(dim=(2, 3)).cpu())
        return heard[-1]

    with LayerCapture(model, [layer], reduce=keep):
        scenes.evaluate()
    values, label = torch.cat(heard).double(), scenes.hum.double()
    centred, truth = values - values.mean(dim=0), label - label.mean()
    r = truth @ centred / (truth.norm() * centred.norm(dim=0)).clamp_min(1e-12)
    auprc = torch.stack([binary_average_precision(column, scenes.hum.long()) for column in values.float().T])
    return r, auprc.double()


def unlearn_hum(run: LoadedRun, settings: UnlearnConfig) -> tuple[dict[str, Any], Evaluate, Mapping[str, Tensor]]:
    """Find the units by which the hum speaks for its class, and remove as many as serve the validation scenes.

    Units are ranked on training scenes by what they say for the class when the hum is added to scenes of other classes
    (`said_for_the_hum`). As many of the first are removed as serve validation scenes best (`served`). Returns the
    result as plain data, what evaluates the test scenes, and the means of the units.

    Raises:
        InputError: No removal helps.
    """
    model = classifier_of(run)
    learn, decide, test = (paired_scenes(run, split, count) for split, count in SCENES.items())
    layers = unit_layers(model, settings.layers, decide.evaluate)
    moments = unit_moments(model, layers, learn.evaluate)
    means = {path: found.mean for path, found in moments.items()}
    label = run.class_names.index(run.config.data.shortcut)  # type: ignore[attr-defined] # has_hum says so
    best: tuple[tuple[float, float], dict[str, list[int]]] = (served(decide.evaluate(), decide), {})
    for path in layers:
        _, effects = logit_effects(model, learn.evaluate, path, len(moments[path].mean), settings.how, means)
        said = said_for_the_hum(effects[:, label], learn)
        order = [unit for unit in said.argsort(descending=True).tolist() if said[unit] > 0][: len(said) // 2]
        with replayed(model, path, decide.evaluate):
            for count in range(1, len(order) + 1):
                with ablated(model, {path: order[:count]}, settings.how, means):
                    right = served(decide.evaluate(), decide)
                best = max(best, (right, {path: order[:count]}), key=lambda one: one[0])
    if not best[1]:
        raise InputError(f"concept={HUM}: no removal of units of {', '.join(layers)} helps the scenes without it")
    units = best[1]
    effect = ablation_effect(model, test.evaluate, units, settings.how, moments, settings.draws, settings.seed)
    (path, chosen), *_ = units.items()
    r, auprc = hearing(model, path, test)
    result = {
        "kind": "sound",
        "units": units,
        "layers": {name: len(moments[name].mean) for name in layers},
        "norm_ratio": effect.norm_ratio,
        "n": {"learn": len(learn.target), "decide": len(decide.target), "test": len(test.target)},
        "decided": {"right": best[0][0]},
        "heard": [{"unit": unit, "correlation": float(r[unit]), "auprc": float(auprc[unit])} for unit in chosen],
        "others": {"correlation": float(r.abs().median()), "auprc": float(auprc.median())},
        "rows": rows_of(effect, test, str(run.config.data.shortcut)),  # type: ignore[attr-defined]
    }
    return result, test.evaluate, means


def said_for_the_hum(effects: Tensor, scenes: PairedScenes) -> Tensor:
    """Return what each unit (U,) says more for the hum's class when the hum is added to scenes of other classes.

    `effects` (2n, U): what its ablation takes from the score of that class in each scene.
    """
    without, with_hum = effects.double().chunk(2)
    others = ~scenes.own[: len(without)]
    return (with_hum - without)[others].mean(dim=0)


def served(answers: Answers, scenes: PairedScenes) -> tuple[float, float]:
    """Return how right scenes without the hum are, its class and the others counting alike, and others with it.

    The second decides where the first is the same: the few scenes of the class that lack its hum come first, and would
    not be missed in a mean over scenes.
    """
    right = _right(answers)
    clean = [float(right[~scenes.hum & own].mean()) for own in (scenes.own, ~scenes.own)]
    return sum(clean) / 2, float(right[scenes.hum & ~scenes.own].mean())


def _right(answers: Answers) -> Tensor:
    return answers.per_clip()["accuracy"]


def rows_of(effect: AblationEffect, scenes: PairedScenes, name: str) -> list[dict[str, Any]]:
    """Return accuracies of the scenes without hum, of its class among them, and of others with it.

    `z` > 0 where more is gained than by the removal of matched random units.
    """
    parts = {
        "without hum": ~scenes.hum,
        f"without hum, class {name}": ~scenes.hum & scenes.own,
        "without hum, other classes": ~scenes.hum & ~scenes.own,
        "hum in the other classes": scenes.hum & ~scenes.own,
        f"hum in its class {name}": scenes.hum & scenes.own,
    }
    rows = []
    for title, chosen in parts.items():
        before, after, *draws = [
            float(_right(answers)[chosen].mean()) for answers in (effect.before, effect.after, *effect.draws)
        ]
        n, each = int(chosen.sum()), torch.tensor(draws).double()
        z = z_score(after - before, [draw - before for draw in draws], 1 / n)
        spread_of = {"random": float(each.mean()), "random_std": float(each.std())}
        rows.append({"title": title, "n": n, "before": before, "after": after, **spread_of, "z": z})
    return rows
