"""The table of models from cells whose figures are known: arithmetic, sentences, files and the page."""

import csv
import io
import json
import math

import numpy as np
import pytest
from scipy import stats

from report.classification_columns import cell_figures, named_share
from report.classification_markdown import markdown
from report.classification_page import build_page
from report.classification_statistics import Answers, mean_average_precision
from report.classification_table import FORMAT, CellResult, difference, tabulate
from report.classification_text import csv_text
from report.run_folder import RunFolder

OURS, THEIRS = (90.0, 85.0, 88.0, 92.0, 86.0), (88.0, 84.0, 89.0, 87.0, 85.0)


def answers(score, n=100):
    right = np.arange(n) < score * n / 100
    scores = np.where(right[:, None], [[0.9, 0.1]], [[0.2, 0.8]])
    return Answers(tuple(f"clip{i}" for i in range(n)), scores, np.tile([1.0, 0.0], (n, 1)))


def cell(model, fold, score, seed=0, state="finished", **more):
    figures = {"accuracy": score, "seconds": 100.0 + score, "parameters": 1.5, **more.pop("figures", {})}
    if state != "finished":
        return CellResult("esc10", model, fold, seed, state, **more)
    return CellResult("esc10", model, fold, seed, state, figures=figures, answers=answers(score), n_train=400, **more)


def both(seeds=(0,)):
    return [
        cell(model, fold, score + seed, seed)
        for model, scores in (("by_design", OURS), ("black_box", THEIRS))
        for fold, score in enumerate(scores, 1)
        for seed in seeds
    ]


COMMANDS = {("esc10", name): f"python benchmark.py models={name}" for name in ("by_design", "black_box", "post_hoc")}


def test_means_and_differences_are_those_of_scipy():
    part = tabulate(both(), COMMANDS)["sets"][0]
    figure = part["rows"][0]["figures"]["accuracy"]
    assert figure["mean"] == pytest.approx(np.mean(OURS))
    assert figure["std"] == pytest.approx(np.std(OURS, ddof=1))
    assert part["rows"][0]["clips"] == 500
    (found,) = part["differences"]
    expected = stats.ttest_rel(OURS, THEIRS)
    assert (found["k"], found["unit"]) == (5, "fold")
    assert found["mean"] == pytest.approx(np.mean(OURS) - np.mean(THEIRS))
    assert found["p"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))
    spread = np.std(np.subtract(OURS, THEIRS), ddof=1)
    half = stats.t.ppf(0.975, 4) * spread * math.sqrt(1 / 5 + 100 / 400)
    assert found["corrected_high"] - found["mean"] == pytest.approx(half)
    assert found["clips"]["mean"] == pytest.approx(found["mean"])
    assert found["clips"]["n"] == 500


def test_seeds_of_a_fold_are_one_difference():
    part = tabulate(both(seeds=(0, 1, 2)), COMMANDS)["sets"][0]
    (found,) = part["differences"]
    assert found["k"] == 5
    assert found["p"] == pytest.approx(stats.ttest_rel(OURS, THEIRS).pvalue)
    every = [score + seed for score in OURS for seed in (0, 1, 2)]
    assert part["rows"][0]["figures"]["accuracy"] == {
        "mean": pytest.approx(np.mean(every)), "std": pytest.approx(np.std(every, ddof=1)), "n": 15,
    }  # fmt: skip
    assert part["rows"][0]["clips"] == 500  # the same in each seed
    assert "indicative" not in part["note"]
    assert part["note"].startswith("Five folds, three seeds: mean ± standard deviation over folds and seeds.")


def test_one_split_is_paired_over_seeds():
    cells = [cell(m, None, s + seed * (m == "by_design"), seed) for m, s in (("by_design", 80), ("black_box", 70))
             for seed in range(3)]  # fmt: skip
    (found,) = tabulate(cells, COMMANDS)["sets"][0]["differences"]
    assert (found["k"], found["unit"]) == (3, "seed")
    assert found["p"] == pytest.approx(stats.ttest_1samp([10, 11, 12], 0).pvalue)
    assert found["corrected_p"] == pytest.approx(found["p"])
    limits = tabulate(cells, COMMANDS)["sets"][0]["limits"]
    assert "Seeds of one split" in limits


def test_what_five_folds_cannot_say_is_said():
    part = tabulate(both(), COMMANDS)["sets"][0]
    assert "Five folds: the exact test, over all choices of signs, cannot give a p value below 0.0625" in part["limits"]
    assert "so it can never reach 0.05" in part["limits"]
    assert "One seed is indicative." in part["note"]
    alone = tabulate([cell("by_design", 1, 80.0), cell("black_box", 1, 70.0)], COMMANDS)["sets"][0]
    assert "nothing to test over" in alone["limits"]
    assert alone["differences"][0]["p"] is None


def test_missing_cells_leave_their_pairs_out_and_are_counted():
    cells = [c for c in both() if not (c.model == "black_box" and c.fold == 2)]
    cells.append(cell("black_box", 2, 0, state="failed", reason="no data"))
    result = tabulate(cells, COMMANDS)
    part = result["sets"][0]
    assert part["differences"][0]["k"] == 4
    assert (part["rows"][1]["finished"], part["rows"][1]["planned"]) == (4, 5)
    assert "black_box has 4 of 5 trainings." in part["note"]
    assert result["failed"][0]["reason"] == "no data"
    assert difference([c for c in cells if c.model == "by_design"], [], "accuracy") is None


