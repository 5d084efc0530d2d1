"""Whether two models differ: paired tests over folds, and paired bootstrap intervals over test clips."""

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from report.bootstrap import Figure, Values, figures

MOST_EXACT = 15
"""Differences up to which all signs are tried; of more, as many are drawn as there are for these."""
DRAWS = 2000
"""Bootstrap resamples of the test clips."""


class PairedTest(NamedTuple):
    """What k paired differences say about their mean.

    `low` to `high` is the 95 % interval of Student's t, `p` its two-sided p value. `corrected_*` are those of Nadeau
    and Bengio (2003), for trainings that share clips. `signs_p` is exact: the share of all choices of signs whose mean
    lies as far from zero. `signs_least` is the least that it can be. NaN where the differences say nothing (k = 1).
    """

    k: int
    mean: float
    std: float
    low: float
    high: float
    p: float
    corrected_low: float
    corrected_high: float
    corrected_p: float
    signs_p: float
    signs_least: float


def paired_test(differences: Values, test_to_train: float = 0.0) -> PairedTest:
    """Test whether the mean of paired differences (k,) is zero.

    Args:
        differences: one for each fold (or seed).
        test_to_train: clips tested by clips trained on; 1 / (k - 1) where k folds are crossed. The variance of the mean
            is (1/k + test_to_train) s^2 in the corrected test (Nadeau & Bengio 2003, equation 7).
    """
    from scipy.special import stdtr, stdtrit  # of Student's t; scipy.stats takes seconds to import

    values = np.asarray(differences, dtype=np.float64)
    k, mean = len(values), float(values.mean()) if len(values) else float("nan")
    if k < 2:
        nan = float("nan")
        return PairedTest(k, mean, nan, nan, nan, nan, nan, nan, nan, nan, nan)
    std = float(values.std(ddof=1))
    quantile = float(stdtrit(k - 1, 0.975))

    def tested(variance: float) -> tuple[float, float, float]:
        error = float(np.sqrt(variance)) * std
        p = float(2 * stdtr(k - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
        return mean - quantile * error, mean + quantile * error, p

    plain, corrected = tested(1 / k), tested(1 / k + test_to_train)
    return PairedTest(k, mean, std, *plain, *corrected, sign_test(values), 2.0 ** (1 - k))


def sign_test(differences: Values, seed: int = 0) -> float:
    """Return the two-sided p value of the mean of differences (k,) whose signs are exchangeable.

    Exact up to `MOST_EXACT` differences; of more, signs are drawn.
    """
    k = len(differences)
    if k <= MOST_EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=k)))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), (2**MOST_EXACT, k))
        signs[0] = 1.0
    sums = np.abs(signs @ differences)
    return float(np.mean(sums >= abs(differences.sum()) * (1 - 1e-12) - 1e-12))


class Answers(NamedTuple):
    """What a run answered on its test clips: names, scores and targets (n, C); a target below 0 is not known."""

    clips: tuple[str, ...]
    scores: NDArray[np.float64]
    target: NDArray[np.float64]

    @property
    def correct(self) -> Values:
        """Whether the likeliest class of each clip is the labelled one, as 0 or 1 (n,)."""
        return np.asarray(self.scores.argmax(axis=1) == self.target.argmax(axis=1), dtype=np.float64)


def read_answers(path: Path) -> Answers | None:
    """Return the table of a run's answers, or None where there is none that can be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        scores, target = (
            np.array([[float(value) for name, value in row.items() if name.startswith(f"{start}(")] for row in rows])
            for start in ("p", "target")
        )
        names = tuple(row["clip"] for row in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Answers(names, scores, target) if scores.size and scores.shape == target.shape else None


def average_precision(scores: Values, labels: Values, weights: NDArray[np.float64]) -> Values:
    """Return the average precision of a class for several weightings of the clips.

    Args:
        scores: (n,), higher for the class.
        labels: (n,), 1 or 0.
        weights: (D, n), how often each clip counts.

    Returns:
        (D,), NaN where no clip of the class counts. Ties are one threshold, as in scikit-learn.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], labels[order]
    counts = weights[:, order]
    last = np.searchsorted(-ranked, -ranked, side="right") - 1  # place of the last clip of each tie
    found = np.cumsum(counts * hits, axis=1)[:, last]
    seen = np.cumsum(counts, axis=1)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, found / seen, 0.0)
        return np.asarray((precision * counts * hits).sum(axis=1) / (counts * hits).sum(axis=1))


def mean_average_precision(answers: Answers, weights: NDArray[np.float64]) -> Values:
    """Return the mean over classes (D,) of the average precision, over the labels that are known."""
    parts = []
    for c in range(answers.target.shape[1]):
        known = answers.target[:, c] >= 0
        if (answers.target[known, c] > 0.5).any():
            labels = (answers.target[known, c] > 0.5).astype(np.float64)
            parts.append(average_precision(answers.scores[known, c], labels, weights[:, known]))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(np.stack(parts), axis=0), dtype=np.float64)


def clip_interval(
    answers: Mapping[Any, Sequence[tuple[Answers, ...]]], multi_label: bool, seed: int = 0
) -> Figure | None:
    """Return a model's score, or the difference of two models' scores, with its bootstrap interval over test clips.

    Args:
        answers: for each fold, the answers under each seed: of the model alone, or of both, the second one taken off.
        multi_label: whether the score is mean average precision, else accuracy.
        seed: of the resamples.

    Returns:
        None where there is nothing to score, or clips differ.
    """
    folds = [list(seeds) for seeds in answers.values() if seeds]
    if not folds or any(len({one.clips for some in seeds for one in some}) > 1 for seeds in folds):
        return None
    if not multi_label:
        scores = [np.mean([_net([one.correct for one in some]) for some in seeds], axis=0) for seeds in folds]
        return figures({"": np.concatenate(scores)}, seed, 5 * DRAWS)[""]
    random, means, drawn = np.random.default_rng(seed), [], []
    for seeds in folds:
        n = len(seeds[0][0].clips)
        counts = np.vstack([np.ones((1, n)), random.multinomial(n, np.full(n, 1 / n), size=DRAWS)])
        values = np.mean([_net([mean_average_precision(one, counts) for one in some]) for some in seeds], axis=0)
        means.append(values[0])
        drawn.append(values[1:])
    low, high = np.nanpercentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return Figure(float(np.mean(means)), float(low), float(high), sum(len(seeds[0][0].clips) for seeds in folds), 0)


def _net(scores: Sequence[Values]) -> Values:
    """The first score less the others."""
    return scores[0] - sum(scores[1:], np.zeros_like(scores[0]))
