import csv
from pathlib import Path

from callbacks.metrics_csv import MetricsCSV


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_of_one_step_share_a_row(tmp_path: Path) -> None:
    table = MetricsCSV(tmp_path / "metrics.csv")
    table.log_metrics({"train/loss": 2.5, "epoch": 0}, step=4)
    table.log_metrics({"val/accuracy": 0.25, "epoch": 0}, step=4)
    table.save()
    table.log_metrics({"val/accuracy": 0.5, "new": 1.0, "epoch": 1}, step=9)
    table.finalize("success")
    assert rows(tmp_path / "metrics.csv") == [
        {"step": "4", "epoch": "0", "new": "", "train/loss": "2.5", "val/accuracy": "0.25"},
        {"step": "9", "epoch": "1", "new": "1", "train/loss": "", "val/accuracy": "0.5"},
    ]


def test_a_resumed_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsCSV(path)
    for step in (4, 9, 12):
        first.log_metrics({"x": step / 8}, step=step)
    first.save()
    resumed = MetricsCSV(path)
    resumed.forget_from(10)
    resumed.log_metrics({"x": 7.0}, step=14)
    resumed.save()
    assert [(row["step"], row["x"]) for row in rows(path)] == [("4", "0.5"), ("9", "1.125"), ("14", "7")]


def test_nothing_logged_writes_no_file_and_values_survive_exactly(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    MetricsCSV(path).save()
    assert not path.exists()
    table = MetricsCSV(path)
    table.log_metrics({"x": 1 / 3, "y": float("nan")}, step=0)
    table.save()
    again = MetricsCSV(path)
    again.save()
    assert again.rows[0]["x"] == 1 / 3
    assert rows(path)[0]["y"] == "nan"
