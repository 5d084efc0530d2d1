"""The figures of the first page, whatever the summary holds."""

import pytest
from scipy.stats import binomtest

from report.headline import headline, seconds_text, wilson


def test_everything_that_is_there_stands_side_by_side():
    found = headline(
        {
            "model": "by_design",
            "test/accuracy": 0.8,
            "test/n": 200,
            "parameters": 1234567,
            "seconds/fit": 125.0,
            "twin/test/accuracy": 0.85,
            "baseline/logistic_regression": 0.6,
            "baseline/chance": 0.1,
            "baseline/nearest/loss": 0.5,
        }
    )
    assert [(score.label, score.value) for score in found.scores] == [
        ("By design (this run)", 0.8),
        ("Black-box twin", 0.85),
        ("Logistic regression", 0.6),
        ("Chance", 0.1),
    ]
    assert found.n == 200
    assert found.scores[0].detail == "1,234,567 parameters · trained in 2 min"


@pytest.mark.parametrize(
    "summary",
    [{}, {"test/accuracy": None}, {"test/accuracy": float("nan")}, {"test/accuracy": "high"}, {"val/map": 0.5}],
)
def test_without_a_test_score_there_is_no_headline(summary):
    assert headline(summary) is None


def test_average_precision_has_no_binomial_interval():
    found = headline({"test/map": 0.5, "n_test": 10, "chance": 0.2})
    assert found.interval is None
    assert found.n == 10
    assert found.scores[-1].label == "Chance"


@pytest.mark.parametrize(("hits", "n"), [(61, 80), (0, 10), (10, 10), (480, 600)])
def test_interval_is_that_of_scipy(hits, n):
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-8)


def test_durations_as_people_say_them():
    assert [seconds_text(s) for s in (12, 300, 9000)] == ["12 s", "5 min", "2.5 h"]


def test_an_interpreter_is_headed_by_its_fidelity():
    summary = {
        "model": "post_hoc",
        "test/accuracy": 0.775,
        "test/classifier_accuracy": 0.825,
        "test/fidelity_top1": 0.925,
        "test/shuffled_fidelity_top1": 0.09,
        "test/n": 80,
    }
    found = headline(summary)
    assert (found.metric, found.value, found.n) == ("Test fidelity (top-1)", 0.925, 80)
    assert found.interval == wilson(0.925, 80)
    assert [(score.label, score.value) for score in found.scores] == [
        ("Interpreter (this run)", 0.925),
        ("Activations of other clips (control)", 0.09),
        ("Classifier: accuracy", 0.825),
        ("Interpreter: accuracy", 0.775),
    ]
    multi_label = headline({"test/map": 0.6, "test/fidelity_auprc": 0.8, "test/shuffled_fidelity_auprc": 0.2})
    assert (multi_label.metric, multi_label.interval) == ("Test fidelity (AUPRC)", None)
    assert [score.value for score in multi_label.scores] == [0.8, 0.2, 0.6]
