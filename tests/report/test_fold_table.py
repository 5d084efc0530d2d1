"""Means over folds and the paired interval, from run folders whose answers are known."""

import csv
import json

import numpy as np
import pytest

from report.fold_table import DRAWS, correct, main, paired_interval


def write_run(folder, model, right, accuracy, twin=None):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    with (folder / "test_predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "recording", "p(a)", "p(b)", "target(a)", "target(b)"])
        for number, good in enumerate(right):
            writer.writerow([f"{folder.name[-1]}-{number}", number, *((0.9, 0.1) if good else (0.2, 0.8)), 1, 0])
    summary = {"model": model, "test/n": len(right), "test/accuracy": accuracy, "parameters": 7, "seconds/fit": 2.0}
    (folder / "summary.json").write_text(json.dumps(summary | ({"twin/run": str(twin)} if twin else {})))


def test_table_of_two_folds_with_twins(tmp_path, capsys):
    for fold, right in enumerate(([1, 1, 1, 0], [1, 1, 0, 0])):
        write_run(tmp_path / f"twin{fold}", "black_box", [1, 1, 1, 1], 1.0)
        write_run(tmp_path / f"run{fold}", "by_design", right, np.mean(right), twin=tmp_path / f"twin{fold}")
    assert main([str(tmp_path / "run0"), str(tmp_path / "run1")]) == 0
    shown = capsys.readouterr().out
    assert "62.5 ± 17.7" in shown
    assert "100.0 ± 0.0" in shown
    assert "over 8 test clips: -37.5 points" in shown


def test_answers_are_read_from_the_table(tmp_path):
    write_run(tmp_path / "r0", "by_design", [1, 0, 1], 2 / 3)
    assert list(correct(tmp_path / "r0" / "test_predictions.csv").values()) == [True, False, True]


def test_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for trial in range(100):
        first = generator.random(200) < 0.8
        second = np.where(generator.random(200) < 0.5, first, generator.random(200) < 0.7)
        _, low, high = paired_interval(first, second, seed=trial)
        covered += low <= 0.5 * 0.1 <= high
    assert 85 <= covered <= 100
    assert DRAWS == 10_000


def test_equal_answers_have_no_difference():
    assert paired_interval(np.ones(5), np.ones(5)) == (0, 0, 0)


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["missing"], 2)])
def test_what_cannot_be_shown_is_said_in_one_line(arguments, code, capsys):
    assert main(arguments) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unfinished_run_is_named(tmp_path, capsys):
    write_run(tmp_path / "r0", "by_design", [1], 1.0)
    (tmp_path / "r0" / "summary.json").unlink()
    assert main([str(tmp_path / "r0")]) == 1
    assert "not finished" in capsys.readouterr().err


def test_a_damaged_summary_and_twins_alone_are_named(tmp_path, capsys):
    write_run(tmp_path / "r0", "by_design", [1], 1.0)
    (tmp_path / "r0" / "summary.json").write_text("{")
    assert main([str(tmp_path / "r0")]) == 1
    assert "summary.json: cannot be read" in capsys.readouterr().err
    assert main([str(tmp_path / "r0-black_box")]) == 2
    assert "no twins" in capsys.readouterr().err
