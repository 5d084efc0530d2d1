"""Training of spectrogram GAN and autoencoder: what a run leaves behind, exact resuming, priors, and planted truths."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import soundfile
import torch

from callbacks.checkpointing import read_checkpoint
from configs.compose import compose
from configs.data_schema import FrontEndConfig
from configs.errors import CommandError, InputError
from datamodules.batch import Batch
from interpretability.generation.prior import check_prior
from models.gan_collapse import CollapseError
from models.gan_loading import load_generator
from models.run_loading import load_run
from models.spectrogram_gan_training import SpectrogramGANTraining
from models.spectrogram_vae_training import SpectrogramVAETraining
from train import InterruptedRunError, train

KINDS = ("gan", "vae")


def arguments(kind: str, output: Path, cache: Path, *more: str) -> list[str]:
    return [
        f"experiment=sound_scenes_spectrogram_{kind}",
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        "data.n_train=28",
        "data.n_val=8",
        "data.n_test=9",
        "data.seconds=1.2",
        "data.batch_size=4",
        "data.passes=1",
        "model.width=1",
        "model.latents=4",
        "model.frames=20",
        "model.n_scored=8",
        "model.measured_clips=16",
        "front_end.n_mels=16",
        "callbacks.previews.n_clips=2",
        "callbacks.previews.on_error=raise",
        "trainer.max_epochs=2",
        "trainer.threads=1",
        "trainer.accelerator=cpu",
        "trainer.progress=false",
        "logger.wandb=disabled",
        *(["model.critic_steps=3"] if kind == "gan" else []),
        *more,
    ]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class InterruptAt(pl.Callback):
    def __init__(self, epoch: int, batch: int) -> None:
        self.at = (epoch, batch)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if (trainer.current_epoch, batch_idx) == self.at:
            raise KeyboardInterrupt


def model(kind: str, *more: str):
    config = compose([f"experiment=sound_scenes_spectrogram_{kind}", "model.width=1", "model.latents=4",
                      "model.frames=20", "front_end.n_mels=16", *more])  # fmt: skip
    torch.manual_seed(0)
    maker = SpectrogramGANTraining if kind == "gan" else SpectrogramVAETraining
    made = maker(config, ("a", "b"))
    optimizers = made.configure_optimizers()
    made.optimizers = lambda: optimizers
    made.manual_backward = lambda loss, **more: loss.backward(**more)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_trains_tests_and_comes_back_as_a_prior(kind, tmp_path, cache):
    summary = train(compose(arguments(kind, tmp_path, cache)))
    run = Path(summary["run"])
    weights = read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]
    assert summary["test/generated"] == 64
    assert weights["steps.generator" if kind == "gan" else "taken"] == (14 // 3 if kind == "gan" else 14)
    columns = set((run / "metrics.csv").read_text().splitlines()[0].split(","))
    own = {"train/gradient_penalty", "val/critic_gap", "train/passes"} if kind == "gan" else {"train/divergence"}
    assert {"val/mel_distance", "val/spread", "previews/peak"} | own <= columns
    assert json.loads((run / "summary.json").read_text())["model"] == f"spectrogram_{kind}"
    previews = sorted(path.name for path in (run / "media" / "previews" / "epoch_0001").iterdir())
    assert previews == ["0.wav", "1.wav", "spectrograms.png", "vocoding.txt"]
    said = (run / "media" / "previews" / "epoch_0001" / "vocoding.txt").read_text()
    assert said == "pseudo-inverse of the bands, Griffin-Lim, 100 iterations\n"

    found = load_generator(run)
    prior = found.prior(found.config.front_end)
    latents = prior.sample(5, torch.Generator().manual_seed(0))
    made = prior.decode(latents)
    assert made.shape == (5, 1, 16, 20)
    assert made.min() >= -5
    assert torch.equal(made, load_generator(run).prior().decode(latents))
    assert found.n_samples == 19 * 512
    check_prior(prior, found.sound)
    assert torch.equal(found.generate(5, seed=0)[0], made)  # both draw from N(0, I) in the same way
    assert not any(module.training for module in found.model.modules())
    # statistics of the bands are of the training clips, and lie in the checkpoint
    assert torch.equal(weights["average.module.scale.mean"], weights["generator.scale.mean"])
    assert weights["generator.scale.deviation"].min() > 0
    assert weights["generator.scale.mean"].abs().min() > 0.01
    with pytest.raises(InputError, match=f"model.name=spectrogram_{kind} generates sounds"):
        load_run(run)


@pytest.mark.parametrize("kind", KINDS)
def test_resuming_at_an_epoch_boundary_gives_the_same_run_bit_for_bit(kind, tmp_path, cache):
    whole = Path(train(compose(arguments(kind, tmp_path / "whole", cache)))["run"])
    with pytest.raises(InterruptedRunError, match="resume="):
        train(compose(arguments(kind, tmp_path / "stopped", cache)), [InterruptAt(1, 4)])
    stopped = tmp_path / "stopped" / f"sound_scenes_spectrogram_{kind}" / "a"
    train(compose([f"resume={stopped}"]))
    one, two = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (whole, stopped))
    scales = [checkpoint["callbacks"]["instrument:previews"]["scale"] for checkpoint in (one, two)]
    assert scales[0] == scales[1]
    assert scales[0][0] < scales[0][1]
    assert len(one["optimizer_states"]) == (2 if kind == "gan" else 1)
    for name, value in one["state_dict"].items():
        assert torch.equal(value, two["state_dict"][name]), name
    for first, second in zip(one["optimizer_states"], two["optimizer_states"], strict=True):
        for number, state in first["state"].items():
            assert all(torch.equal(value, second["state"][number][key]) for key, value in state.items())


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_trains(kind, tmp_path, cache):
    more = ("trainer.precision=bf16-mixed", "trainer.max_epochs=1", "callbacks.previews.enabled=false")
    assert math.isfinite(train(compose(arguments(kind, tmp_path, cache, *more)))["test/mel_distance"])


def test_a_planted_collapse_stops_the_run_and_says_what_to_try(tmp_path, cache):
    class Deaf(pl.Callback):
        """Silences the latents: every excerpt is the same."""

        def on_validation_epoch_start(self, trainer, pl_module):
            with torch.no_grad():
                pl_module.average.module.project.weight.zero_()

    more = ("model.collapse_after=1", "model.collapse_patience=2", "trainer.max_epochs=4")
    with pytest.raises(CollapseError, match=r"differ 0\.000 times.*2 times in a row"):
        train(compose(arguments("vae", tmp_path, cache, *more)), [Deaf()])


def test_recipe_of_the_paper_is_the_published_size():
    made = model("gan", "model.size=published", "model.width=8", "model.latents=128")
    critic, generator = made.configure_optimizers()
    assert critic.defaults["lr"] == generator.defaults["lr"] == 1e-5
    assert critic.defaults["betas"] == (0.9, 0.999)
    assert generator.defaults["betas"] == (0.5, 0.999)
    assert made.settings.gradient_penalty == 10
    assert not made.settings.standardised
    assert [len(o.param_groups[0]["params"]) for o in (critic, generator)] == [
        len(list(network.parameters())) for network in (made.critic, made.generator)
    ]


def test_the_critic_is_penalised_where_it_sees():
    """Band statistics scale what the critic sees; its slope is taken there, not in decibels."""
    made = model("gan")
    made.generator.scale.deviation.fill_(4.0)
    real, caught = torch.randn(3, 1, 16, 20), []
    made.critic.register_forward_pre_hook(lambda layer, given: caught.append(given[0].detach()))
    made.critic_step(real)
    torch.testing.assert_close(caught[0], real / 4)
    assert caught[2].shape == real.shape  # between real and generated, in the same units


def bumps(n: int, seed: int) -> Batch:
    """Clips of noise whose level rises and falls once: where is the one thing in which they differ."""
    random = torch.Generator().manual_seed(seed)
    place = torch.rand(n, 1, generator=random)
    time = torch.linspace(0, 1, 19 * 512)
    level = 0.02 + torch.exp(-((time - place) ** 2) / 0.01)
    waveform = level * torch.randn(n, len(time), generator=random)
    return Batch(waveform, torch.full((n,), len(time)), torch.zeros(n, dtype=torch.int64), torch.arange(n))


def test_autoencoder_finds_where_the_bump_is():
    made = model("vae", "model.width=2")
    optimizer = made.configure_optimizers()
    clips = made.real(bumps(256, 0), seed=0)
    for network in (made.generator, made.average.module):
        network.scale.measure(clips)
    for step in range(120):
        part = clips[torch.randperm(256, generator=torch.Generator().manual_seed(step))[:32]]
        terms = made.terms(part, made.generator, torch.randn(32, 4))
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
    held_out = made.real(bumps(64, 1), seed=0)
    with torch.no_grad():
        none = torch.zeros(64, 4)
        error = made.terms(held_out, made.generator, none)["error"].item()
        own = made.seen(held_out).square().mean().item()
        latents = made.encode(held_out)[0]
        shuffled = made.seen(made.generator(latents.roll(1, 0))) - made.seen(held_out)
    assert error < 0.5 * own  # what is left is the noise inside the bands
    assert shuffled.square().mean().item() > 1.5 * error  # latents of other clips do not do


def test_terms_of_the_autoencoder_by_hand():
    made = model("vae", "model.kl_weight=2")
    excerpts, noise = torch.randn(3, 1, 16, 20), torch.randn(3, 4)
    terms = made.terms(excerpts, made.generator, noise)
    mean, log_variance = made.encode(excerpts)
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(terms["divergence"], divergence)
    made_of_it = made.generator(mean + (0.5 * log_variance).exp() * noise)
    error = (made_of_it - excerpts).square().mean()
    torch.testing.assert_close(terms["error"], error)
    density = torch.distributions.Normal(made_of_it, error.sqrt()).log_prob(excerpts).mean()
    torch.testing.assert_close(terms["loss"], 2 * divergence / 320 - density, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_a_classifier_is_refused_by_name(tmp_path, cache):
    quick = ("trainer.max_epochs=1", "callbacks.previews.enabled=false")
    found = load_generator(train(compose(arguments("vae", tmp_path, cache, *quick)))["run"])
    own = {"n_mels": 16}
    found.check_heard_by(FrontEndConfig(**own))
    for key, value in (("sample_rate", 16000), ("hop_length", 256), ("mel_of", "magnitude"), ("n_mels", 64)):
        with pytest.raises(InputError, match=rf"front_end\.{key}=.*hears front_end\.{key}={value}"):
            found.prior(FrontEndConfig(**own | {key: value}))
    other = load_generator(found.path).sound
    longer = type(other)((1, 16, 21), other.sample_rate, "features", other.unit)
    with pytest.raises(InputError, match=r"\(1, 16, 20\), the network takes \(1, 16, 21\)"):
        check_prior(found.prior(), longer)
    with pytest.raises(InputError, match="no codes"):
        found.generate(2, 0, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.frames=400", r"model\.frames=400: data\.seconds=5 has 216 frames"),
        ("trainer.gradient_clip=1", r"trainer\.gradient_clip=1 must be 0"),
        ("trainer.precision=16-mixed", "bf16-mixed"),
        ("augmentation.enabled=true", r"augmentation\.enabled=true.*set it to false"),
        ("front_end.features=gammatone", r"front_end\.features=gammatone.*log_mel"),
        ("model.critic_steps=0", r"model\.critic_steps=0 must be at least 1"),
    ],
)
def test_settings_that_cannot_be_used_are_named(setting, message):
    with pytest.raises(CommandError, match=message):
        compose(["experiment=sound_scenes_spectrogram_gan", setting])


def test_a_folder_of_music_is_learned_in_the_features_of_the_paper(tmp_path, cache):
    random = np.random.default_rng(0)
    for number in range(5):
        time = np.arange(22050 * 6) / 22050
        song = 0.3 * np.sin(2 * np.pi * 220 * (number + 1) * time) + 0.01 * random.normal(size=len(time))
        soundfile.write(tmp_path / f"song {number}.flac", song, 22050)
    settings = [
        word for word in arguments("gan", tmp_path / "runs", cache) if not word.startswith(("data.n_", "front"))
    ]
    settings = [word for word in settings if not word.startswith(("experiment", "data.seconds", "model.frames"))]
    small = ["model.n_scored=4", "trainer.max_epochs=1", "data.batch_size=2", "trainer.limit_train_batches=4"]
    run = train(compose(["experiment=music_spectrogram_gan", f"data.root={tmp_path}", *settings, *small]))["run"]
    found = load_generator(run)
    sounds = found.generate(3, seed=0)[0]
    assert found.sound == type(found.sound)((1, 80, 115), 22050, "features", "ln mel")
    assert sounds.shape == (3, 1, 80, 115)
    assert found.model.generator.floor == pytest.approx(math.log(1e-7))
    heard = found.vocoder().invert(sounds)
    assert heard.shape == (3, 114 * 315)
    assert heard.isfinite().all()