def test_files_hold_every_figure(tmp_path):
    cells = both() + [cell("post_hoc", fold, 80.0, figures={"faithfulness": 70.0, "faithfulness_random": 20.0})
                      for fold in range(1, 6)]  # fmt: skip
    result = tabulate(cells, COMMANDS)
    assert json.loads(json.dumps(result, allow_nan=False))["format"] == FORMAT
    text = markdown(result)
    interval = result["sets"][0]["rows"][0]["interval"]
    assert interval["low"] < interval["mean"] < interval["high"]
    assert f"| by_design | 5 | 500 | 88.2 ± 2.9 (95 % {interval['low']:.1f} to {interval['high']:.1f}) |" in text
    assert "| post_hoc | 5 | 500 | 80.0 (95 % " in text
    assert " | 70.0 (random 20.0) |" in text
    assert "| by_design − black_box | 1.6 |" in text
    assert "python benchmark.py models=black_box\n" in text
    rows = list(csv.DictReader(io.StringIO(csv_text(result))))
    accuracy = [float(row["value"]) for row in rows if row["model"] == "by_design" and row["column"] == "accuracy"]
    assert accuracy == [*OURS, pytest.approx(np.mean(OURS))]
    result["command"] = "python benchmark.py classification"
    page = build_page(result, tmp_path).read_text()
    for expected in ("Models compared", "88.2 ± 2.9", "random 20.0", "never reach 0.05", "models=post_hoc"):
        assert expected in page
    assert "failed" not in page
    failed = tabulate([*cells, cell("black_box", 1, 0, seed=1, state="failed", reason="<broken>")], COMMANDS)
    page = build_page(failed, tmp_path).read_text()
    assert "1 training failed" in page
    assert "&lt;broken&gt;" in page


def test_figures_of_a_run_come_from_its_files(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_summary({"test/accuracy": 0.5, "test/fidelity_top1": 0.75, "parameters": 2000, "seconds/fit": 100.0})
    folder.metrics.write_text(
        "step,epoch,faithfulness/chosen_input_fidelity,faithfulness/seconds,listening/seconds,train/loss\n"
        "1,0,nan,1.0,2.0,0.5\n2,1,0.25,3.0,,nan\n"
    )
    assert cell_figures(folder) == {
        "accuracy": 50.0, "fidelity": 75.0, "faithfulness": 25.0, "seconds": 95.0, "parameters": 2.0,
    }  # fmt: skip
    units = [("blocks.2", 0, "dog"), ("bottleneck", 0, None), ("bottleneck", 0, "rain"), ("bottleneck", 1, None)]
    lines = [{"layer": layer, "unit": unit, "label": label} for layer, unit, label in units]  # two poles of unit 0
    (tmp_path / "end.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert named_share(tmp_path / "end.jsonl") == 0.5
    (tmp_path / "end.jsonl").write_text("{broken")
    assert named_share(tmp_path / "end.jsonl") is None


def test_what_was_searched_with_another_kernel_is_in_no_mean(tmp_path):
    folder, end = RunFolder(tmp_path), "explanation_fid/end"
    known = {f"{end}/{name}_distance{part}": 2.0 for name in ("kernel", "frechet") for part in ("", "_floor")}
    folder.write_summary({"test/accuracy": 0.5, "seconds/fit": 100.0, **known})
    assert cell_figures(folder).keys() == {"accuracy", "seconds", "frechet"}
    # What is prepared is in the seconds of the instrument, before the clock of the training.
    folder.metrics.write_text("step,explanation_fid/prepare_seconds,explanation_fid/seconds\n1,60.0,70.0\n")
    found = cell_figures(folder)
    assert found.keys() == {"accuracy", "seconds", "frechet", "frechet_floor", "kernel", "kernel_floor"}
    assert found["seconds"] == 90.0


def test_the_note_says_where_a_mean_is_over_fewer_trainings():
    known = {"frechet": 3.0, "frechet_floor": 1.0}
    cells = [cell("by_design", 1, 90.0, figures=known), cell("by_design", 2, 85.0, figures={"frechet": 5.0})]
    part = tabulate(cells, COMMANDS)["sets"][0]
    assert "by_design: Fréchet (real) is the mean of 1 of 2 trainings." in part["note"]
    assert part["note"].count(" is the mean of ") == 1


def test_several_labels_are_compared_by_mean_average_precision():
    random = np.random.default_rng(0)
    target = (random.random((200, 3)) < 0.25).astype(float)
    target[random.random((200, 3)) < 0.1] = -1  # not known
    names = tuple(map(str, range(200)))

    def of(model, noise, seed):
        scores = target + np.random.default_rng(seed).normal(0, noise, target.shape)
        found = Answers(names, scores, target)
        figures = {"map": 100 * float(mean_average_precision(found, np.ones((1, 200)))[0])}
        return CellResult("openmic", model, None, seed, "finished", figures=figures, answers=found, n_train=800)

    cells = [of("by_design", 0.3, seed) for seed in (0, 1)] + [of("black_box", 1.5, seed) for seed in (0, 1)]
    part = tabulate(cells, {("openmic", name): "" for name in ("by_design", "black_box")})["sets"][0]
    assert part["metric"] == "map"
    known = np.where(target >= 0, target, np.nan)
    assert part["chance"] == pytest.approx(100 * np.nanmean(known, axis=0).mean())
    (found,) = part["differences"]
    assert found["mean"] == pytest.approx(found["clips"]["mean"])
    assert 0 < found["clips"]["low"] < found["mean"] < found["clips"]["high"]
    assert "| by_design | 2 | 200 |" in markdown({"sets": [part], "failed": []})
