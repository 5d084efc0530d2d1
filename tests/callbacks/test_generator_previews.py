"""Previews are of the same latents at each point, change nothing, and leave other models alone."""

import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from callbacks.generator_previews import SEED, GeneratorPreviews, feature_strip
from configs.compose import compose
from configs.gan_schema import PreviewsConfig
from datamodules.batch import Batch
from models.spectrogram_gan_training import SpectrogramGANTraining
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


class Recordings:
    """A training split of noises, each of another level in dB."""

    n_clips = 80

    def dataset(self, split: str) -> range:
        return range(self.n_clips if split == "train" else 0)

    def batch(self, split: str, indices: list[int]) -> Batch:
        random = torch.Generator().manual_seed(5)
        sound = torch.randn(self.n_clips, 22050, generator=random)[indices].clamp(-3, 3) / 3
        full = torch.full((len(indices),), 22050)
        return Batch(sound, full, torch.zeros(len(indices), dtype=torch.int64), torch.tensor(indices))


def test_generated_features_are_drawn_on_the_scale_of_real_excerpts_at_all_points_and_after_a_resume(tmp_path):
    torch.manual_seed(0)
    small = ["model.width=1", "model.latents=4", "model.frames=20", "front_end.n_mels=16"]
    module = SpectrogramGANTraining(compose(["experiment=sound_scenes_spectrogram_gan", *small]), ("a", "b")).eval()
    fake, usual = trainer(tmp_path), module.generate
    fake.datamodule = Recordings()
    previews = GeneratorPreviews(PreviewsConfig(n_clips=2, on_error="raise"))
    real = module.excerpts.hear(Recordings().batch("train", list(range(80))).waveform)
    folder = tmp_path / "media" / "previews"

    def point(epoch: int, instrument: GeneratorPreviews, factor: float) -> np.ndarray:
        """Take a point with generated features that are louder by a factor; return those."""
        module.generate = lambda *given: (usual(*given)[0] * factor, None)
        instrument.take_point(fake, module, epoch)
        return module.generate(2, SEED)[0][:, 0].detach().numpy()

    with torch.no_grad():
        first = point(1, previews, 1.0)
        scale = previews.scale
        assert scale == pytest.approx(tuple(np.quantile(real.numpy(), (0.01, 0.999))), abs=0.1)
        second = point(2, previews, 0.5)
        resumed = GeneratorPreviews(PreviewsConfig(n_clips=2, on_error="raise"))
        resumed.load_state_dict(previews.state_dict())
        fake.datamodule = None  # nothing is measured again
        third = point(3, resumed, 0.25)
    for epoch, features in ((1, first), (2, second), (3, third)):
        picture = imread(folder / f"epoch_000{epoch}" / "spectrograms.png")[..., :3]
        wanted = feature_strip(list(features), *scale)
        assert np.abs(picture * 255 - wanted).max() < 1
    assert second.mean() > first.mean()  # features are negative: half of them is louder
    assert feature_strip(list(second), *scale).mean() > feature_strip(list(first), *scale).mean()
    assert previews.scale == resumed.scale == scale
