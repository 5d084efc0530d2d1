"""What listening costs and changes in a whole training at its defaults: at most 3 % of the time, and nothing."""

import csv
from pathlib import Path

import pytest
import torch

import train
from configs.compose import compose

LARGEST_SHARE = 0.03


@pytest.mark.slow
def test_a_whole_training_is_the_same_with_listening_and_spends_little_on_it(tmp_path, capsys):
    def run(*more):
        places = [f"output={tmp_path}", f"data.cache_dir={tmp_path / 'cache'}", "logger.wandb=disabled"]
        settings = [*places, "trainer.accelerator=cpu", "trainer.progress=false", "callbacks.listening.on_error=raise"]
        summary = train.train(compose(["experiment=sound_scenes_by_design", *settings, *more]))
        last = torch.load(f"{summary['run']}/checkpoints/last.ckpt", weights_only=True)
        return summary, last

    summary, listened = run("run_id=on")
    _, without = run("run_id=off", "callbacks.listening.enabled=false")
    assert listened["state_dict"].keys() == without["state_dict"].keys()
    for name, value in listened["state_dict"].items():
        assert torch.equal(value, without["state_dict"][name]), name
    assert str(listened["optimizer_states"]) == str(without["optimizer_states"])
    spent = listening_seconds(summary["run"])
    share = spent / summary["seconds/fit"]
    with capsys.disabled():
        print(f"\nlistening: {spent:.1f} s of {summary['seconds/fit']:.1f} s, {share:.1%}")
    assert share <= LARGEST_SHARE


def listening_seconds(run):
    """Return the seconds that the instrument has counted by the end of the training."""
    rows = csv.DictReader((Path(run) / "metrics.csv").open())
    return max(float(row["listening/seconds"]) for row in rows if row["listening/seconds"])
