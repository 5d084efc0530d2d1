"""What explanation FID costs in a whole training at its defaults: its points at most 5 % of the time.

The full search after the training is outside of that share; what it takes is printed beside it.
"""

import csv
from pathlib import Path

import pytest

import train
from configs.compose import compose

LARGEST_SHARE = 0.05


@pytest.mark.slow
def test_a_whole_training_spends_little_on_its_generated_sounds(tmp_path, capsys):
    places = [f"output={tmp_path}", f"data.cache_dir={tmp_path / 'cache'}", "logger.wandb=disabled"]
    settings = ["trainer.accelerator=cpu", "trainer.progress=false", "callbacks.listening.enabled=false"]
    on = ["enabled=true", "on_error=raise", "generation.units=[siren,bird,bell]", "end_interpreted=0"]
    fid = [f"callbacks.explanation_fid.{setting}" for setting in on]
    summary = train.train(compose(["experiment=sound_scenes_by_design", *places, *settings, *fid]))
    rows = list(csv.DictReader((Path(summary["run"]) / "metrics.csv").open()))
    seconds = sorted({float(row["explanation_fid/seconds"]) for row in rows if row["explanation_fid/seconds"]})
    search = max(float(row["explanation_fid/search_seconds"]) for row in rows if row["explanation_fid/search_seconds"])
    training = summary["seconds/fit"] - search
    with capsys.disabled():
        share = f"{seconds[-2]:.1f} s of {training:.1f} s ({seconds[-2] / training:.1%})"
        print(f"\nexplanation_fid: {share}, full search for 3 units {search:.1f} s")
    assert seconds[-2] <= LARGEST_SHARE * training
