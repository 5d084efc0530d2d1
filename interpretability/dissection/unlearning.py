"""Which units of a layer carry a class, and which of them have to go so that it is forgotten and the others are kept.

Each unit is ablated alone and what that takes from every logit of every clip is kept. Added up, these effects say what
the removal of several units would do; exactly so where the logits are a sum over units, as after an NMF bottleneck or
of the last maps below pooling and a linear layer, and to first order elsewhere. Units are then chosen one after the
other, put back where that is better, by what the sums say. How much forgetting is worth is settled by ablating the
choices together on clips that have not been used before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from interpretability.dissection.ablation import How, Units, ablated
from interpretability.dissection.answers import Answers
from interpretability.dissection.replay import replayed
from interpretability.isolation import evaluation_mode

Evaluate = Callable[[], Answers]
"""Runs the model on always the same clips."""
WEIGHTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""What forgetting the class is worth against keeping the others, as choices are tried."""
SOFTNESS = 2.0
"""Log-odds around zero within which a decision counts as half made."""
MOST = 0.5
"""Share of a layer's units that are removed at most."""
BUDGET = 0.05
"""Retained accuracy that a removal may cost on the clips that decide."""
LEAST_GAIN = 1e-4
"""Gain of the objective below which no further unit is removed."""


@torch.no_grad()
def logit_effects(
    model: nn.Module,
    evaluate: Evaluate,
    layer: str,
    n_units: int,
    how: How = "zero",
    means: Mapping[str, Tensor] | None = None,
    axes: Mapping[str, int] | None = None,
) -> tuple[Answers, Tensor]:
    """Return the answers as they are, and what the ablation of each unit alone takes from the logits (N, C, U).

    Args:
        model: any network; nothing of it is changed.
        evaluate: runs it on clips, U + 2 times; much faster where it does so in one call of the network (`replayed`).
        layer: dotted path.
        n_units: U.
        how: "zero", "mean" or a factor.
        means: layer path -> (U,), for "mean".
        axes: layer path -> axis of the units where it is not 1.

    Raises:
        InputError: A layer that does not exist or returns no tensor.
    """
    with evaluation_mode(model):
        before = evaluate()
        lost = []
        with replayed(model, layer, evaluate):
            for unit in range(n_units):
                with ablated(model, {layer: [unit]}, how, means, axes):
                    lost.append(before.logits - evaluate().logits)
    return before, torch.stack(lost, dim=2)


def decided(logits: Tensor, answers: Answers) -> Tensor:
    """How firmly the truth is told (..., N), or (..., N, C) multi-label, from 0 to 1, for logits (..., N, C).

    The logistic function of the log-odds of the true class, or of each label, over `SOFTNESS`.
    """
    if answers.multi_label:
        return (torch.where(answers.target > 0.5, logits, -logits) / SOFTNESS).sigmoid()
    place = answers.target[:, None].expand(*logits.shape[:-1], 1)
    true = logits.gather(-1, place)[..., 0]
    return ((true - logits.scatter(-1, place, -torch.inf).logsumexp(dim=-1)) / SOFTNESS).sigmoid()


def greedy_choice(
    before: Answers, effects: Tensor, label: int | None, weight: float = 1.0, most: float = MOST
) -> list[int]:
    """Choose units so that their summed effects make one class forgotten and keep the others.

    Each step removes the unit, or puts back one, that raises most: how firmly the other classes are told, less `weight`
    times how firmly the class is; until nothing raises it. Half of what counts of the others is their mean, and half
    the one that is told least firmly, so that none is given up for the rest.

    Args:
        before: answers without ablation.
        effects: (N, C, U), what each unit alone takes from the logits.
        label: class to be forgotten; None forgets none, and only looks for units without which more is right.
        weight: of forgetting.
        most: largest share of the units that is chosen.
    """
    held = _held(before, label).float()
    shares = held / held.sum(dim=0).clamp_min(1)
    others = [c for c in range(held.shape[1]) if c != label and bool(held[:, c].any())]
    logits, per_unit = before.logits.float(), effects.float().movedim(2, 0)

    def objective(candidates: Tensor) -> Tensor:
        firm = decided(candidates, before).flatten(1) @ shares
        lost = torch.zeros(len(firm)) if label is None else firm[:, label]
        return 0.5 * (firm[:, others].mean(dim=1) + firm[:, others].amin(dim=1)) - weight * lost

    chosen: list[int] = []
    best = float(objective(logits[None]))
    for _ in range(2 * len(per_unit)):
        free = [unit for unit in range(len(per_unit)) if unit not in chosen]
        free = free if len(chosen) < most * len(per_unit) else []
        candidates = torch.cat([logits - per_unit[free], logits + per_unit[chosen]])
        values = objective(candidates)
        place = int(values.argmax())
        if float(values[place]) <= best + LEAST_GAIN:
            break
        best, logits = float(values[place]), candidates[place]
        if place < len(free):
            chosen.append(free[place])
        else:
            del chosen[place - len(free)]
    return chosen


