"""The pages of what moves layers: figures as given, names only as text, what is missing left out or said."""

import json

import pytest

from report.build import build
from report.layer_causes_pages import patched_rows, strongest
from tests.report.test_layer_pages import HOSTILE, LAYERS, point

BAND = [[0.0, 1.0], [0.0, 0.9], [0.0, 1.1]]
DOSE = {"curve": BAND, "slope": [1.0, 0.9, 1.1], "rank": [1.0, 1.0, 1.0], "total": [1.0, 0.9, 1.1], "half": 0.5, "n": 8}


def layer_of(name):
    return {
        **{"layer": name, "change": [1.0, 0.9, 1.1], "random": [0.1, 0.0, 0.2], "against_random": [3.25, 3.0, 3.5]},
        **{"level_slope": [0.125, 0.1, 0.15], "level_rank": [1.0, 1.0, 1.0], "level_total": [1.0, 0.9, 1.1]},
        **{"half": 0.75, "growth": BAND, "random_growth": BAND, "effect": BAND, "ridges": BAND[:2], "start": 0.0},
        **{"step": 0.1, "is_level": False, "spikes": [{"seconds": 0.123, "height": DOSE, "latency": DOSE}]},
    }


def moved(patched):
    change = {"property": "noise", "unit": "s", "from": 0.0, "to": 0.06, "n": 8, "strength": 9.0}
    return {
        **{"name": HOSTILE, "latents": [0], "source": "a paper", "values": [0.0, 1.0], "path": [[0.0], [1.0]], "n": 64},
        **{"guard": "1 of 2 settings are outside the training range", "broken": [False, True], "saturated": [0.0, 0.0]},
        **{"properties": [{**change, "change": [0.06, 0.05, 0.07]}], "patched": patched},
        "layers": [layer_of(name) for name in (*LAYERS, "sound")],
    }


def patch_row(channels, share):
    return {"layer": "relu1", "channels": channels, "share": [share, 0.3, 0.5], "random_share": [0.0625, 0.0, 0.1]}


PATCHED = {"property": "noise", "n": 8, "rows": [patch_row(1, 0.4375), patch_row(4, 0.875), patch_row(16, 1.0)]}
COPYING = {
    **{"n": 8, "seconds": 0.1, "sounds": "its own sounds of two stretches"},
    "rows": [
        {"layer": "relu1", "unheard": None, **{key: [0.375, 0.3, 0.45] for key in ("same", "different", "copied")}},
        {"layer": HOSTILE, "unheard": "the layer has 2 steps in a syllable", "same": [None, None, None]},
    ],
}
DERIVATIVE = {
    **{"n": 16, "names": ["code 0", HOSTILE, "latent 2"]},
    "strength": {"relu1": [0.1, 0.5, 0.2], "sound": [0.0, 0.0, None]},
    "maps": [{"latent": 0, "name": HOSTILE, "layers": [{"layer": "relu1", "start": 0.0, "step": 0.1, "mean": [1, 2]}]}],
}
CONTROL = [
    {"property": "noise", "n": 512, "positive": 200, "expected_false": 0.5}
    | {"chosen": [{"latent": 1, "name": HOSTILE, "frequency": 0.95, "sign": -1}]},
    {"property": "tone", "n": 512, "positive": 512, "problem": "512 of 512 sounds have the property"},
]
DOSES = [
    {"name": name, "kind": kind, "unit": "dB", "log": False, "n": 8, "doses": [0.0, 6.0], "reference": 0}
    | {
        "layers": [
            {"layer": layer, "level": DOSE, "change": DOSE, "against_sham": sham, "share": BAND}
            | {"untrained_share": BAND}
            for layer in LAYERS
        ]
    }
    for name, kind, sham in (("tones", "stimuli", None), ("gain", "edit", [0.625, 0.5, 0.75]))
]


def run_of(folder, **more):
    (folder / "layers").mkdir(parents=True)
    (folder / "layers" / "end.json").write_text(json.dumps(point(4, end=True, **more)))
    return build(folder)


def test_a_generator_has_its_moves_and_where_they_are_made(tmp_path):
    slow = [{"name": name, "rate": 62.5, "nyquist": 31.25, "span": 0.1} for name in LAYERS]
    causes = {"moved": [moved(PATCHED)], "derivative": DERIVATIVE, "control": CONTROL, "copying": COPYING}
    index = run_of(tmp_path, layers=slow, **causes)
    text = index.with_name("layers_moved.html").read_text()
    for figure in ("+3.25", "0.125", "half at 0.75", "outside the training range", "a paper"):
        assert figure in text
    text = index.with_name("layers_causes.html").read_text()
    for figure in ("0.44", "random 0.06", "0.123", "95.0 %", "512 of 512 sounds have", "0.38", "2 steps in a syllable"):
        assert figure in text
    assert "layers_causes.html" in index.with_name("layers.html").read_text()
    assert not index.with_name("layers_doses.html").exists()
    files = [*index.parent.glob("layers*.html"), *(index.parent / "data").glob("layers*.js")]
    assert not [path.name for path in files if "<img" in path.read_text()]


def test_a_move_that_changes_no_property_has_no_patching(tmp_path):
    index = run_of(tmp_path, moved=[moved(None)], derivative=DERIVATIVE, control=[], copying={"n": 1, "why": "1 of 9"})
    text = index.with_name("layers_causes.html").read_text()
    assert "put into sounds" not in text
    assert "1 of 9." in text


def test_a_classifier_has_its_doses(tmp_path):
    index = run_of(tmp_path, doses=DOSES, copying=COPYING)
    text = index.with_name("layers_doses.html").read_text()
    assert "0.62" in text or "0.63" in text
    assert text.count('<th scope="row">gain, dB</th>') == 2
    assert "tones" not in text.split("Edits in figures")[1]
    assert '"untrained_share"' in (index.parent / "data" / "layers_doses.js").read_text()
    assert not index.with_name("layers_causes.html").exists()


def test_the_strongest_latents_and_the_rows_of_patching():
    assert strongest(DERIVATIVE)[0] == ("relu1", [(HOSTILE, 2.5), ("latent 2", 1.0), ("code 0", 0.5)])
    assert all(times is None for _, times in strongest(DERIVATIVE)[1][1])
    rows = patched_rows([PATCHED | {"name": "code 0"}])
    assert [(layer, channels) for layer, channels, _ in rows] == [("relu1", 1), ("relu1", 4)]
    assert rows[0][2][0]["share"][0] == pytest.approx(0.4375)
