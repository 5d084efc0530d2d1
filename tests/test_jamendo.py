"""Singing voice from the command line: a miniature of the corpus in, error rates and the paper's grid out."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import explain
from callbacks.benchmark_clips import data_of
from models import singing_voice
from models.frame_decisions import FrameDecisions
from models.run_loading import LoadedRun, load_run
from tests.miniature_jamendo import write_corpus
from tests.tiny_run import QUIET
from train import main

FIGURES = ("error", "precision", "recall", "f1", "false_positive_rate", "false_negative_rate", "threshold", "frames")

SECONDS = 10
"""Length of each song."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Settings of every run here, with a corpus and its cache."""
    folder = tmp_path_factory.mktemp("jamendo")
    root = write_corpus(folder / "corpus", seconds=SECONDS, segment=2.5)
    places = [f"data.root={root}", f"data.cache_dir={folder / 'cache'}", f"output={folder}", "run_id=a"]
    return [*places, "data.num_workers=0", "trainer.max_epochs=1", "trainer.accelerator=cpu", *QUIET]


@pytest.fixture(scope="module")
def run(shared: list[str]) -> LoadedRun:
    small = ["experiment=jamendo_singing_voice", "backbone.width=8", "data.batch_size=16", "data.evaluation_step=57"]
    assert main([*shared, *small, "trainer.limit_train_batches=25", "trainer.max_epochs=3"]) == 0
    output = next(part for part in shared if part.startswith("output=")).removeprefix("output=")
    return load_run(Path(output) / "jamendo_singing_voice" / "a")


def test_training_leaves_figures_of_whole_recordings(run: LoadedRun) -> None:
    summary = json.loads((run.path / "summary.json").read_text())
    assert {f"test/{name}" for name in FIGURES} <= set(summary)
    assert summary["test/frames"] == SECONDS * 70 + 1
    assert summary["test/error"] < 0.3  # half of the frames are sung
    assert summary["best/val/error"] < 0.3
    assert summary["test/threshold"] == pytest.approx(float(run.model.threshold))  # logged in single precision
    assert summary["prepared/frames"] == 3 * (SECONDS * 70 + 1)


def test_bands_are_standardised_by_the_training_songs(run: LoadedRun) -> None:
    data, front_end = data_of(run), run.model.front_end
    songs = [song.read(-630, song.n_samples + 2 * 630) for song in data.whole_recordings("train")]
    frames = [front_end.features(front_end.stft(torch.from_numpy(song)[None]))[0, 0, :, 2:-2] for song in songs]
    every = torch.cat(frames, dim=1)
    torch.testing.assert_close(run.model.backbone.mean, every.mean(dim=1), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(run.model.backbone.std, every.std(dim=1), atol=1e-3, rtol=1e-3)


def test_a_recording_is_heard_as_its_excerpts_are(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    song = next(iter(data_of(run).whole_recordings("test")))
    whole = run.model.listen(song.read, song.n_samples)
    assert len(whole) == SECONDS * 70 + 1
    monkeypatch.setattr(singing_voice, "PIECE", 97)
    torch.testing.assert_close(run.model.listen(song.read, song.n_samples), whole, atol=1e-5, rtol=0)
    places = [0, 3, 60, 199, 700]
    excerpts = torch.from_numpy(np.stack([song.read(t * 315 - 26460, 52920) for t in places]))
    with torch.no_grad():
        one_by_one = run.model(excerpts).softmax(dim=1)[:, 1]
    torch.testing.assert_close(whole[places], one_by_one, atol=1e-4, rtol=0)
    metric = FrameDecisions(56, float(run.model.threshold))
    metric.update(whole, torch.from_numpy(song.targets))
    summary = json.loads((run.path / "summary.json").read_text())
    assert metric.compute()["error"] == pytest.approx(summary["test/error"])


def test_one_output_is_a_probability_by_its_sigmoid(run: LoadedRun) -> None:
    model, sound = run.model, torch.randn(3, 52920) * 0.1
    with torch.no_grad():
        response = model.respond(model.analyse(sound))
    torch.testing.assert_close(response.logits.softmax(dim=1)[:, 1], response.output[:, 0].sigmoid())
    smoothed = model.classification_loss(response.logits, data_of(run).batch("val", range(3)))
    target = torch.tensor([data_of(run).clip("val", i).target for i in range(3)]) * 0.96 + 0.02
    by_hand = torch.nn.functional.binary_cross_entropy(response.output[:, 0].sigmoid(), target)
    torch.testing.assert_close(smoothed, by_hand)


@pytest.mark.parametrize("experiment", ["jamendo_by_design", "jamendo_black_box"])
def test_other_models_learn_from_its_excerpts(experiment: str, shared: list[str]) -> None:
    small = ["data.train_step=35", "data.batch_size=8", "front_end.n_mels=32", "backbone.width=4"]
    if experiment == "jamendo_by_design":
        small += ["model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500"]
    assert main([*shared, f"experiment={experiment}", *small]) == 0


def test_the_papers_grid_prints_its_settings_and_picks_one(run: LoadedRun, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["latents=3", "snapshots=[2,4,6]", "per_recording=20", "share=1.0", "vocoder_iterations=1", "shown=1"]
    asked = [f"run={run.path}", "what=generations", "grid=paper", "report=false", *(f"generation.{s}" for s in few)]
    assert explain.main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("setting"))
    assert "head.1 unit 0, maximise: 27 settings" in lines[head - 1]
    rows = lines[head + 1 : head + 28]
    names = [row.partition("  ")[0] for row in rows]
    assert len({name for name in names if name.startswith("lr ") and name.endswith(" steps")}) == 27
    assert any(line.startswith("picked as published, by FD paper: lr ") for line in lines)
    assert any(line.startswith("picked: lr ") for line in lines)
    assert explain.main([*asked, "generation.lr=[0.1]", "overwrite=true"]) == 2
    assert "grid=paper sets it" in capsys.readouterr().err
