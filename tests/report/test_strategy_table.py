"""Training strategies in one table, from run folders written by hand."""

import csv
import io
import math

import pytest

from report.dissection_file import Point, ProbeClip, UnitsFile, save_units
from report.strategy_table import average, last_points, main, markdown, read_run, table

LAYERS = ("blocks.0", "blocks.1")


def figures(*named):
    each = dict(zip(LAYERS, named, strict=True))
    return {
        "named_share": each,
        "distinct": dict.fromkeys(LAYERS, 3.0),
        "auprc": {"blocks.0": None, "blocks.1": 0.5},
        "polysemantic": dict.fromkeys(LAYERS, 0.8),
        "polysemantic_chance": dict.fromkeys(LAYERS, 0.95),
        "dead": dict.fromkeys(LAYERS, 1.0),
    }


@pytest.fixture
def run(tmp_path):
    """Function that writes a run folder with points (epoch, end, shares named of both layers)."""

    def write(name, experiment, *points, accuracy=0.5):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(f"experiment: {experiment}\n")
        if accuracy is not None:
            (folder / "summary.json").write_text(f'{{"test/accuracy": {accuracy}}}')
        clips = tuple(ProbeClip(f"clip {i}", 1.0, ("dog",)) for i in range(10))
        made = tuple(Point(epoch, figures(*named), end=end) for epoch, end, *named in points)
        save_units(folder, UnitsFile("labels", ("dog",), "mean", {}, LAYERS, clips, (), made))
        return folder

    return write


def test_runs_of_a_strategy_are_averaged_point_by_point(run):
    first = run("a", "sound_scenes_black_box", (1, False, 0.1, 0.2), (4, True, 0.3, 0.4), accuracy=0.6)
    second = run("b", "sound_scenes_black_box", (1, False, 0.3, 0.6), (7, True, 0.5, 0.8), accuracy=0.8)
    rows = average([read_run(first), read_run(second)])
    assert [(row.layer, row.epoch, row.end, row.runs, row.clips) for row in rows] == [
        ("blocks.0", 1, False, 2, 20),
        ("blocks.0", 7, True, 2, 20),
        ("blocks.1", 1, False, 2, 20),
        ("blocks.1", 7, True, 2, 20),
    ]
    assert [row.mean["named_share"] for row in rows] == pytest.approx([0.2, 0.4, 0.4, 0.6])
    assert rows[0].std["named_share"] == pytest.approx(0.2 / math.sqrt(2))
    assert math.isnan(rows[0].mean["auprc"])
    assert rows[2].mean["auprc"] == 0.5
    text = markdown(rows, [read_run(first), read_run(second)], None)
    assert (
        "| sound_scenes_black_box | 70.0 | blocks.0 | 2 x 10 clips | 40.0 ± 14.1 | 3.0 |  | 80.0 | 95.0 | 1.0 |" in text
    )
    assert "| blocks.1 | 2 x 10 clips | 60.0 ± 28.3 | 3.0 | 0.50 |" in text


def test_shares_stand_beside_the_untrained_network_and_chance(run, capsys):
    trained = run("a", "esc10_black_box", (1, False, 0.1, 0.2), (2, True, 0.5, 0.75))
    untrained = run("b", "esc10_untrained", (4, False, 0.2, 0.25), accuracy=0.1)
    assert main([str(trained), str(untrained), "--baseline", "esc10_untrained"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "by chance %" in lines[0]
    assert "| 50.0 | +30.0 |" in lines[2]
    assert "| 75.0 | +50.0 |" in lines[3]
    assert "| esc10_untrained | 10.0 | blocks.0 | 1 x 10 clips | 20.0 | +0.0 |" in lines[4]


def test_the_last_epoch_stands_for_an_end_that_was_not_measured(run):
    rows = average([read_run(run("a", "esc10_black_box", (1, False, 0.1, 0.2), (8, False, 0.3, 0.4), accuracy=None))])
    assert [(row.layer, row.epoch) for row in last_points(rows)] == [("blocks.0", 8), ("blocks.1", 8)]
    assert "| esc10_black_box |  | blocks.0 |" in markdown(rows, [], None)


def test_files_are_written(run, tmp_path):
    folder = run("a", "esc10_black_box", (1, False, 0.1, 0.2), (2, False, 0.2, 0.3), (2, True, 0.5, 0.75))
    assert main([str(folder), "--output", str(tmp_path / "out")]) == 0
    found = list(csv.DictReader(io.StringIO((tmp_path / "out" / "strategies.csv").read_text())))
    assert len(found) == 6
    assert found[2]["named_share"] == "0.5"
    assert found[2]["end"] == "1"
    assert found[0]["auprc"] == ""
    assert (tmp_path / "out" / "strategies.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "out" / "strategies.md").read_text().count("\n") == 4
    assert table(average([read_run(folder)])).startswith("strategy,layer,epoch")


def test_what_cannot_be_compared_is_said(run, tmp_path, capsys):
    folder = run("a", "esc10_black_box", (1, False, 0.1, 0.2))
    (tmp_path / "none").mkdir()
    assert main([str(tmp_path / "none")]) == 2
    (folder / "dissection" / "units.json").unlink()
    assert main([str(folder)]) == 1
    assert "callbacks.dissection.enabled=true" in capsys.readouterr().err
    other = run("b", "esc10_black_box", (1, False, 0.1, 0.2))
    assert main([str(other), "--baseline", "esc10_untrained"]) == 2
    assert "no run of it; runs: esc10_black_box" in capsys.readouterr().err
