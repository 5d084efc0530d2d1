"""The pages of the layers: what is said and drawn, names that could be markup, files that are damaged or missing."""

import copy
import json

import numpy as np
import pytest

from callbacks.media import write_wav
from configs.errors import InputError
from report.build import build
from report.layer_pages import carried_rows, charts
from report.layer_pages_file import SOUNDS, load_points

HOSTILE = "</script><img src=x onerror=alert(1)>"
LAYERS = ["relu1", HOSTILE]


def row(layer, value, inside, envelope="mean", name="intensity"):
    triple = [value, value - 0.1, value + 0.1]
    nulls = {"shuffled": [0.1, 0.0, 0.2], "surrogate": None, "published": None}
    return {
        **{"layer": layer, "property": name, "envelope": envelope, "r": [0.9, 0.8, 0.95], "n": 30, "untrained": 0.4},
        **{"gain": triple, "inside": inside, **nulls},
    }


def probe(layer, score):
    gains = {"over_untrained": [score - 0.2, 0.0, 0.9], "over_input": [-0.1, -0.2, 0.1]}
    return {
        "layer": layer,
        "target": "label",
        "score": score,
        "n": 30,
        "untrained": 0.2,
        "input": 0.6,
        "permuted": [0.1, 0.02],
        **gains,
    }


def point(epoch, end=False, **more):
    slow = {"layer": HOSTILE, "property": "f0", "envelope": "mean", "unheard": "the layer has 5 steps per second"}
    return {
        **{
            "version": 1,
            "epoch": epoch,
            "end": end,
            "kind": "classifier",
            "sample_rate": 8000,
            "n": 30,
            "seconds": 1.0,
        },
        "notes": ["f0 does not exist in 3 of 30 clips."],
        "layers": [{"name": name, "rate": 500.0, "nyquist": 250.0, "span": 0.1} for name in LAYERS],
        "unheard": {"head": "layer 'head' has no time base"},
        "carried": [row("relu1", 0.5, False), row("relu1", 0.25, False, "ripple"), row(HOSTILE, 0.01, True), slow],
        "probes": [probe("relu1", 0.3 + epoch / 100), probe(HOSTILE, 0.9)],
        "weights": {"weights": [0.25, 0.75], "spread": [0.0, 0.0], "accuracy": 0.9},
        "cka": [[1.0, 0.5], [0.5, 1.0]],
        "similar": {"input": [0.8, 0.4], "untrained": [0.9, None], "previous": [0.95, 0.97]},
        **more,
    }


SHOWN = {
    **{"name": f"clip {HOSTILE}", "label": "dog", "seconds": 1.0, "file": "a.wav", "read": {"f0": 120.0}},
    "layers": [
        {"layer": name, "start": 0.0, "step": 0.002, "values": [0.0, 1.0, 0.5], "file": "b.wav"} for name in LAYERS
    ],
}
MOVED = {
    **{"latent": 0, "name": "code 0", "values": [0.0, 1.0], "n": 64},
    "layers": [
        {
            "layer": name,
            "against_random": [value, value - 0.5, value + 0.5],
            "ridges": [[0.0, 1.0], [1.0, 0.0]],
            "start": 0.0,
            "step": 0.1,
        }
        for name, value in (("relu1", 2.0), ("sound", 0.1))
    ],
}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "layers"
    folder.mkdir()
    end = point(4, end=True, shown=[SHOWN], sections=[], moved=[MOVED])
    for name, data in (("epoch_0001", point(1)), ("epoch_0002", point(2)), ("end", end)):
        (folder / f"{name}.json").write_text(json.dumps(data))
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / SOUNDS / name, np.full(800, 0.5), 8000)
    return tmp_path


def test_pages_show_the_gain_its_null_and_what_cannot_be_heard(run):
    index = build(run)
    text = index.with_name("layers.html").read_text()
    assert "+0.25" in text  # the level of a fast layer, not its mean
    assert text.count('class="in-null"') >= 3
    assert "f0 does not exist in 3 of 30 clips." in text
    assert "the layer has 5 steps per second" in text
    assert "no time base" in text
    moved = index.with_name("layers_moved.html").read_text()
    assert "+2.00" in moved
    assert moved.count('class="in-null"') == 1  # +0.1, whose interval holds zero
    training = index.with_name("layers_training.html").read_text()
    assert "0.97" in training
    assert "90.0 %" in training
    assert "layers_training.html" in text
    data = index.parent / "data"
    assert {path.name for path in (data / "layers").iterdir()} == {"a.wav.js", "b.wav.js"}


def test_names_are_only_ever_text(run):
    index = build(run)
    files = [*index.parent.glob("layers*.html"), *(index.parent / "data").glob("layers*.js")]
    assert len(files) == 6
    assert not [path.name for path in files if "<img" in path.read_text()]
    for path in index.parent.glob("layers*.html"):
        assert "http:" not in path.read_text()
        assert "https:" not in path.read_text()


def test_the_probe_has_the_input_as_a_line_of_its_own(run):
    probe_chart, likeness = charts(load_points(run))
    assert probe_chart["series"][0]["points"] == [[1, 0.6], [2, 0.6]]
    assert probe_chart["series"][1]["points"] == [[1, 0.31], [2, 0.32]]
    assert [line["points"][0][1] for line in likeness["series"]] == [0.9, None]


def test_cells_of_a_layer_that_is_too_slow_say_so():
    cells = {layer["name"]: cells for layer, cells in carried_rows(point(1))}
    assert cells[HOSTILE][1].value is None
    assert "5 steps" in cells[HOSTILE][1].why
    assert cells["relu1"][0].shade == round(0.25 * 70)


def test_a_run_without_layers_has_no_pages(tmp_path):
    assert load_points(tmp_path) is None
    assert not build(tmp_path).with_name("layers.html").exists()


@pytest.mark.parametrize("damage", [lambda d: d.pop("carried"), lambda d: d.update(version=0), lambda d: d.clear()])
def test_a_damaged_file_is_named_and_the_report_is_built(run, damage):
    data = copy.deepcopy(point(4, end=True))
    damage(data)
    (run / "layers" / "end.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"end\.json: cannot be read"):
        load_points(run)
    index = build(run)
    assert "cannot be read" in index.with_name("layers.html").read_text()
    assert not index.with_name("layers_training.html").exists()
