"""The layer probes in real trainings: they change nothing; what they write; what explain.py says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from callbacks.media import write_wav
from configs.compose import compose
from explain import main as explain
from models.checkpoint_file import read_checkpoint
from tests.tiny_run import QUIET, TINY_DATA, TINY_PARTS, sound_scenes
from train import train

ON = (
    *("callbacks.layer_probes.enabled=true", "callbacks.layer_probes.on_error=raise", "callbacks.layer_probes.shown=1"),
    "callbacks.layer_probes.causes=false",  # theirs take longer: test_layer_probes_models.py
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(output: Path, cache: Path, *more: str) -> Path:
    black = "model.name=black_box" in more
    arguments = [
        *(*TINY_DATA, "backbone.width=4", *(() if black else TINY_PARTS), *QUIET, *sound_scenes(48, 30, 12)),
        *(f"output={output}", f"data.cache_dir={cache}", "run_id=a", "trainer.max_epochs=2"),
        *("callbacks.listening.enabled=false", *more),
    ]
    return Path(train(compose(arguments))["run"])


@pytest.fixture(scope="module")
def probed(tmp_path_factory, cache):
    return run(tmp_path_factory.mktemp("on"), cache, *ON)


def columns(folder):
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def test_weights_batch_norm_optimizer_and_metrics_are_bitwise_the_same_with_it_on(probed, tmp_path, cache):
    without = run(tmp_path, cache)
    one, two = (read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (probed, without))
    states = one["state_dict"], two["state_dict"]
    assert any("running_mean" in name for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in {**states[0], **states[1]})
    assert str(one["optimizer_states"]) == str(two["optimizer_states"])
    watched, silent = columns(probed), columns(without)
    assert {name: watched[name] for name in silent} == silent
    assert all(name.startswith("layer_probes/") for name in watched if name not in silent)


def test_points_metrics_pages_and_sounds_are_in_the_run_folder(probed):
    points = [
        json.loads((probed / "layers" / f"{name}.json").read_text()) for name in ("epoch_0001", "epoch_0002", "end")
    ]
    layers = [layer["name"] for layer in points[0]["layers"]]
    assert [point["end"] for point in points] == [False, False, True]
    assert len(layers) >= 3
    assert set(points[0]["similar"]) == {"input", "untrained"}
    assert set(points[1]["similar"]) == {"input", "untrained", "previous"}
    assert all(row["surrogate"] is None for row in points[0]["carried"] if "r" in row)
    assert all(row["surrogate"] and row["published"] is not None for row in points[2]["carried"] if "r" in row)
    rows = columns(probed)
    for path in layers:
        logged = float(next(value for value in rows[f"layer_probes/label/{path}"] if value))
        said = next(row for row in points[0]["probes"] if (row["layer"], row["target"]) == (path, "label"))
        assert logged == pytest.approx(said["over_untrained"][0], abs=1e-4)
        assert said["over_untrained"][0] == pytest.approx(said["score"] - said["untrained"], abs=1e-4)
    heard = {layer["file"] for item in points[2]["shown"] for layer in item["layers"] if "file" in layer}
    assert heard
    assert all((probed / "media" / "layers" / name).is_file() for name in heard)
    assert points[2]["unheard"], "the decoder joins layers of several clocks"


def test_explain_draws_the_layers_of_given_sounds_and_names_those_it_cannot(probed, tmp_path, capsys):
    folder = tmp_path / "sounds"
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(22050) / 22050)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 22050)
    sounds = {"good.wav": tone, "noise.wav": noise, "short.wav": tone[:100], "silent.wav": 0 * tone}
    for name, samples in sounds.items():
        write_wav(folder / name, samples, 22050)
    arguments = [
        f"run={probed}",
        "what=layers",
        "n_clips=16",
        "layers=[backbone.blocks.0]",
        f"output={tmp_path / 'out'}",
    ]
    assert explain([*arguments, f"audio={folder}"]) == 0
    said = capsys.readouterr().out
    assert "skipped short.wav: 100 samples" in said
    assert "skipped silent.wav" in said
    assert "backbone.blocks.0: above untrained: label probe" in said
    end = json.loads((tmp_path / "out" / "layers" / "end.json").read_text())
    assert [item["name"] for item in end["shown"]] == ["good.wav", "noise.wav"]
    assert end["shown"][1]["read"]["f0"] is None  # nothing is voiced: undefined, not zero
    assert [layer["layer"] for layer in end["shown"][0]["layers"]] == ["backbone.blocks.0"]
    assert end["shown"][0]["read"]["f0"] == pytest.approx(220, abs=2)
    assert "good.wav" in (tmp_path / "out" / "report" / "data" / "layers.js").read_text()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ((), 2, "end.json exists; give overwrite=true"),
        (("overwrite=true", "layers=[head.1]"), 1, "layer 'head.1': the network has no such layer"),
        (("overwrite=true", "layers=[bottleneck.decoder]"), 1, "has no time base"),
        (("overwrite=true", "n_clips=1"), 2, "n_clips=1 must be at least 4"),
        (("overwrite=true", "bases=4"), 2, "bases=4 must be at least 8"),
        (("overwrite=true", "protocols=[loud]"), 2, "protocols: loud must be one of frication"),
        (("overwrite=true", "audio=nowhere.wav"), 2, "audio=nowhere.wav: no such file or folder"),
        (("overwrite=true", "n_clips=3"), 2, "n_clips=3 must be at least 4"),
        (("overwrite=true", "n_clips=600"), 2, "must be at most 512"),
    ],
)
def test_explain_answers_a_wrong_line_with_one_sentence(more, code, said, probed, capsys):
    assert explain([f"run={probed}", "what=layers", *more]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
