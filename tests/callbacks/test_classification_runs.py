"""Run folders that benchmark.py classification finds: of other settings, another version, or made elsewhere."""

import re
import shutil
from collections import Counter

import pytest

from tests.callbacks.classification_calls import call, journal, starts, stub, table  # noqa: F401

pytestmark = pytest.mark.usefixtures("stub")


def test_a_run_of_other_settings_is_not_touched(tmp_path, capsys):
    assert call(tmp_path / "out", "models=by_design") == 0
    run = next((tmp_path / "out" / "sound_scenes_by_design").iterdir())
    config = run / "config.yaml"
    config.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 0.5", config.read_text()))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert call(tmp_path / "out", "models=by_design,black_box") == 1
    shown = capsys.readouterr()
    assert f"run_id={run.name}: {run} is a run of other settings" in shown.err
    assert "| black_box | 1 |" in shown.out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_runs_of_another_version_are_recognised_or_left_out_by_name(tmp_path, capsys):
    assert call(tmp_path / "out", "seeds=0,1", "models=by_design") == 0
    older, foreign = sorted((tmp_path / "out" / "sound_scenes_by_design").iterdir())
    text = (older / "config.yaml").read_text()
    (older / "config.yaml").write_text(re.sub(r"  label_smoothing: 0.0\n", "", text))  # did not exist then
    (foreign / "config.yaml").write_text((foreign / "config.yaml").read_text() + "teapot: 1\n")
    capsys.readouterr()
    assert call(tmp_path / "out", "seeds=0,1", "models=by_design") == 1
    shown = capsys.readouterr()
    assert f"warning: {foreign} is left out" in shown.err
    assert "teapot" in shown.err
    assert "was it written by another version?" in shown.err
    assert "| by_design | 1 |" in shown.out
    assert len(journal(tmp_path)) == 2


@pytest.mark.slow
def test_runs_made_elsewhere_are_collected(tmp_path, capsys):
    more = ("models=by_design,post_hoc", "seeds=0,1", "jobs=2")
    for part in (1, 2):
        assert call(tmp_path / f"machine{part}", *more, f"shard={part}/2") == 0
    assert len(journal(tmp_path)) == 6
    assert set(Counter(journal(tmp_path)).values()) == {1}
    for part in (1, 2):  # as if copied from another machine: what interpreters explain is not where it was
        shutil.move(tmp_path / f"machine{part}", tmp_path / f"moved{part}")
    assert call(tmp_path / "all", *more, "jobs=0", f"collect={tmp_path}/moved*") == 0
    rows = table(tmp_path / "all")[0]["rows"]
    assert [row["figures"]["accuracy"]["mean"] for row in rows] == pytest.approx([72.5, 52.5])
    assert [row["finished"] for row in rows] == [2, 2]
    shutil.copytree(tmp_path / "moved1", tmp_path / "moved3")
    for path in (tmp_path / "moved3").glob("*/*/summary.json"):
        path.write_text(path.read_text().replace('"test/accuracy": 0.', '"test/accuracy": 0.0'))
    capsys.readouterr()
    assert call(tmp_path / "all", *more, "jobs=0", f"collect={tmp_path}/moved*") == 0
    assert "has the same settings and another score" in capsys.readouterr().err
    assert call(tmp_path / "all", *more, "jobs=0", "collect=nowhere") == 2
    assert "collect=nowhere: no such folder" in capsys.readouterr().err


def test_columns_are_added_to_what_is_finished(tmp_path):
    assert call(tmp_path / "out") == 0
    assert call(tmp_path / "out", "columns=faithfulness") == 0
    lines = starts(tmp_path)
    assert len(lines) == 4
    assert all("at 3" in line and "callbacks.faithfulness.enabled=true" in line for line in lines[2:])
    row = table(tmp_path / "out")[0]["rows"][0]
    assert row["figures"]["faithfulness"]["mean"] == pytest.approx(90)
    assert row["figures"]["seconds"]["mean"] == pytest.approx(2.5)  # without the instrument's
    assert call(tmp_path / "out", "columns=faithfulness") == 0
    assert call(tmp_path / "out", "columns=accuracy") == 0  # those with more are taken
    assert len(starts(tmp_path)) == 4
