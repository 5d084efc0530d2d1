"""Charts of metrics.csv."""

from report.curves import charts, split_name, unit


def test_splits_share_a_chart_and_epochs_count_from_one():
    rows = [
        {"step": 1.0, "epoch": 0.0, "train/loss": 3.0, "val/loss": 4.0},
        {"step": 2.0, "epoch": 1.0, "val/loss": 2.0},
    ]
    rows.append({"step": 3.0, "epoch": 2.0, "val/loss": 1.0, "test/loss": 9.0})
    (chart,) = charts({"": rows})
    assert (chart["title"], chart["x"], chart["unit"]) == ("loss", "epoch", "nats")
    assert chart["series"] == [{"name": "val", "points": [[1.0, 4.0], [2.0, 2.0], [3.0, 1.0]]}]


def test_several_steps_of_an_epoch_leave_the_last_and_no_epoch_means_steps():
    rows = [{"step": 1.0, "epoch": 0.0, "a": 1.0}, {"step": 2.0, "epoch": 0.0, "a": 2.0}, {"epoch": 1.0, "a": 3.0}]
    assert charts({"": rows})[0]["series"][0]["points"] == [[1.0, 2.0], [2.0, 3.0]]
    assert charts({"": [{"step": 5.0, "a": 1.0}, {"step": 9.0, "a": 2.0}]})[0]["x"] == "step"


def test_loss_and_score_come_first_and_runs_are_told_apart():
    rows = [{"step": float(i), "aaa": 1.0, "val/accuracy": 0.5, "val/loss": 1.0} for i in (1, 2)]
    found = charts({"one": rows, "two": rows})
    assert [chart["title"] for chart in found] == ["loss", "accuracy", "aaa"]
    assert [line["name"] for line in found[0]["series"]] == ["one val", "two val"]


def test_names_of_charts_and_lines():
    assert split_name("val/accuracy") == ("accuracy", "val")
    assert split_name("train/gradient_share/sparsity") == ("gradient_share", "sparsity")
    assert split_name("seconds/listening") == ("seconds", "listening")
    assert split_name("lr") == ("lr", "")
    assert unit("seconds") == "s"
    assert unit("gradient_share") == ""


def test_nothing_logged_is_no_chart():
    assert charts({"": []}) == []


def test_a_distance_of_generated_sounds_has_its_interval_floor_and_ceiling_in_one_chart():
    names = ["kernel_distance", *(f"kernel_distance_{part}" for part in ("low", "high", "floor", "ceiling"))]
    others = ["seconds", "coverage", "dog/kernel_distance", "end/kernel_distance"]
    row = {f"explanation_fid/{name}": 0.5 for name in names + others}
    (chart,) = charts({"": [{"epoch": 0, **row}, {"epoch": 1, **row}]})
    assert chart["title"] == "explanation fid: kernel distance"
    assert {line["name"] for line in chart["series"]} == {"mean of units", "low", "high", "floor", "ceiling"}
