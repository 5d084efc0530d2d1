"""Points of a training on disk: what a unit was before, also in a training that is resumed."""

import math

import pytest

from callbacks.dissection_files import earlier_point, point_name, point_of, read_lines, with_history, write_lines
from configs.errors import InputError
from interpretability.dissection.drift import Drift
from interpretability.dissection.unit_report import UnitReport


def unit(number, label="dog", auprc=0.5):
    return UnitReport("layer", number, 1, label, "labels", auprc=auprc)


def points(folder, epochs):
    before = []
    for epoch in epochs:
        _, before = earlier_point(folder, epoch)
        overlaps = {"layer/0+": 0.9, "layer/1+": 0.1} if before else {}
        reports = with_history([unit(0), unit(1, None)], before, epoch, overlaps)
        write_lines(folder, point_name(epoch), reports)
    return reports


def test_history_grows_from_point_to_point(tmp_path):
    first, second = points(tmp_path, (1, 2, 4))
    assert [(p.epoch, p.label, p.auprc, p.overlap) for p in first.history] == [
        (1, "dog", 0.5, None),
        (2, "dog", 0.5, 0.9),
        (4, "dog", 0.5, 0.9),
    ]
    assert (first.settled, second.settled) == (2, None)
    assert second.history[-1].auprc is None  # without a name there is no score of it
    assert read_lines(tmp_path / "dissection" / "epoch_0004.jsonl") == [first, second]


def test_a_resumed_training_does_not_look_at_points_after_it(tmp_path):
    points(tmp_path, (1, 2, 4))
    epoch, before = earlier_point(tmp_path, 4)
    assert epoch == 2
    assert all(report.history[-1].epoch == 2 for report in before)
    assert earlier_point(tmp_path, 1) == (0, [])


def test_a_damaged_file_is_named(tmp_path):
    points(tmp_path, (1,))
    path = tmp_path / "dissection" / "epoch_0001.jsonl"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(InputError, match=r"epoch_0001\.jsonl: cannot be read"):
        earlier_point(tmp_path, 2)


def test_a_point_holds_figures_by_layer_and_nothing_that_is_not_finite():
    drifts = {"a": Drift(0.5, 0.6, 0.1, 1, 2, 3, 4, {})}
    point = point_of(3, {"a": {"named": 2.0, "auprc": math.nan}, "b": {"named": 1.0}}, drifts, "failed")
    assert point.figures["named"] == {"a": 2.0, "b": 1.0}
    assert point.figures["auprc"] == {"a": None}
    assert point.figures["overlap_floor"] == {"a": 0.6}
    assert (point.epoch, point.problem, point.end) == (3, "failed", False)
