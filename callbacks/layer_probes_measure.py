"""What the layers of a network carry, in one table each: correlations, probes, weights, similarity, sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_label import quick_label_probe
from callbacks.layer_probes_rows import carried_rows
from callbacks.layer_probes_subject import ProbeInput, Subject
from callbacks.layer_probes_targets import Targets
from configs.errors import InputError
from interpretability.layers.carried import Carried
from interpretability.layers.layer_weights import LayerWeights, layer_weight_probe
from interpretability.layers.linear_probes import logistic_probe, permuted, ridge_probe
from interpretability.layers.probe_score import Gain, ProbeScore, gain_over
from interpretability.layers.similarity import cka, cka_matrix, gram

LABEL = "label"
"""Name of the probe for the class, or for the code of a generator."""
FEWEST = 12
"""Items without which probes and similarity are not measured."""
INPUT = "input"


@dataclass(frozen=True, eq=False)
class Probes:
    """Scores of one set of features on items that were not fitted on: the class, and the value of each property."""

    label: ProbeScore | None
    values: ProbeScore | None


@dataclass(frozen=True, eq=False)
class ProbeRow:
    """One layer's probe for one target, beside the log-mel input and the untrained network."""

    layer: str
    target: str
    score: float
    n: int
    over_untrained: tuple[float, float, float]
    over_input: tuple[float, float, float]
    untrained: float
    input: float
    permuted: tuple[float, float] | None = None
    """Mean and deviation of the score on permuted labels; the score minus the mean is the selectivity."""


