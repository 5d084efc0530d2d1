"""Pictures of what searches find: waveforms are drawn as the explained network hears them, a run has one scale."""

import base64
import json

import numpy as np
import pytest
import torch

from callbacks.explanation_fid_media import panels
from callbacks.generation_files import point_name, write_generations
from callbacks.generation_network import network_of
from callbacks.generation_pictures import panel, panel_scale, run_scale
from callbacks.generation_search import prepare_search, search_units
from configs.generation_schema import GenerationConfig
from report.generations_file import END, MEDIA, load_points
from tests.callbacks.test_generation_search import QUICK, cache, ground, opened  # noqa: F401 - fixtures

LENGTH = 4096


def shades(found: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(found["values"]), dtype=np.uint8)
    return values.reshape(found["bands"], found["frames"])


@pytest.fixture
def waveforms(opened, untrained_run):  # noqa: F811
    """A log-mel classifier that is searched through the waveforms of a WaveGAN."""
    made = {"model.name": "wavegan", "model.size": "small", "model.width": 1, "data.name": "synthetic_words"}
    made |= {"data.seconds": LENGTH / 22050, "augmentation.enabled": "false", "trainer.gradient_clip": 0}
    prior = untrained_run("gan", **made)
    run, data = opened()
    run.model.bottleneck.weight.data *= 1e4
    return prepare_search(run.model, data, GenerationConfig(**QUICK | {"seconds": None, "prior": str(prior)}))


def test_waveforms_are_drawn_as_the_features_of_the_explained_front_end(waveforms, tmp_path):
    assert waveforms.network.sound.kind == "waveform"
    found = search_units(waveforms, ["voice"], share=0.5)
    write_generations(tmp_path, END, found, waveforms, 1)
    unit = load_points(tmp_path)[0].units[0]
    example, module = unit["examples"][0], waveforms.network.module
    best, low, high = int(found[0].activation.argmax()), *unit["scale"]
    drawn = [(example["panel"], found[0].features[best]), (example["start_panel"], found[0].start_features[best])]
    drawn.append((example["nearest"]["panel"], waveforms.excerpts.waveform(int(found[0].nearest[best]))))
    for shown, waveform in drawn:
        with torch.no_grad():
            heard = module.analyse(waveform[None]).features[0, 0]
        assert heard.shape == (32, 1 + LENGTH // 512)
        wanted = 255 * ((heard - low) / (high - low)).clamp(0, 1)
        assert np.abs(shades(shown) - wanted.numpy()).max() <= 0.51
    assert unit["scale_unit"] == "10 dB"
    assert shades(example["nearest"]["panel"]).std() > 5
    assert panels(found[0], waveforms, (low, high)).shape[:2] == (64, 3 * 2 * 9 + 2 * 6)


def test_waveforms_and_features_of_the_same_excerpts_have_the_same_scale(opened):  # noqa: F811
    run, data = opened()
    features = prepare_search(run.model, data, GenerationConfig(**QUICK))
    seen = network_of(run.model, features.network.n_samples, "waveform")
    excerpt = features.excerpts.waveform(3)[None]
    torch.testing.assert_close(seen.drawn(excerpt), features.network.encode(excerpt))


def test_a_network_on_samples_is_drawn_in_log_mel_bands(opened):  # noqa: F811
    given = {"model.name": "black_box", "backbone.name": "waveform_cnn", "front_end.features": "waveform"}
    run, _ = opened("samples", **given, **{"front_end.n_mels": 64})
    network = network_of(run.model, 8192)
    tone = torch.sin(2 * torch.pi * 2000 * torch.arange(8192) / 22050)[None]
    drawn = network.drawn(tone)
    assert drawn.shape == (1, 1, 64, 17)
    centre = drawn[0, 0, :, 8]
    assert int(centre.argmax()) in range(24, 34)  # 2 kHz lies at 44 % of the mel scale up to 11 kHz
    assert centre.max() - centre.min() > 4  # in units of 10 dB


def test_a_run_keeps_the_scale_of_its_first_point(ground, tmp_path):  # noqa: F811
    found = search_units(ground, ["voice"], share=0.5)
    write_generations(tmp_path, point_name(1), found, ground, 1)
    kept = run_scale(tmp_path, ground)
    assert kept == pytest.approx(panel_scale(ground), rel=1e-5)
    settings = GenerationConfig(**QUICK | {"seconds": 0.2, "prior": "input", "n_clips": 24})
    other = prepare_search(ground.network.module, ground.excerpts.datamodule, settings)
    assert panel_scale(other) != pytest.approx(kept, rel=1e-3)
    again = search_units(other, ["voice"], share=0.5)
    write_generations(tmp_path, END, again, other, 2)
    assert run_scale(tmp_path, other) == kept
    first, last = (point.units[0] for point in load_points(tmp_path))
    assert first["scale"] == last["scale"]
    best = int(again[0].activation.argmax())
    assert last["examples"][0]["panel"] == panel(again[0].features[best], kept)


def test_a_damaged_or_foreign_first_point_gives_no_scale(ground, tmp_path):  # noqa: F811
    folder = tmp_path / "generations"
    folder.mkdir()
    (folder / "epoch_0001.jsonl").write_text('{"scale": [1, ')
    (folder / "epoch_0002.jsonl").write_text(json.dumps({"scale": [0, 1], "scale_unit": "full scale"}) + "\n")
    (folder / "epoch_0003.jsonl").write_text(json.dumps({"scale": None, "scale_unit": "10 dB"}) + "\n")
    assert run_scale(tmp_path, ground) == panel_scale(ground)


def test_sounds_of_a_point_that_is_written_again_do_not_stay(ground, tmp_path):  # noqa: F811
    both = search_units(ground, ["voice", "bell"], share=0.5)
    write_generations(tmp_path, point_name(1), both[:1], ground, 1)
    write_generations(tmp_path, END, both, ground, 1)
    (tmp_path / MEDIA / "end_bird_maximise_0.wav").write_bytes(b"of a unit that is long gone")
    mine = tmp_path / MEDIA / "ending.wav"
    mine.write_bytes(b"somebody else's")
    write_generations(tmp_path, END, both[:1], ground, 2)
    left = {path.name for path in (tmp_path / MEDIA).glob("*.wav")} - {mine.name}
    shown = [e for point in load_points(tmp_path) for unit in point.units for e in unit["examples"]]
    assert left == {part["file"] for example in shown for part in (example, example["nearest"])}
    assert mine.exists()
