"""Previews are of the same latents at each point, change nothing, and leave other models alone."""

import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from callbacks.generator_previews import GeneratorPreviews
from configs.compose import compose
from configs.gan_schema import PreviewsConfig
from models.wavegan_training import WaveGANTraining
from models.wavegan_training_codes import CiwGANTraining


def trainer(folder: Path) -> SimpleNamespace:
    strategy = SimpleNamespace(reduce_boolean_decision=lambda value, all=True: value)
    return SimpleNamespace(is_global_zero=True, default_root_dir=folder, loggers=[], strategy=strategy, global_step=3)


def model(kind: str):
    torch.manual_seed(0)
    maker = WaveGANTraining if kind == "wavegan" else CiwGANTraining
    return maker(compose([f"experiment=words_{kind}", "model.width=1"]), ("a", "s", "si", "i-i", "sa-sa"))


@pytest.mark.parametrize("kind", ["wavegan", "ciwgan"])
def test_sounds_and_picture_of_the_same_latents_at_each_point(kind, tmp_path):
    previews, module = GeneratorPreviews(PreviewsConfig(n_clips=3, on_error="raise")), model(kind).eval()
    previews.setup(trainer(tmp_path), module, "fit")
    for epoch in (1, 2):
        previews.take_point(trainer(tmp_path), module, epoch)
    folders = [tmp_path / "media" / "previews" / f"epoch_000{epoch}" for epoch in (1, 2)]
    for number in range(3):
        sounds = []
        for folder in folders:
            with wave.open(str(folder / f"{number}.wav")) as file:
                assert (file.getframerate(), file.getnframes()) == (8000, 4096)
                sounds.append(np.frombuffer(file.readframes(4096), "<i2"))
        assert np.array_equal(*sounds)
        assert sounds[0].any()
    picture = imread(folders[0] / "spectrograms.png")
    assert picture.shape[0] == 64
    assert 0 < previews.values["peak"] < 1


def test_codes_go_round_the_categories():
    previews, module = GeneratorPreviews(PreviewsConfig(n_clips=7)), model("ciwgan").eval()
    caught = []
    module.average.register_forward_pre_hook(lambda layer, inputs: caught.append(inputs[0]))
    with torch.no_grad():
        previews.measure(None, module, 1)
    assert caught[0][:, :5].argmax(dim=1).tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_a_point_leaves_random_streams_and_weights_alone(tmp_path):
    previews, module = GeneratorPreviews(PreviewsConfig(n_clips=2, on_error="raise")), model("ciwgan").train()
    before, stream = {n: v.clone() for n, v in module.state_dict().items()}, torch.get_rng_state()
    previews.setup(trainer(tmp_path), module, "fit")
    previews._in_isolation(trainer(tmp_path), module, 1, lambda: previews.take_point(trainer(tmp_path), module, 1))
    assert torch.equal(stream, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training
    assert all(weight.grad is None for weight in module.parameters())


def test_other_models_are_left_alone(tmp_path):
    import pytorch_lightning as pl

    previews = GeneratorPreviews(PreviewsConfig(enabled=True))
    previews.setup(trainer(tmp_path), pl.LightningModule(), "fit")
    assert not previews.schedule.due(1)
    assert not previews.schedule.at_end
    assert previews.values == {}
