"""Two processes (gloo on a CPU): the first searches, both log one figure, and files are written once."""

import csv
import json

import pytest

from report.generations_file import load_points
from tests.callbacks.test_explanation_fid import ON
from tests.test_distributed import train_on_two


@pytest.mark.slow
def test_two_processes_have_the_points_of_one(tmp_path):
    more = ("data.n_val=73", "trainer.monitor=explanation_fid/kernel_distance", "callbacks.listening.enabled=false")
    run = train_on_two(tmp_path, *ON, *more)
    points = load_points(run)
    assert [point.name for point in points] == ["epoch_0001", "epoch_0002", "end"]
    assert all(len(point.units) == 2 for point in points)
    with (run / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["explanation_fid/kernel_distance"]]
    found = [float(row["explanation_fid/kernel_distance"]) for row in rows]
    for point, value in zip(points[:2], found, strict=False):
        lanes = [unit["lanes"][unit["chosen"]] for unit in point.units]
        assert value == pytest.approx(sum(lane["kernel"] for lane in lanes) / 2, rel=1e-4)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best/explanation_fid/kernel_distance"] == pytest.approx(min(found[:2]), rel=1e-5)


@pytest.mark.slow
def test_an_error_on_the_first_process_skips_the_point_on_both(tmp_path):
    more = ("callbacks.explanation_fid.on_error=warn", "callbacks.explanation_fid.generation.least=60")
    run = train_on_two(tmp_path, *ON, *more, "callbacks.listening.enabled=false")
    assert not load_points(run)
    assert json.loads((run / "summary.json").read_text())["epochs"] == 2
