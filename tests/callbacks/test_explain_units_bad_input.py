"""explain.py what=units on what cannot be dissected, or not as it was meant: one line, or a note in the gallery."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from datamodules.sound_scenes import CLASS_NAMES
from explain import main as explain
from report.dissection_file import load_units

LAYER = "backbone.blocks.2"
QUICK = ["edits=false", "report=false", f"layers=[{LAYER}]", "n_clips=12"]


@pytest.fixture
def run(untrained_run, tmp_path):
    def make(name="run", **settings):
        small = {
            "data.n_train": 12,
            "data.n_val": 12,
            "data.n_test": 12,
            "data.batch_size": 12,
            "data.cache_dir": tmp_path / "cache",
            "model.name": "black_box",
            "callbacks.dissection.descriptors": False,
            "callbacks.dissection.tuning": False,
            "callbacks.dissection.ablated_units": 0,
        }
        return untrained_run(name, class_names=CLASS_NAMES, **(small | settings))

    return make


class Endpoint:
    """A local chat endpoint that answers with a text, or what a function makes of the question's number, in a while."""

    def __init__(self, text, seconds=0.0):
        self.asked = 0
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.asked += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(seconds)
                said = text if isinstance(text, str) else text(outer.asked)
                body = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.handle_error = lambda *_: None  # who asked may have gone
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.settings = [f"source.endpoint=http://127.0.0.1:{self.server.server_port}/v1", "source.model=tiny"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def refused(capsys, said, words, code=1):
    assert explain(said) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_layers_that_cannot_be_read(run, capsys):
    said = [f"run={run()}", "what=units", "report=false"]
    refused(capsys, [*said, "layers=[backbone]"], "layer 'backbone' returns a")
    refused(capsys, [*said, "layers=[backbone.block.2]"], "did you mean 'backbone.blocks.2'?")


def test_a_constant_unit_is_dead_and_has_no_name(run, capsys):
    path = run()
    file = path / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(file, weights_only=False)
    for name, value in checkpoint["state_dict"].items():
        if name.startswith(LAYER) and name.endswith(("weight", "bias")):
            value[3] = 0.0  # all that leads to unit 3
    torch.save(checkpoint, file)
    assert explain([f"run={path}", "what=units", *QUICK]) == 0
    dead = {unit["unit"] for unit in load_units(path).units if unit["dead"]}
    assert 3 in dead
    assert all(
        unit["label"] is None and unit["auprc"] is None for unit in load_units(path).units if unit["unit"] in dead
    )


def test_probe_sets_of_nothing_and_of_one_class(run, capsys, monkeypatch):
    path = run()
    monkeypatch.setattr("callbacks.probe_clips.chosen_clips", lambda *_: [])
    refused(capsys, [f"run={path}", "what=units", *QUICK], "the probe set is empty")
    monkeypatch.setattr(
        "callbacks.probe_clips.chosen_clips",
        lambda clips, n_classes, count: [i for i, clip in enumerate(clips) if clip.target == clips[0].target] * 4,
    )
    refused(capsys, [f"run={path}", "what=units", *QUICK], "all 4 clips are '")


def test_names_that_are_given_twice(run, capsys, monkeypatch):
    path = run()
    monkeypatch.setattr("models.concept_sources.concept_list", lambda name: ("dog", "rain", "dog"))
    captions = path / "captions.json"
    names = [f"clip {i}" for i in range(12)]
    monkeypatch.setattr("callbacks.probe_clips.ProbeClips.__post_init__", _named(names))
    captions.write_text(json.dumps({name: "a dog" if i % 2 else "rain" for i, name in enumerate(names)}))
    said = [f"run={path}", "what=units", *QUICK, "concepts=captions", f"source.captions={captions}"]
    refused(capsys, [*said, "source.names=esc50"], "dog")


def _named(names):
    def after(self):
        self.sample_rate, self.names = self.datamodule.sample_rate, tuple(names[: len(self.indices)])

    return after


def test_captions_that_are_not_there(run, capsys):
    path = run()
    captions = path / "captions.json"
    captions.write_text(json.dumps({"another clip": "a dog"}))
    said = [f"run={path}", "what=units", *QUICK, "concepts=captions"]
    refused(capsys, [*said, f"source.captions={captions}"], "none for clip")
    refused(capsys, [*said, f"source.captions={path / 'no.json'}"], "no.json")
    refused(capsys, said, "needs callbacks.dissection.source.captions", code=2)


@pytest.mark.parametrize(
    ("text", "seconds", "more", "words"),
    [
        ("I would call it a bell.", 0.0, [], "answered nonsense (no JSON object): 'I would call it a bell.'"),
        ('{"caption": "a bell"}', 2.0, ["source.timeout=0.2"], "no answer within 0.2 s"),
        ('{"caption": "a bell"}', 0.0, ["source.max_calls=1"], "11 of 12 clips have no caption"),
    ],
)
def test_endpoints_that_do_not_answer(run, capsys, text, seconds, more, words):
    endpoint = Endpoint(text, seconds)
    said = [f"run={run()}", "what=units", *QUICK, "concepts=captions", *endpoint.settings, *more]
    refused(capsys, said, words)
    assert endpoint.asked >= 1
    endpoint.close()


def test_what_an_endpoint_has_not_captioned_is_noted(run, capsys):
    """Every third question is answered with nonsense: the others name units, and the gallery says what is missing."""
    endpoint = Endpoint(
        lambda number: "?" if number % 3 == 0 else json.dumps({"caption": f"a {CLASS_NAMES[number % 2]} is heard"})
    )
    path = run()
    said = [f"run={path}", "what=units", *QUICK, "concepts=captions", *endpoint.settings]
    assert explain(said) == 0
    assert "note: 4 of 12 clips have no caption" in capsys.readouterr().out
    found = load_units(path)
    assert "answered nonsense" in found.points[-1].problem
    assert tuple(found.concepts) == CLASS_NAMES
    endpoint.close()
