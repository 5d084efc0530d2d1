"""What is told of a removal: the sentence, the tables and the curves, and pages of damaged files."""

import json

import pytest

from report.run_contents import RunContents
from report.unlearning_summary import csv_text, markdown, reached
from report.unlearning_table import FORMAT, charts, context, files, sentence, tables, z_text


def side(before, after, z=1.0):
    return {"before": before, "after": after, "random": before, "random_std": 0.02, "z": z}


def figures(before, after, z=1.0):
    return {"accuracy": {"forget": side(before, after, z), "retain": side(0.9, 0.88, 0.4)}}


@pytest.fixture
def result():
    return {
        "format": FORMAT,
        "kind": "class",
        "concept": "dog <b>",
        "how": "zero",
        "units": {"blocks.2": [4, 1]},
        "layers": {"blocks.2": 128},
        "label": 1,
        "figures": ["accuracy"],
        "n": {"test": 30},
        "draws": 20,
        "norm_ratio": 1.04,
        "difference": 0.0,
        "checkpoint": "pruned.ckpt",
        "classes": [
            {"name": "cat", "n": 10, **figures(0.9, 0.7)},
            {"name": "dog <b>", "n": 10, **figures(0.95, 0.1, 12.34)},
            {"name": "rain", "n": 10, **figures(0.8, 0.9)},
        ],
        "dose": {
            "scales": [0.0, 1.0],
            "figures": {
                "accuracy": {"forget": [0.1, 0.95], "retain": [0.88, 0.9]},
                "log_probability": {"forget": [-2.0, -0.1], "retain": [-0.2, -0.1]},
            },
        },
    }


def test_the_sentence_says_what_was_lost_and_who_suffered(result):
    text = sentence(result)
    assert "2 of 128 units of blocks.2" in text
    assert "from 0.95 to 0.10 (z = 12.3)" in text
    assert "cat lost most, from 0.90 to 0.70" in text


def test_tables_hold_the_figures_of_each_class(result):
    lost, classes, units = tables(result)
    assert lost[2][0] == ["accuracy, forget", "0.95", "0.10", "0.95 ± 0.02", "12.3"]
    assert [row[0] for row in classes[2]] == ["cat", "dog <b>", "rain"]
    assert units[2] == [["blocks.2", "128", "2"]]
    assert "blocks.2 4, 1" in units[3]


def test_curves_pass_through_the_doses(result):
    first, second = charts(result)
    assert first["series"][0]["points"] == [[0.0, 0.1], [1.0, 0.95]]
    assert second["series"][1]["points"] == [[0.0, -0.2], [1.0, -0.1]]


def test_a_page_is_made_of_what_can_be_read(result, tmp_path):
    run = RunContents(tmp_path)
    assert context(run) is None
    for name, text in (("dog", json.dumps(result)), ("cut", '{"format"'), ("old", '{"format": 0}')):
        (tmp_path / "unlearning" / name).mkdir(parents=True)
        (tmp_path / "unlearning" / name / "unlearning.json").write_text(text)
    shown = context(run)
    assert [removal["concept"] for removal in shown["removals"]] == ["dog <b>"]
    assert shown["n_charts"] == 2
    ((name, content),) = files(run)
    assert name == "data/unlearning.js"
    assert b"<b>" not in content


def test_z_as_text():
    assert [z_text(z) for z in (None, 3.04, -0.5)] == ["–", "3.0", "−0.5"]


def test_the_summary_counts_classes_that_reach_the_figure():
    def row(z, after):
        return {
            "name": "dog", "n": 40, "units": 7.0, "forget": side(0.9, 0.2, z), "retain": side(0.9, after),
            "worst_other": {"class": "cat", "lost": 0.1}, "fold_std": 0.1, "logit": {"forget": -3.0, "retain": -0.5},
        }  # fmt: skip

    rows = [row(3.0, 0.85), row(2.9, 0.9), row(None, 0.9), row(9.0, 0.84)]
    assert [reached(one) for one in rows] == [True, False, False, False]
    strategy = {"strategy": "effects", "title": "ours", "classes": rows}
    paper = {"units": 7.0, "ablated": -3.0, "remaining": -0.5, "difference": 2.5}
    told = {"runs": ["a"], "layers": ["x"], "how": "zero", "draws": 20, "budget": 0.05, "properties": {}}
    text = markdown(told | {"strategies": [strategy | paper]})
    assert "| ours | 7.00 | −3.00 | −0.50 | 2.50 | 0.70 | 0.03 | 1 of 4 |" in text
    assert csv_text({"strategies": [strategy | paper]}).count("\n") == 5
