"""A dissected training that is interrupted and resumed leaves the points, drift and pages of one that was not."""

from pathlib import Path

import pytest

from callbacks.dissection_files import read_lines
from configs.compose import compose
from report.dissection_file import load_units
from tests.test_resume import InterruptAt, _interrupts_as_before, arguments, same_run
from train import InterruptedRunError, train

__all__ = ["_interrupts_as_before"]  # a fixture

DISSECTION = (
    *(
        "enabled=true",
        "on_error=raise",
        "k=6",
        "every_n_epochs=1",
        "early_steps=false",
        "layers=[backbone.blocks.2,bottleneck]",
    ),
    *("descriptors=false", "tuning=false", "edits=false", "ablated_units=0"),
)


def test_points_after_a_break_are_those_of_a_training_without(tmp_path: Path) -> None:
    more = [f"callbacks.dissection.{setting}" for setting in DISSECTION]
    more += ["callbacks.listening.enabled=false", "trainer.max_epochs=3"]
    whole = Path(train(compose(arguments(tmp_path / "whole", tmp_path / "cache", *more)))["run"])
    with pytest.raises(InterruptedRunError, match="resume="):
        train(compose(arguments(tmp_path / "stopped", tmp_path / "cache", *more)), [InterruptAt(2, batch=1)])
    resumed = tmp_path / "stopped" / "sound_scenes_by_design" / "a"
    stopped = load_units(resumed)
    assert stopped is not None
    assert [point.epoch for point in stopped.points] == [1, 2]
    train(compose([f"resume={resumed}"]))
    found = same_run(whole, resumed)  # metrics.csv too, which has the figures of the dissection
    assert [difference for difference in found if "dissection/values" not in difference] == []  # of NaN, not itself
    for name in ("epoch_0001", "epoch_0002", "epoch_0003", "end"):
        one, two = (read_lines(folder / "dissection" / f"{name}.jsonl") for folder in (whole, resumed))
        assert one == two
    assert any(point.overlap is not None for report in two for point in report.history)
    assert load_units(whole) == load_units(resumed)
