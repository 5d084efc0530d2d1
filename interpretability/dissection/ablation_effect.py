"""What a model loses when units are ablated, class by class, beside random units of the same layers and norms."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from interpretability.dissection.ablation import How, Units, ablated
from interpretability.dissection.answers import Answers
from interpretability.dissection.matched_draws import DRAWS, matched_draws, norm_ratio, z_score
from interpretability.dissection.replay import first_of, replayed
from interpretability.dissection.unit_moments import Moments, unit_moments
from interpretability.isolation import evaluation_mode

SIDES = ("forget", "retain")
"""The clips of a class, and all others."""


@dataclass(frozen=True, eq=False)
class AblationEffect:
    """Answers of a model as it is, with chosen units ablated, and with each of several random draws ablated.

    Attributes:
        units: layer path -> units.
        how: "zero", "mean" or a factor.
        before, after: answers without and with ablation.
        draws: answers with random units of the same layers and norms ablated.
        norm_ratio: norm of the random units relative to that of the chosen ones.
    """

    units: dict[str, list[int]]
    how: How
    before: Answers
    after: Answers
    draws: tuple[Answers, ...]
    norm_ratio: float

    def classes(self) -> list[dict[str, Any]]:
        """Return for each class: `n`, and each figure's `forget` and `retain` (`compare`), as plain data."""
        parts = [answers.per_class() for answers in (self.before, self.after, *self.draws)]
        counts, total = self.before.counts.tolist(), len(self.before.target)
        return [
            {"n": int(n), **{name: _sides(name, parts, c, int(n), total) for name in self.before.figures}}
            for c, n in enumerate(counts)
        ]

    def clips(self, forget: Tensor) -> dict[str, Any]:
        """Return the same for the clips of `forget` (N,) in the place of those of a class."""
        parts = [answers.of_clips(forget) for answers in (self.before, self.after, *self.draws)]
        n, total = int(forget.sum()), len(forget)
        return {"n": n, **{name: _sides(name, parts, 0, n, total) for name in self.before.figures}}

    def plain(self) -> dict[str, Any]:
        """Return everything but the answers themselves as plain data."""
        return {
            "units": {path: list(chosen) for path, chosen in self.units.items()},
            "how": self.how,
            "n_draws": len(self.draws),
            "norm_ratio": self.norm_ratio,
            "classes": self.classes(),
        }


def _sides(name: str, parts: Sequence[Mapping[str, Tensor]], c: int, n: int, total: int) -> dict[str, Any]:
    counts = dict(zip(SIDES, (n, total - n), strict=True))
    return {
        side: compare([float(part[name][row, c]) for part in parts], 1 / counts[side] if counts[side] else 0.0, name)
        for row, side in enumerate(SIDES)
    }


def compare(values: Sequence[float], smallest: float, name: str) -> dict[str, float | None]:
    """Return `before`, `after`, mean and spread of random draws, and `z` > 0 where more is lost than by random units.

    Args:
        values: of a figure before, after, and with each random draw.
        smallest: spread of an accuracy below which draws are not believed to lie closer: one clip.
        name: of the figure.
    """
    before, after, *draws = values
    found: dict[str, float | None] = {"before": before, "after": after, "random": None, "random_std": None, "z": None}
    if len(draws) > 1:
        each = torch.tensor(draws, dtype=torch.float64)
        floor = smallest if name == "accuracy" else 0.0
        found |= {"random": float(each.mean()), "random_std": float(each.std())}
        found["z"] = z_score(before - after, [before - draw for draw in draws], floor)
    return {key: value if value is not None and abs(value) < float("inf") else None for key, value in found.items()}


@torch.no_grad()
def ablation_effect(
    model: nn.Module,
    evaluate: Callable[[], Answers],
    units: Units,
    how: How = "zero",
    moments: Mapping[str, Moments] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    axes: Mapping[str, int] | None = None,
    before: Answers | None = None,
) -> AblationEffect:
    """Measure what the ablation of units does to a model's answers, and what that of matched random units does.

    Args:
        model: any network; eval mode, no gradients, nothing of it is changed.
        evaluate: runs it on always the same clips.
        units: layer path -> units.
        how: "zero", "mean" or a factor.
        moments: of the layers (`unit_moments`); None measures them on the same clips.
        draws: random draws; 0 leaves them out.
        seed: of the draws.
        axes: layer path -> axis of the units where it is not 1.
        before: the answers without ablation, where they are known.

    Raises:
        InputError: A layer or unit that does not exist, or a layer whose output is no tensor.
    """
    measured = dict(moments or {})
    missing = [path for path in units if path not in measured]
    with evaluation_mode(model):
        if missing:
            measured |= unit_moments(model, missing, evaluate, axes)
        means = {path: found.mean for path, found in measured.items()}

        def with_ablated(chosen: Units) -> Answers:
            with ablated(model, chosen, how, means, axes):
                return evaluate()

        norms = {path: measured[path].norm(how) for path in units}
        before = evaluate() if before is None else before
        with replayed(model, first_of(model, units, evaluate), evaluate) if units else nullcontext():
            after = with_ablated(units)  # a unit that does not exist is refused here, by name
            others = matched_draws(units, norms, draws, seed)
            answers = tuple(with_ablated(drawn) for drawn in others)
        chosen = {path: [int(unit) for unit in numbers] for path, numbers in units.items()}
        return AblationEffect(chosen, how, before, after, answers, norm_ratio(units, others, norms))


def pooled(effects: Sequence[AblationEffect]) -> AblationEffect:
    """Put the effects of several folds together: their clips are counted as one set, draw by draw.

    Units are those of the first fold, numbers of units of different networks having nothing in common.
    """
    return AblationEffect(
        units=effects[0].units,
        how=effects[0].how,
        before=Answers.joined([effect.before for effect in effects]),
        after=Answers.joined([effect.after for effect in effects]),
        draws=tuple(Answers.joined(parts) for parts in zip(*(effect.draws for effect in effects), strict=True)),
        norm_ratio=sum(effect.norm_ratio for effect in effects) / len(effects),
    )
