"""Fidelity by hand, against plain loops and against scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from interpretability.listening.fidelity import PUBLISHED_THRESHOLDS, fidelity_area, top_k_fidelity


def test_top_k_by_hand():
    decision = torch.tensor([[0.0, 3.0, 1.0, 2.0], [5.0, 0.0, 0.0, 0.0]])  # f says 1, 0
    interpreter = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])  # second place, last place
    assert top_k_fidelity(decision, interpreter, 1).values.tolist() == [0, 0]
    assert top_k_fidelity(decision, interpreter, 2).values.tolist() == [1, 0]
    assert top_k_fidelity(decision, interpreter, 3).mean == 0.5


def test_top_k_equals_topk_of_distinct_scores():
    generator = torch.Generator().manual_seed(0)
    decision, interpreter = torch.randn(2, 200, 10, generator=generator)
    for k in (1, 3, 5):
        top = interpreter.topk(k, dim=1).indices
        expected = [float(int(d.argmax()) in t.tolist()) for d, t in zip(decision, top, strict=True)]
        assert top_k_fidelity(decision, interpreter, k).values.tolist() == expected


def test_ties_share_the_places_so_that_saying_nothing_scores_chance():
    decision = torch.eye(4)
    assert top_k_fidelity(decision, torch.zeros(4, 4), 1).mean == pytest.approx(1 / 4)
    assert top_k_fidelity(decision, torch.zeros(4, 4), 3).mean == pytest.approx(3 / 4)
    tied = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert top_k_fidelity(decision[:1], tied, 1).mean == 0.5


def test_scores_that_say_nothing_are_undefined():
    scores = torch.tensor([[1.0, 0.0], [math.nan, 1.0]])
    assert top_k_fidelity(scores, scores, 1).undefined == 1
    assert top_k_fidelity(torch.eye(3), torch.eye(3), 5).undefined == 3
    with pytest.raises(ValueError, match="top-0"):
        top_k_fidelity(torch.eye(3), torch.eye(3), 0)


def planted(n=300, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    score = (torch.rand(n, classes, generator=generator) * 20).round() / 20  # with ties
    return (score + 0.4 * torch.randn(n, classes, generator=generator)) > 0.6, score


def test_the_exact_area_is_that_of_scikit_learn():
    decided, score = planted()
    found = fidelity_area(decided, score)
    expected = [average_precision_score(decided[:, c], score[:, c]) for c in range(4)]
    torch.testing.assert_close(found.per_class.values, torch.tensor(expected, dtype=torch.float64))
    assert found.macro == pytest.approx(sum(expected) / 4)
    assert found.micro == pytest.approx(average_precision_score(decided, score, average="micro"))
    levels = score.unique()
    best = max(f1_score(decided.flatten(), (score >= level).flatten()) for level in levels)
    assert found.best_f1 == pytest.approx(best)
    torch.testing.assert_close(found.prevalence, decided.float().mean(dim=0))


def test_the_published_area_by_hand():
    # Above every threshold: nothing at .95 and .9 (P = 1, R = 0), one hit of one at .8 and .7, and so on.
    decided = torch.tensor([[True], [False], [True], [False]])
    score = torch.tensor([[0.85], [0.65], [0.45], [0.01]])
    # thresholds .6 .5: hits 1 of 2, R 1/2, P 1/2; .4 ... .05: hits 2 of 3, R 1, P 2/3; end (1, 0)
    by_hand = (0 + 0.5) * 1.0 - 0  # from R 0 to 1/2 at precision 1
    by_hand += 0.5 * (0.5 + 2 / 3) / 2  # from R 1/2 to 1, precision 1/2 to 2/3
    found = fidelity_area(decided, score, as_published=("eleven_points",))
    assert found.per_class.mean == pytest.approx(by_hand)
    assert found.micro == pytest.approx(by_hand)
    assert found.best_f1 == pytest.approx(0.8)  # 2 hits of 3: 4 / 5
    assert len(PUBLISHED_THRESHOLDS) == 11


def test_eleven_points_differ_from_the_exact_area():
    decided, score = planted()
    exact, coarse = fidelity_area(decided, score), fidelity_area(decided, score, as_published=("eleven_points",))
    assert 0.005 < abs(exact.macro - coarse.macro) < 0.2


@pytest.mark.parametrize("as_published", [(), ("eleven_points",)])
def test_a_class_f_never_decides_for_is_undefined_and_unknown_labels_do_not_count(as_published):
    decided, score = planted()
    decided[:, 2] = False
    found = fidelity_area(decided, score, as_published=as_published)
    assert found.per_class.values.isnan().tolist() == [False, False, True, False]
    assert found.per_class.undefined == 1
    known = torch.rand(decided.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    part = fidelity_area(decided, score, known, as_published)
    alone = fidelity_area(decided[known[:, :1][:, 0]][:, :1], score[known[:, 0]][:, :1], as_published=as_published)
    assert float(part.per_class.values[0]) == pytest.approx(alone.macro)
    nothing = fidelity_area(torch.zeros(3, 2, dtype=torch.bool), torch.rand(3, 2), as_published=as_published)
    assert math.isnan(nothing.macro)
    assert math.isnan(nothing.micro)
    assert math.isnan(nothing.best_f1)
