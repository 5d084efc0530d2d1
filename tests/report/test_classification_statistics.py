"""Paired tests and intervals against scipy, scikit-learn and differences that are known."""

import csv

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from report.classification_statistics import (
    Answers,
    average_precision,
    clip_interval,
    mean_average_precision,
    paired_test,
    read_answers,
    sign_test,
)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_paired_test_is_that_of_scipy(k):
    random = np.random.default_rng(k)
    first, second = random.normal(85, 3, k), random.normal(83, 3, k)
    found = paired_test(first - second)
    expected = stats.ttest_rel(first, second)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.corrected_low, found.corrected_p) == pytest.approx((found.low, found.p))  # no clips are shared
    signs = stats.permutation_test(
        (first - second,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert found.signs_p == pytest.approx(signs.pvalue)
    assert found.signs_least == 2 / 2**k


def test_corrected_test_by_hand():
    """Five crossed folds: the variance of the mean is (1/5 + 1/4) s^2 in place of s^2 / 5."""
    differences = np.array([1.0, 3.0, 2.0, 5.0, -1.0])
    found = paired_test(differences, test_to_train=1 / 4)
    t = differences.mean() / np.sqrt((1 / 5 + 1 / 4) * differences.var(ddof=1))
    assert found.corrected_p == pytest.approx(2 * stats.t.sf(t, 4))
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + 1 / 4) * differences.var(ddof=1))
    assert found.corrected_high == pytest.approx(2 + half)
    assert found.corrected_p > found.p


def test_five_folds_that_all_agree_have_the_least_p_of_the_exact_test():
    assert sign_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(0.0625)
    assert sign_test(np.array([1.0, -1.0])) == 1
    many = np.full(20, 1.0)
    assert sign_test(many) < 1e-3


def test_one_difference_and_none_at_all_say_nothing():
    one = paired_test(np.array([2.0]))
    assert one.mean == 2
    assert np.isnan([one.std, one.low, one.p, one.corrected_p, one.signs_p]).all()
    same = paired_test(np.zeros(5), 0.25)
    assert (same.p, same.low, same.high, same.signs_p) == (1, 0, 0, 1)


def test_weighted_average_precision_is_that_of_repeated_clips():
    random = np.random.default_rng(0)
    scores = np.round(random.random(40), 1)  # with ties
    labels = (random.random(40) < 0.3).astype(float)
    weights = np.vstack([np.ones(40), random.multinomial(40, np.full(40, 1 / 40), size=20)]).astype(float)
    found = average_precision(scores, labels, weights)
    for value, counts in zip(found, weights.astype(int), strict=True):
        expected = average_precision_score(np.repeat(labels, counts), np.repeat(scores, counts))
        assert value == pytest.approx(expected)


def test_mean_average_precision_leaves_unknown_labels_out():
    random = np.random.default_rng(1)
    target = (random.random((30, 3)) < 0.4).astype(float)
    target[random.random((30, 3)) < 0.2] = -1
    answers = Answers(tuple(map(str, range(30))), random.random((30, 3)), target)
    expected = np.mean([average_precision_score(target[k, c] > 0, answers.scores[k, c])
                        for c in range(3) for k in [target[:, c] >= 0]])  # fmt: skip
    assert mean_average_precision(answers, np.ones((1, 30)))[0] == pytest.approx(expected)


def answers_of(right, names=None):
    right = np.asarray(right, dtype=bool)
    scores = np.where(right[:, None], [[0.9, 0.1]], [[0.2, 0.8]])
    names = names or tuple(f"clip{i}" for i in range(len(right)))
    return Answers(names, scores, np.tile([1.0, 0.0], (len(right), 1)))


def test_interval_over_clips_finds_a_planted_difference_and_none_where_there_is_none():
    random = np.random.default_rng(2)
    good = {fold: [(answers_of(random.random(80) < 0.9), answers_of(random.random(80) < 0.7))] for fold in range(5)}
    found = clip_interval(good, multi_label=False)
    assert found.n == 400
    assert found.low > 0.1
    assert found.low < found.mean < found.high
    mean = np.mean([pair[0].correct - pair[1].correct for (pair,) in good.values()])
    assert found.mean == pytest.approx(mean)
    alone = clip_interval({fold: [(pair[0],)] for fold, (pair,) in good.items()}, multi_label=False)
    assert alone.mean == pytest.approx(np.mean([pair[0].correct for (pair,) in good.values()]))
    error = np.sqrt(alone.mean * (1 - alone.mean) / 400)
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    same = {fold: [(pair[0][0], pair[0][0])] for fold, pair in good.items()}
    assert clip_interval(same, multi_label=False)[:3] == (0, 0, 0)


def test_interval_of_mean_average_precision():
    random = np.random.default_rng(3)
    target = (random.random((300, 4)) < 0.3).astype(float)
    names = tuple(map(str, range(300)))
    sharp = Answers(names, target + random.normal(0, 0.5, target.shape), target)
    blunt = Answers(names, target + random.normal(0, 2.0, target.shape), target)
    found = clip_interval({None: [(sharp, blunt)]}, multi_label=True)
    one, two = (average_precision_score(target, each.scores, average="macro") for each in (sharp, blunt))
    assert found.mean == pytest.approx(one - two)
    assert 0 < found.low < found.mean < found.high
    assert found.high - found.low < 0.3
    alone = clip_interval({None: [(sharp,)]}, multi_label=True)
    assert alone.mean == pytest.approx(one)
    assert alone.low < one < alone.high


def test_other_clips_are_not_compared():
    first, second = answers_of([1, 0, 1]), answers_of([1, 0, 1], names=("x", "y", "z"))
    assert clip_interval({1: [(first, second)]}, multi_label=False) is None
    assert clip_interval({}, multi_label=False) is None


def test_answers_are_read_from_the_table_of_a_run(tmp_path):
    path = tmp_path / "test_predictions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "recording", "p(a)", "p(b)", "target(a)", "target(b)"])
        writer.writerows([["x", "r", 0.9, 0.1, 1, 0], ["y", "r", 0.8, 0.2, -1, 1]])
    found = read_answers(path)
    assert found.clips == ("x", "y")
    np.testing.assert_array_equal(found.target, [[1, 0], [-1, 1]])
    np.testing.assert_array_equal(found.correct, [1, 0])
    path.write_text("clip,recording\nx,r\n")
    assert read_answers(path) is None
    assert read_answers(tmp_path / "none") is None
