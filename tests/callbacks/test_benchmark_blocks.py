"""Which runs a setting names, which classifier an interpreter explains, and where the twin of a run lies."""

import json

import pytest

from callbacks.benchmark_blocks import explains, fingerprint, run_paths, twin_of
from configs.errors import CommandError
from models.run_loading import load_run


def folder(path):
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("")
    return path


def test_patterns_are_filled_in_and_twins_left_out(tmp_path):
    for name in ("fold1", "fold1-black_box", "fold2"):
        folder(tmp_path / name)
    (tmp_path / "fold3").mkdir()  # no run
    assert [path.name for path in run_paths(f"{tmp_path}/fold*")] == ["fold1", "fold2"]
    assert [path.name for path in run_paths(f"{tmp_path}/*-black_box")] == ["fold1-black_box"]
    assert [path.name for path in run_paths(f"{tmp_path}/fold2, {tmp_path}/fold1")] == ["fold2", "fold1"]
    assert run_paths(None) == []
    with pytest.raises(CommandError, match="fits no run"):
        run_paths(f"{tmp_path}/x?")


def test_the_twin_is_where_the_summary_says_or_beside_the_run(tmp_path):
    run, twin = folder(tmp_path / "r"), folder(tmp_path / "elsewhere")
    assert twin_of(run) is None
    (run / "summary.json").write_text(json.dumps({"twin/run": str(tmp_path / "moved away")}))
    beside = folder(tmp_path / "r-black_box")
    assert twin_of(run) == beside
    (run / "summary.json").write_text(json.dumps({"twin/run": str(twin)}))
    assert twin_of(run) == twin


def test_an_interpreter_belongs_to_the_classifier_whose_weights_it_carries(untrained_run):
    black = untrained_run("a", **{"model.name": "black_box"})
    other = untrained_run("b", **{"model.name": "black_box", "backbone.width": 8})
    interpreter = load_run(untrained_run("ph", **{"model.name": "post_hoc", "model.explains": str(black)}))
    assert explains(interpreter, load_run(black))
    assert not explains(interpreter, load_run(other))
    assert not explains(load_run(black), load_run(black))
    assert fingerprint(load_run(black)) != fingerprint(load_run(other))
