"""The separation table of a small run: every clip scored, the ideal mask on top, refusals in one line."""

import csv

import numpy as np

import train
from callbacks.separation_table import main, score_run
from configs.compose import compose
from configs.plain import load_yaml_config

SMALL = [
    "data.n_train=24",
    "data.n_val=12",
    "data.n_test=12",
    "data.seconds=1.0",
    "data.batch_size=12",
    "trainer.max_epochs=1",
    "trainer.progress=false",
    "trainer.accelerator=cpu",
    "logger.wandb=disabled",
    "model.n_components=8",
    "model.nmf.updates=20",
    "model.nmf.frames=500",
    "backbone.width=4",
    "callbacks.listening.enabled=false",
]


def trained(tmp_path, experiment):
    places = [f"output={tmp_path / 'runs'}", f"data.cache_dir={tmp_path / 'cache'}", "run_id=r"]
    train.train(compose([f"experiment={experiment}", *SMALL, *places]))
    return tmp_path / "runs" / experiment / "r"


def test_a_clip_of_several_classes_is_scored_for_each(tmp_path):
    run = trained(tmp_path, "sound_scenes_multilabel_by_design")
    scores, names = score_run(run, n_clips=6)
    clips = train.build_datamodule(load_yaml_config(run / "config.yaml")).batch("test", range(6))
    assert len(names) == len(set(names)) == int(clips.target.sum())
    assert len(scores.gain) == len(names)
    assert bool((scores.gain_ideal_mask > scores.gain_random_mask).all())


def test_every_test_clip_is_scored(tmp_path, capsys):
    run = trained(tmp_path, "sound_scenes_by_design")
    assert main([str(run)]) == 0
    assert "class interpretation" in capsys.readouterr().out
    rows = list(csv.DictReader((run / "separation.csv").open()))
    assert [row["clip"] for row in rows] == [f"test/{n:05d}" for n in range(12)]
    ideal, random = (np.array([float(row[f"gain_{name}"]) for row in rows]) for name in ("ideal_mask", "random_mask"))
    assert np.median(ideal) > 6
    assert np.median(ideal - random) > 6


def test_what_cannot_be_scored_is_said_in_one_line(tmp_path, capsys):
    assert main([]) == 2
    assert main([str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