@dataclass(eq=False)
class Baseline:
    """What does not change while the model is trained, kept from the first point on.

    Attributes:
        given: clips or latents.
        targets: of the sound that a classifier hears, or that the untrained generator makes.
        untrained: what the untrained network does on the input.
        probes: of each untrained layer, and of the input.
        grams: of each untrained layer, and of the input.
    """

    given: ProbeInput
    targets: Targets
    untrained: Hearing
    probes: dict[str, Probes] = field(default_factory=dict)
    grams: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything that is known of the layers at one point."""

    carried: list[Carried]
    probes: list[ProbeRow]
    weights: LayerWeights | None
    within: Tensor | None
    """(L, L) similarity between layers."""
    similar: dict[str, Tensor]
    """(L,) similarity with the input, the untrained network and the point before."""
    grams: dict[str, Tensor]
    notes: list[str]


def measured(
    subject: Subject,
    now: Hearing,
    targets: Targets,
    base: Baseline,
    before: Mapping[str, Tensor] | None = None,
    draws: int = 8,
    folds: int = 3,
    thorough: bool = False,
) -> Measured:
    """Compare the layers with the sound, the labels, the untrained network, the input and the point before.

    Args:
        subject: the network.
        now: what its layers do.
        targets: properties of the sound that is heard, or that is made now.
        base: what does not change.
        before: Gram matrices of the layers at the point before.
        draws: of the nulls.
        folds: of the probes.
        thorough: whether classes are read by logistic regression, labels permuted and layers weighed: it takes longer.
    """
    rows = carried_rows(subject, now, targets, base.untrained, base.targets, draws, thorough)
    notes = [base.given.note] if base.given.note else []
    notes += [
        f"{name} does not exist in {count} of {len(base.given)} clips." for name, count in targets.undefined.items()
    ]
    if len(base.given) < FEWEST:
        notes.append(f"{len(base.given)} clips are too few for probes and similarity: {FEWEST} are needed.")
        return Measured(rows, [], None, None, {}, {}, notes)
    if not base.probes:
        _measure_baseline(subject, base, folds, thorough)
    sets = {path: probed(now.features[path], base.given, targets, folds, thorough) for path in subject.layers}
    table = [
        row for path in subject.layers for row in _probe_rows(path, sets[path], base, now, targets, thorough, folds)
    ]
    weights = _weights(subject, now, base.given) if thorough else None
    grams = {path: gram(now.features[path]) for path in subject.layers}
    similar = {
        INPUT: torch.tensor([cka(grams[path], base.grams[INPUT]) for path in subject.layers]),
        "untrained": torch.tensor([cka(grams[path], base.grams[path]) for path in subject.layers]),
    }
    if before and all(path in before for path in subject.layers):
        similar["previous"] = torch.tensor([cka(grams[path], before[path]) for path in subject.layers])
    return Measured(rows, table, weights, cka_matrix(grams, grams), similar, grams, notes)


def probed(features: Tensor, given: ProbeInput, targets: Targets, folds: int, thorough: bool) -> Probes:
    """Return how well the class and the properties of each item are read off features (N, P)."""
    label: ProbeScore | None = None
    if given.labels is not None and given.labels.ndim == 1 and len(set(given.labels.tolist())) > 1:
        work = logistic_probe if thorough else quick_label_probe
        label = work(features, given.labels, given.groups, folds)
    elif given.labels is not None and given.labels.ndim == 2:
        label = ridge_probe(features, given.labels, given.groups, folds)
    moving = (targets.values.isfinite()).sum(dim=0) >= FEWEST
    values = torch.where(moving, targets.values, torch.nan)
    score = ridge_probe(features, values, given.groups, folds) if bool(moving.any()) else None
    return Probes(label, score)


def _measure_baseline(subject: Subject, base: Baseline, folds: int, thorough: bool) -> None:
    features = {**{path: base.untrained.features[path] for path in subject.layers}, INPUT: base.untrained.input}
    for path, values in features.items():
        base.probes[path] = probed(values, base.given, base.targets, folds, thorough)
        base.grams[path] = gram(values)


def _probe_rows(
    path: str, found: Probes, base: Baseline, now: Hearing, targets: Targets, thorough: bool, folds: int
) -> list[ProbeRow]:
    before, raw = base.probes[path], base.probes[INPUT]
    draws = 1000 if thorough else 100
    rows = []
    if found.label is not None and before.label is not None and raw.label is not None:
        null = _permuted(now.features[path], base.given, folds) if thorough else None
        rows += _rows(path, (LABEL,), _mean(found.label), _mean(before.label), _mean(raw.label), draws, null)
    if found.values is not None and before.values is not None and raw.values is not None:
        rows += _rows(path, targets.names, found.values, before.values, raw.values, draws, None)
    return rows


def _rows(
    path: str,
    names: Sequence[str],
    found: ProbeScore,
    before: ProbeScore,
    raw: ProbeScore,
    draws: int,
    null: tuple[float, float] | None,
) -> list[ProbeRow]:
    score, n = found.score, found.n
    over = gain_over(found, before, draws), gain_over(found, raw, draws)
    return [
        ProbeRow(
            path,
            name,
            float(score[k]),
            int(n[k]),
            _triple(over[0], k),
            _triple(over[1], k),
            float(before.score[k]),
            float(raw.score[k]),
            null,
        )
        for k, name in enumerate(names)
        if bool(score[k].isfinite())
    ]


def _mean(found: ProbeScore) -> ProbeScore:
    """One target out of several labels: losses and references added up."""
    if found.loss.shape[1] == 1:
        return found
    known = found.loss.isfinite()
    loss = found.loss.where(known, torch.zeros_like(found.loss)).sum(dim=1, keepdim=True)
    return ProbeScore(loss, found.reference.where(known, torch.zeros_like(found.loss)).sum(dim=1, keepdim=True))


def _permuted(features: Tensor, given: ProbeInput, folds: int, draws: int = 3) -> tuple[float, float] | None:
    """Mean accuracy on permuted labels, and the deviation that chance alone gives it."""
    labels = given.labels
    if labels is None or labels.ndim != 1:
        return None
    scores = [
        float(logistic_probe(features, permuted(labels, seed), given.groups, folds).score[0]) for seed in range(draws)
    ]
    chance = float(torch.unique(labels, return_counts=True)[1].max()) / len(labels)
    return sum(scores) / draws, (chance * (1 - chance) / (len(labels) * draws)) ** 0.5


def _weights(subject: Subject, now: Hearing, given: ProbeInput) -> LayerWeights | None:
    if given.labels is None or given.labels.ndim != 1 or len(set(given.labels.tolist())) < 2:
        return None
    try:
        return layer_weight_probe({path: now.features[path] for path in subject.layers}, given.labels, given.groups)
    except InputError:
        return None


def _triple(found: Gain, k: int) -> tuple[float, float, float]:
    return float(found.gain[k]), float(found.low[k]), float(found.high[k])