def _held(answers: Answers, label: int | None) -> Tensor:
    """Which of `decided`, flattened, belong to which class (..., C): its clips; multi-label, its known labels.

    To be forgotten is only that clips do hold class `label`.
    """
    n_classes = answers.logits.shape[1]
    if not answers.multi_label:
        return nn.functional.one_hot(answers.target, n_classes)
    known = torch.ones_like(answers.target) if answers.observed is None else answers.observed.to(answers.target)
    if label is not None:
        known = known.clone()
        known[:, label] *= answers.target[:, label] > 0.5
    return (known[:, :, None] * torch.eye(n_classes)).flatten(0, 1)


@dataclass(frozen=True)
class Removal:
    """A removal that was tried on the clips that decide.

    Attributes:
        units: layer path -> units, the most telling first.
        forget: accuracy (average precision, multi-label) lost on the class.
        retain: the same lost on all others.
        contrast: log-probability lost on the class beyond that lost on the others.
    """

    units: dict[str, list[int]]
    forget: float
    retain: float
    contrast: float

    @property
    def count(self) -> int:
        """Units removed."""
        return sum(map(len, self.units.values()))


@torch.no_grad()
def try_removals(
    model: nn.Module,
    evaluate: Evaluate,
    candidates: Iterable[Units],
    label: int,
    how: How = "zero",
    means: Mapping[str, Tensor] | None = None,
    axes: Mapping[str, int] | None = None,
) -> list[Removal]:
    """Ablate each of several choices of units together and measure what class `label` and the others lose.

    Args:
        model: any network; nothing of it is changed.
        evaluate: runs it on the clips that decide, which the choices have not seen.
        candidates: choices; equal ones are tried once.
        label: class to be forgotten.
        how: "zero", "mean" or a factor.
        means: layer path -> (U,), for "mean".
        axes: layer path -> axis of the units where it is not 1.
    """
    different = {str({path: sorted(units) for path, units in one.items()}): one for one in candidates}
    found = []
    with evaluation_mode(model):
        answers = evaluate()
        before, first = answers.per_class(), answers.figures[0]
        layers = {path for one in different.values() for path in one}
        only = next(iter(layers)) if len(layers) == 1 else None
        with nullcontext() if only is None else replayed(model, only, evaluate):
            said = [_ablated_answers(model, evaluate, units, how, means, axes) for units in different.values()]
        for units, answer in zip(different.values(), said, strict=True):
            after = answer.per_class()
            lost = {name: (before[name] - after[name])[:, label].nan_to_num().tolist() for name in before}
            forget, retain = lost[first]
            contrast = lost["log_probability"][0] - lost["log_probability"][1]
            chosen = {path: list(numbers) for path, numbers in units.items()}
            found.append(Removal(chosen, forget, retain, contrast))
    return found


def _ablated_answers(
    model: nn.Module,
    evaluate: Evaluate,
    units: Units,
    how: How,
    means: Mapping[str, Tensor] | None,
    axes: Mapping[str, int] | None,
) -> Answers:
    with ablated(model, units, how, means, axes):
        return evaluate()


def choose(removals: Sequence[Removal], budget: float = BUDGET) -> Removal:
    """Choose the removal that makes the class forgotten best, among those that cost others at most `budget`.

    Between equals the one that costs others least, then the one of the fewest units, then the one with the largest
    contrast. Where none keeps within the budget, the one that costs others least.
    """
    within = [one for one in removals if one.retain <= budget + 1e-9]
    if not within:
        return min(removals, key=lambda one: (one.retain, -one.forget))
    return max(within, key=lambda one: (one.forget, -one.retain, -one.count, one.contrast))


def find_removal(
    model: nn.Module,
    decide: Evaluate,
    learned: Mapping[str, tuple[Answers, Tensor]],
    label: int,
    how: How = "zero",
    means: Mapping[str, Tensor] | None = None,
    budget: float = BUDGET,
    axes: Mapping[str, int] | None = None,
) -> tuple[Removal, list[Removal]]:
    """Find the units to remove for class `label`; return the removal and all that were tried.

    Args:
        model: any network; nothing of it is changed.
        decide: runs it on the clips that decide.
        learned: layer path -> `logit_effects` on other clips.
        label: class to be forgotten.
        how: as for `learned`.
        means: layer path -> (U,), for "mean".
        budget: what others may lose on the clips that decide.
        axes: layer path -> axis of the units where it is not 1.
    """
    candidates = [
        {path: chosen}
        for path, (before, effects) in learned.items()
        for weight in WEIGHTS
        if (chosen := greedy_choice(before, effects, label, weight))
    ]
    nothing: list[Units] = [] if candidates else [{path: [] for path in learned}]
    tried = try_removals(model, decide, [*candidates, *nothing], label, how, means, axes)
    return choose(tried, budget), tried
