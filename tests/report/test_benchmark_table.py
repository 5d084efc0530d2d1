"""The table of explanations from scores made by hand: what is best, what differs, and what the page shows."""

import csv
import io
import json

import numpy as np
import pytest

from report.benchmark_classes import by_class, class_csv
from report.benchmark_columns import BY_KEY, HEADLINE
from report.benchmark_page import page_context, read_result
from report.benchmark_report import build_page
from report.benchmark_table import Cell, best_own, block, costs, differences
from report.benchmark_text import csv_text, markdown
from report.build import render


def cell(method, kind, increase, condition="other_class", **more):
    scores = {"equal/average_increase": np.asarray(increase, dtype=float)} | more
    return Cell(method, method, kind, condition, scores, {"explain": 0.5, "masks": 0.25})


def cells():
    spread = np.tile([0.0, 100.0], 20)
    return [
        cell("own", "own", np.minimum(spread + 60, 100)),
        cell("own <b>weak</b>", "own", spread * 0),
        cell("gradients", "baseline", spread),
        cell("equal", "baseline", np.minimum(spread + 60, 100)),
        cell("random", "control", np.where(np.arange(40) < 4, np.nan, 100.0)),
    ]


def result():
    part = block("By-design model", "note", cells()) | {"key": "by_design", "as_published": []}
    return {"format": 1, "title": "T", "sentence": "S.", "blocks": [part], "costs": costs(cells())}


def test_the_best_own_explanation_is_compared_with_all_others_clip_by_clip():
    assert best_own(cells(), "equal/average_increase").method == "own"
    found = {row["other"]: row for row in differences(cells())}
    assert set(found) == {"gradients", "equal", "random"}
    assert found["gradients"]["mean"] == pytest.approx(30)
    assert found["gradients"]["verdict"] == "better"
    assert found["equal"]["verdict"] == "open"
    assert found["random"]["verdict"] == "worse"
    assert found["random"]["undefined"] == 4


def test_of_drops_the_lowest_is_best():
    drops = {"equal/average_drop": np.arange(30.0)}, {"equal/average_drop": np.arange(30.0) + 5}
    pair = [Cell("a", "a", "own", "clean", drops[0]), Cell("b", "b", "own", "clean", drops[1])]
    assert best_own(pair, "equal/average_drop").method == "a"
    assert best_own(pair[:0], "equal/average_drop") is None


def test_markdown_and_csv_hold_every_row_and_the_undefined():
    text = markdown(result())
    assert "| random | 100.0 (100.0 to 100.0) | 4 | 0.50 |" in text
    assert "| Increase | own | gradients | 30.0 (" in text
    rows = list(csv.DictReader(io.StringIO(csv_text(result()))))
    assert {row["method"] for row in rows} == {one.method for one in cells()}
    assert next(row for row in rows if row["method"] == "random")["undefined"] == "4"


def test_scores_over_fewer_clips_are_counted_among_themselves():
    short = cell("own", "own", np.ones(40), **{"once/stability": np.array([0.5, np.nan])})
    figures = block("t", "", [short])["conditions"][0]["rows"][0]["figures"]
    assert (figures["once/stability"]["n"], figures["once/stability"]["undefined"]) == (2, 1)
    assert figures["equal/average_increase"]["n"] == 40


def test_more_is_better_in_the_headline():
    assert all(BY_KEY[name].up for name in HEADLINE)


def test_the_page_puts_own_rows_first_and_says_who_is_ahead():
    shown = page_context(json.loads(json.dumps(result())))["blocks"][0]
    assert [row["kind"] for row in shown["headline"]["rows"]] == ["own", "own", "baseline", "baseline", "control"]
    assert "1 of 2 on increase" in shown["verdict"]
    best = [row["title"] for row in shown["headline"]["rows"] if row["cells"][0]["best"]]
    assert best == ["own"]


def test_several_runs_get_a_page_of_their_own(tmp_path):
    (tmp_path / "explanations.json").write_text(json.dumps(result()))
    index = build_page([tmp_path / "a", tmp_path / "b"], tmp_path)
    text = index.read_text()
    assert index == tmp_path / "report" / "index.html"
    assert "own &lt;b&gt;weak&lt;/b&gt;" in text
    assert "<b>weak" not in text


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 0}'])
def test_what_cannot_be_read_has_no_page(tmp_path, content):
    path = tmp_path / "explanations.json"
    if content is not None:
        path.write_text(content)
    assert read_result(path) is None


def classed():
    """Clips 0 to 19 are explained for class 0, the others for class 2; only of class 0 more is kept than by chance."""
    labels = np.repeat([0.0, 2.0], 20)
    kept = np.concatenate([np.ones(20), np.tile([0.0, 1.0], 10)])
    drawn = np.concatenate([np.zeros(20), np.tile([0.0, 1.0], 10)])
    right = np.where(labels == 0, 1.0, np.nan)
    scores = {"equal/input_fidelity": kept, "equal/mask_in_accuracy": right}
    random = {"equal/input_fidelity": drawn, "equal/mask_in_accuracy": right * 0}
    return [
        Cell("own_selected", "own components", "own", "clean", scores, {}, labels),
        Cell("own_random_components", "random", "control", "clean", random, {}, labels),
    ]


def test_classes_are_told_apart_and_stand_beside_random_components():
    rows = by_class(classed(), ["<b>dog</b>", "cat", "rain"])
    assert [(row["class"], row["n"]) for row in rows] == [("<b>dog</b>", 20), ("rain", 20)]
    dog, rain = (row["scores"]["input_fidelity"] for row in rows)
    assert (dog["own"]["mean"], dog["random"]["mean"], dog["difference"]["low"]) == (1.0, 0.0, 1.0)
    assert rain["own"]["mean"] == rain["random"]["mean"] == 0.5
    assert (rain["difference"]["low"], rain["difference"]["high"]) == (0.0, 0.0)
    assert rows[1]["scores"]["mask_in_accuracy"]["own"]["undefined"] == 20
    assert by_class(classed()[:1], ["dog", "cat", "rain"]) == []  # nothing to compare with


def test_classes_are_shown_wherever_the_table_is():
    part = block("By-design model", "note", classed()) | {"key": "by_design", "as_published": []}
    part["conditions"][0]["classes"] = by_class(classed(), ["<b>dog</b>", "cat", "rain"])
    whole = {"format": 1, "title": "T", "sentence": "S.", "blocks": [part], "costs": costs(classed())}
    assert "| &lt;b>dog&lt;/b> | 20 | 1.00 | 0.00 | 1.00 * (1.00 to 1.00) |" in markdown(whole)
    assert "| rain | 20 | 0.50 | 0.50 | 0.00 (0.00 to 0.00) | – | – | – |" in markdown(whole)
    lines = list(csv.DictReader(io.StringIO(class_csv(whole))))
    assert len(lines) == 2 * 2 * 3
    page = render("explanations_alone.html.j2", page_context(whole)).decode()
    assert "&lt;b&gt;dog&lt;/b&gt;" in page
    assert "<b>dog" not in page
    assert "Class by class" in page
