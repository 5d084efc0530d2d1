"""What dissection costs in a whole training at its defaults: its points at most 5 % of the time.

The pages made after the training (tuning, silencing) are outside of that share; what they take is printed beside it.
"""

import csv
from pathlib import Path

import pytest

import train
from configs.compose import compose

LARGEST_SHARE = 0.05


@pytest.mark.slow
def test_a_whole_training_spends_little_on_its_dissection(tmp_path, capsys):
    places = [f"output={tmp_path}", f"data.cache_dir={tmp_path / 'cache'}", "logger.wandb=disabled"]
    settings = ["trainer.accelerator=cpu", "trainer.progress=false", "callbacks.listening.enabled=false"]
    on = ["callbacks.dissection.enabled=true", "callbacks.dissection.on_error=raise"]
    summary = train.train(compose(["experiment=sound_scenes_by_design", *places, *settings, *on]))
    rows = csv.DictReader((Path(summary["run"]) / "metrics.csv").open())
    seconds = sorted({float(row["dissection/seconds"]) for row in rows if row["dissection/seconds"]})
    fit = summary["seconds/fit"]
    points, total = seconds[-2] / fit, seconds[-1] / fit
    with capsys.disabled():
        end = f"{seconds[-1]:.1f} s with the end ({total:.1%})"
        print(f"\ndissection: {seconds[-2]:.1f} s of {fit:.1f} s ({points:.1%}), {end}")
    assert points <= LARGEST_SHARE
