"""What explanation FID does before a training starts: excerpts and prior are made once, and found wanting at once."""

import dataclasses

import pytest
import torch
from pytorch_lightning import Callback

from callbacks.benchmark_clips import data_of
from callbacks.explanation_fid import ExplanationFid
from callbacks.generation_ground import SearchGround
from configs.compose import compose
from configs.errors import InputError
from configs.explanation_fid_schema import ExplanationFidConfig
from configs.generation_schema import GenerationConfig
from interpretability.generation.frame_autoencoder import FrameTraining
from interpretability.generation.frame_prior import FramePrior
from models.run_loading import load_run
from report.generations_file import load_points
from tests.callbacks.test_explanation_fid import ON, POINT, SEARCH, Fake, columns
from tests.tiny_run import TINY, sound_scenes
from train import train


class Starts(Callback):
    """Counts what was learned when the training starts, and its clock."""

    def __init__(self, learned):
        self.learned, self.before = learned, None

    def on_train_start(self, trainer, pl_module):
        self.before = len(self.learned)


@pytest.fixture
def learned(monkeypatch):
    found = []

    class Counted(FramePrior):
        def __init__(self, *args, **more):
            found.append(self)
            super().__init__(*args, **more, training=FrameTraining(steps=10, batch=32))

    monkeypatch.setattr("callbacks.generation_priors.FramePrior", Counted)
    return found


def test_frames_are_learned_once_before_the_clock_of_the_training(tmp_path, learned, monkeypatch):
    grounds = []
    under = SearchGround.under
    monkeypatch.setattr(SearchGround, "under", lambda self, module: grounds.append(under(self, module)) or grounds[-1])
    given = [*TINY, *sound_scenes(32, 72, 12), f"output={tmp_path}", f"data.cache_dir={tmp_path}", "run_id=a", *ON]
    more = ["trainer.max_epochs=2", "callbacks.listening.enabled=false", "callbacks.explanation_fid.end_interpreted=0"]
    starts = Starts(learned)
    train(compose([*given, *more, "callbacks.explanation_fid.generation.prior=frames"]), [starts])
    assert starts.before == len(learned) == 1
    points = load_points(next(tmp_path.glob("*/a")))
    assert [point.name for point in points] == ["epoch_0001", "epoch_0002", "end"]
    assert len(grounds) == 1  # the end: the same prior and excerpts under the weights that were chosen
    assert grounds[0].prior is learned[0]
    logged = columns(next(tmp_path.glob("*/a")))
    seconds = [[float(v) for v in logged[f"explanation_fid/{name}"] if v] for name in ("prepare_seconds", "seconds")]
    assert 0 < seconds[0][0] < seconds[1][0]
    assert seconds[0] == pytest.approx(seconds[0][:1] * len(seconds[0]))


@pytest.fixture
def loaded(untrained_run, tmp_path):
    given = {"data.n_train": 32, "data.n_val": 72, "data.n_test": 12, "data.cache_dir": str(tmp_path / "cache")}
    from datamodules.sound_scenes import CLASS_NAMES

    opened = load_run(untrained_run(class_names=CLASS_NAMES, **given))
    return opened.model, data_of(opened)


def begun(folder, model, data, on_error="warn", **search):
    config = ExplanationFidConfig(generation=GenerationConfig(**SEARCH | search), **POINT, on_error=on_error)
    callback = ExplanationFid(config, folder)
    callback.setup(Fake(folder, data), model, "fit")
    callback.on_fit_start(Fake(folder, data), model)
    return callback


def test_too_few_excerpts_for_any_weights_are_refused_before_a_prior_is_learned(loaded, learned, tmp_path):
    # 6 clips of each class with 4 excerpts, of which 2 do not overlap.
    said = "none of 2 units has enough; alarm: 12 reference excerpts of 24 at most, and 13 are"
    with pytest.raises(InputError, match=said):
        begun(tmp_path, *loaded, on_error="raise", prior="frames", least=13)
    with pytest.warns(UserWarning, match=f"callbacks.explanation_fid: epoch 0 is skipped: InputError: {said}"):
        begun(tmp_path, *loaded, prior="frames", least=13)
    assert not learned
    begun(tmp_path, *loaded, prior="frames", least=12)
    assert len(learned) == 1


def test_clips_that_are_too_short_are_said(loaded, tmp_path, monkeypatch, capsys):
    model, data = loaded
    whole = data.batch

    def shortened(split, indices):
        batch = whole(split, indices)
        lengths = [5000 if index % 5 else int(n) for index, n in zip(indices, batch.length.tolist(), strict=True)]
        return dataclasses.replace(batch, length=torch.tensor(lengths))

    monkeypatch.setattr(data, "batch", shortened)
    begun(tmp_path, model, data, least=6, per_recording=99, units=["bottleneck:1"], share=1)
    said = "explanation_fid: excerpts of 15 of 72 validation clips; 57 are shorter than 0.40 s and left out\n"
    assert said in capsys.readouterr().out


def test_an_error_before_the_start_is_met_as_the_settings_say(loaded, tmp_path, monkeypatch):
    def broken(*args, **more):
        raise OSError("no space left")

    monkeypatch.setattr("callbacks.explanation_fid.search_basis", broken)
    with pytest.warns(UserWarning, match="callbacks.explanation_fid: epoch 0 is skipped: OSError: no space left"):
        begun(tmp_path, *loaded)
