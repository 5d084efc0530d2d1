"""The listening callback in real trainings: what it writes, that it changes nothing, what it does with errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import callbacks.listening as listening
from callbacks.listening_clips import chosen_clips, held_classes
from configs.compose import compose
from datamodules.clip_source import Clip
from models.checkpoint_file import read_checkpoint
from models.run_loading import load_run
from report.explained import load_explanations
from tests.tiny_run import TINY, sound_scenes
from train import train


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(output: Path, cache: Path, *more: str) -> Path:
    arguments = [
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        *TINY,
        *sound_scenes(48, 26, 12),
        "trainer.max_epochs=3",
        *more,
    ]
    return Path(train(compose(arguments))["run"])


ON = ("callbacks.listening.enabled=true", "callbacks.listening.on_error=raise")


def weights(folder):
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]


def columns(folder):
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def test_weights_and_metrics_are_bitwise_the_same_with_it_on(tmp_path, cache):
    with_it, without = (
        run(tmp_path / "on", cache, *ON),
        run(tmp_path / "off", cache, "callbacks.listening.enabled=false"),
    )
    one, two = weights(with_it), weights(without)
    assert all(torch.equal(one[name], two[name]) for name in {**one, **two})
    listened, silent = columns(with_it), columns(without)
    assert {name: listened[name] for name in silent} == silent
    assert {name for name in listened if name not in silent} == {
        "listening/audible_share",
        "listening/components",
        "listening/seconds",
    }
    figures = [json.loads((folder / "summary.json").read_text()) for folder in (with_it, without)]
    assert figures[0]["test/accuracy"] == figures[1]["test/accuracy"]


def test_sounds_data_and_report_of_every_point_are_in_the_run_folder(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, "callbacks.listening.n_clips=3", "callbacks.listening.survey_clips=20")
    points = sorted(path.name for path in (folder / "media" / "listening").glob("e*"))
    assert points == ["end", "epoch_0001", "epoch_0002"]
    clips = sorted((folder / "media" / "listening" / "end").iterdir())
    assert len(clips) == 3
    sounds = {path.name.split("_")[0].removesuffix(".wav"): soundfile.read(path)[0] for path in clips[0].iterdir()}
    assert set(sounds) == {"input", "class", "component", "rest"}
    assert np.abs(sounds["class"] + sounds["rest"] - sounds["input"]).max() < 1e-3
    found = load_explanations(folder)
    assert found.model.class_names == load_run(folder).class_names
    assert len(found.clips) == 3
    assert found.classes.note == "20 clips of the val split"
    assert found.classes.n_true.sum() == 20
    assert [excerpt.component for excerpt in found.classes.typical] == list(range(8))
    assert all(len(excerpt.waveform) == 22050 for excerpt in found.classes.typical)
    assert (folder / "report" / "index.html").is_file()


def test_the_end_is_heard_with_the_checkpoint_that_was_chosen(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, "callbacks.listening.every_n_epochs=0")
    model = load_run(folder).model
    for clip in load_explanations(folder).clips:
        waveform = torch.from_numpy(clip.waveform)
        np.testing.assert_allclose(model(waveform[None])[0].detach().numpy(), clip.logits, rtol=1e-4, atol=1e-5)
        assert clip.target is not None


def test_multi_label_runs_are_heard_too(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, "data.multi_label=true", "trainer.max_epochs=1")
    found = load_explanations(folder)
    assert found.model.prior is not None
    assert len(found.clips) == 3


def test_wandb_gets_sounds_and_pictures_within_the_run_folder(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, "logger.wandb=offline", "trainer.max_epochs=1")
    media = [path for path in (folder / "wandb").rglob("media/**/*") if path.is_file()]
    kinds = {path.suffix for path in media}
    assert {".wav", ".png"} <= kinds
    assert any("listening" in str(path) and path.suffix == ".wav" for path in media)


def test_a_black_box_twin_is_left_alone(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, "twin=true", "trainer.max_epochs=1")  # on_error=raise: any attempt would end it
    twin = folder.with_name("a-black_box")
    assert (twin / "summary.json").is_file()
    assert not (twin / "media" / "listening").exists()


def test_an_error_is_a_warning_and_the_training_goes_on(tmp_path, cache, monkeypatch):
    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(listening, "write_sounds", fails)
    with pytest.warns(UserWarning, match=r"callbacks\.listening: epoch 1 is skipped: OSError: disk full"):
        folder = run(tmp_path, cache, "callbacks.listening.enabled=true", "trainer.max_epochs=1")
    assert (folder / "summary.json").is_file()


def clip(target, observed=None):
    return Clip(str(target), target, "g", observed)


def test_one_clip_of_each_class_comes_first():
    clips = [clip(target) for target in (0, 0, 2, 1, 0, 2)]
    assert chosen_clips(clips, 3, 4) == [0, 3, 2, 1]
    assert chosen_clips(clips, 3, 99) == [0, 3, 2, 1, 5, 4]
    assert chosen_clips(clips, 5, 2) == [0, 3]


def test_multi_label_clips_are_taken_once_and_unknown_labels_do_not_count():
    clips = [clip((1.0, 1.0)), clip((0.0, 1.0)), clip((1.0, 0.9), (False, True)), clip((0.0, 0.0))]
    assert chosen_clips(clips, 2, 4) == [0, 1, 2]
    assert held_classes(clips[2]) == (1,)


def test_recordings_take_turns_within_a_class():
    groups = ["a", "a", "a", "b", "b", "c"]
    clips = [Clip(str(i), 0, group) for i, group in enumerate(groups)]
    assert chosen_clips(clips, 1, 3) == [0, 3, 5]
    assert chosen_clips(clips, 1, 9) == [0, 3, 5, 1, 4, 2]
