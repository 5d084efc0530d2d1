"""Training of the waveform GANs: who gets which gradient, what a run leaves behind, and exact resuming."""

import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from callbacks.checkpointing import read_checkpoint
from configs.compose import compose
from configs.errors import InputError
from models.gan_collapse import CollapseError
from models.gan_loading import load_generator
from models.run_loading import load_run
from models.wavegan_training_codes import CiwGANTraining, noisy
from train import InterruptedRunError, train

WORDS = ("a", "s", "a-a")


def arguments(kind: str, output: Path, cache: Path, *more: str) -> list[str]:
    return [
        f"experiment=words_{kind}",
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        f"data.words=[{','.join(WORDS)}]",
        "data.n_train=28",
        "data.n_val=8",
        "data.n_test=9",
        "data.batch_size=4",
        "data.passes=1",
        "model.width=1",
        "model.n_scored=8",
        "model.critic_steps=3",
        "front_end.hop_length=256",
        "callbacks.previews.n_clips=2",
        "callbacks.previews.on_error=raise",
        "trainer.max_epochs=2",
        "trainer.threads=1",
        "trainer.accelerator=cpu",
        "logger.wandb=disabled",
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


def differences(first, second, path=""):
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [key for key in {**first, **second} if key != "seconds"]
        return [d for key in keys for d in differences(first.get(key), second.get(key), f"{path}/{key}")]
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        return [d for n, (a, b) in enumerate(zip(first, second, strict=True)) for d in differences(a, b, f"{path}/{n}")]
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return [] if torch.equal(first, second) else [path]
    return [] if first == second else [path]


@pytest.mark.parametrize("kind", ["wavegan", "ciwgan", "fiwgan"])
def test_a_run_trains_tests_and_comes_back(kind, tmp_path, cache):
    summary = train(compose(arguments(kind, tmp_path, cache)))
    run = Path(summary["run"])
    assert summary["test/generated"] == 64
    # 7 batches an epoch, a generator step after every third critic step whatever the epoch
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]["steps.generator"] == 14 // 3
    columns = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    expected = {"val/mel_distance", "val/spread", "val/critic_gap", "train/critic_gap", "train/gradient_penalty",
                "train/generator", "train/generator_steps", "train/passes", "previews/peak"}  # fmt: skip
    expected |= set() if kind == "wavegan" else {"train/information", "val/q_accuracy"}
    assert expected <= set(columns)
    assert json.loads((run / "summary.json").read_text())["model"] == kind
    assert not (run / "test_predictions.csv").exists()
    previews = sorted(path.name for path in (run / "media" / "previews" / "epoch_0001").iterdir())
    assert previews == ["0.wav", "1.wav", "spectrograms.png"]
    found = load_generator(run)
    sounds, categories = found.generate(5, seed=0)
    assert sounds.shape == (5, 4096)
    assert sounds.abs().max() <= 1
    assert torch.equal(sounds, load_generator(run).generate(5, seed=0)[0])
    assert (categories is None) == (kind == "wavegan")
    assert not any(module.training for module in found.model.modules())
    with pytest.raises(InputError, match=f"model.name={kind} generates sounds"):
        load_run(run)


@pytest.mark.parametrize(("epoch", "final_rate"), [(0, 1), (1, 1), (1, 0)])
def test_resuming_at_an_epoch_boundary_gives_the_same_run_bit_for_bit(epoch, final_rate, tmp_path, cache):
    falling = f"model.final_rate={final_rate}"
    whole = Path(train(compose(arguments("ciwgan", tmp_path / "whole", cache, falling)))["run"])
    with pytest.raises(InterruptedRunError, match="resume="):
        train(compose(arguments("ciwgan", tmp_path / "stopped", cache, falling)), [InterruptAt(epoch, 4)])
    stopped = tmp_path / "stopped" / "words_ciwgan" / "a"
    train(compose([f"resume={stopped}"]))
    one, two = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (whole, stopped))
    assert len(one["optimizer_states"]) == 3
    keys = [key for key in one if key not in ("loops", "hyper_parameters")]
    assert [d for key in keys for d in differences(one[key], two[key], key)] == []


class Rates(pl.Callback):
    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, trainer, *others) -> None:
        self.seen.append([group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups])


@pytest.mark.parametrize(("kind", "n_optimizers"), [("wavegan", 2), ("ciwgan", 3)])
def test_all_learning_rates_fall_linearly_where_that_is_asked_for(kind, n_optimizers, tmp_path, cache):
    rates, settings = Rates(), ["model.final_rate=0.2", "model.learning_rate=1e-3"]
    settings += ["model.q_learning_rate=1e-3"] * (kind == "ciwgan")
    train(compose(arguments(kind, tmp_path, cache, *settings)), [rates])
    expected = [[1e-3 * (1 - 0.8 * step / 14)] * n_optimizers for step in range(14)]  # 7 batches, 2 epochs
    torch.testing.assert_close(torch.tensor(rates.seen), torch.tensor(expected))


def ciwgan(*more):
    config = compose(["experiment=words_ciwgan", "model.width=1", "data.batch_size=4", *more])
    torch.manual_seed(0)
    model = CiwGANTraining(config, ("a", "s", "si", "i-i", "sa-sa"))
    optimizers = model.configure_optimizers()
    model.optimizers = lambda: optimizers
    model.manual_backward = lambda loss, **more: loss.backward(**more)
    return model


def test_both_gradients_of_the_generator_are_of_one_forward_pass_and_stepped_apart():
    settings = ("model.phase_shuffle=0", "model.learning_rate=3e-4", "model.q_learning_rate=2e-4", "model.q_noise=0")
    model, other = ciwgan(*settings), ciwgan(*settings)
    torch.manual_seed(1)
    model.generator_step(4)
    torch.manual_seed(1)
    latents, _ = other.latents(4)
    made = other.generator(latents)
    own = torch.autograd.grad(-other.critic(made).mean(), list(other.generator.parameters()), retain_graph=True)
    both = [*other.generator.parameters(), *other.q.parameters()]
    of_code = torch.autograd.grad(torch.nn.functional.cross_entropy(other.q(made), latents[:, :5].argmax(1)), both)
    adam = torch.optim.Adam(other.generator.parameters(), 3e-4, (0.5, 0.9))
    rms = torch.optim.RMSprop(both, 2e-4, 0.9, 1e-5)
    for optimizer, weights, gradients in ((adam, other.generator.parameters(), own), (rms, both, of_code)):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
    for name, value in other.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, msg=name)
    assert all(weight.grad is None for weight in model.parameters())


def test_noise_over_what_q_hears_has_a_level_of_its_own_in_each_clip():
    torch.manual_seed(0)
    clips = torch.rand(200, 4096)
    levels = (noisy(clips, 0.2) - clips).std(dim=1)
    assert levels.max() < 0.21
    assert levels.min() < 0.01
    assert levels.mean() == pytest.approx(0.1, abs=0.01)
    assert noisy(clips, 0) is clips


def test_q_hears_the_noise_and_the_critic_does_not():
    model, heard = ciwgan("model.q_noise=0.5"), {}
    for name in ("critic", "q"):
        getattr(model, name).register_forward_pre_hook(lambda _, inputs, name=name: heard.update({name: inputs[0]}))
    model.generator_step(4)
    assert 0 < (heard["q"] - heard["critic"]).std() < 0.5


def test_each_step_moves_its_own_networks_only():
    model = ciwgan()

    def moved(step):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        step()
        changed = {n.split(".")[0] for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
        return changed & {"generator", "critic", "q", "average"}

    assert moved(lambda: model.critic_step(torch.rand(4, 4096))) == {"critic"}
    assert moved(lambda: model.generator_step(4)) == {"generator", "q"}


def test_the_critic_learns_to_tell_noise_from_what_is_generated():
    model = ciwgan("model.learning_rate=0.003")
    gaps = [float(model.critic_step(torch.rand(4, 4096) * 2 - 1)["critic_gap"]) for _ in range(15)]
    assert gaps[-1] > 10 * abs(gaps[0])


def test_averaged_weights_follow_the_generator_by_hand():
    model = ciwgan("model.average=0.5")
    weight, average = model.generator.conv1.weight, model.average.module.conv1.weight
    with torch.no_grad():
        for value in (1.0, 2.0, 3.0):
            weight.fill_(value)
            model.average.update_parameters(model.generator)
    # the first is taken over; then shares of min(0.5, 2 / 11) and min(0.5, 3 / 12) are kept
    expected = 3 - (3 - (2 - (2 - 1) * 2 / 11)) * 0.25
    assert average.unique().item() == pytest.approx(expected)
    assert not average.requires_grad


def test_a_planted_collapse_stops_the_run_and_says_what_to_try(tmp_path, cache):
    class Deaf(pl.Callback):
        """Silences the latents: every clip is the same."""

        def on_validation_epoch_start(self, trainer, pl_module):
            with torch.no_grad():
                pl_module.average.module.project.weight.zero_()

    more = ("model.collapse_after=1", "model.collapse_patience=2", "trainer.max_epochs=4")
    with pytest.raises(CollapseError, match=r"differ 0\.000 times.*2 times in a row.*learning_rate"):
        train(compose(arguments("wavegan", tmp_path, cache, *more)), [Deaf()])


def test_mixed_precision_trains(tmp_path, cache):
    summary = train(
        compose(arguments("fiwgan", tmp_path, cache, "trainer.precision=bf16-mixed", "trainer.max_epochs=1"))
    )
    assert all(torch.isfinite(torch.tensor(summary[f"test/{name}"])) for name in ("mel_distance", "critic_gap"))


def test_a_judge_scores_the_codes(tmp_path, cache):
    words = f"data.words=[{','.join(WORDS)}]"
    small = ["data.n_train=24", "data.n_val=6", "data.n_test=6", "data.batch_size=6", "backbone.width=2"]
    box = train(compose(["experiment=words_classifier", f"output={tmp_path}", f"data.cache_dir={cache}", words, *small,
                         "trainer.max_epochs=1", "logger.wandb=disabled", "trainer.accelerator=cpu"]))  # fmt: skip
    summary = train(compose(arguments("fiwgan", tmp_path, cache, f"model.judge={box['run']}", "trainer.max_epochs=1")))
    assert summary["test/judge_accuracy"] * 9 == pytest.approx(round(summary["test/judge_accuracy"] * 9), abs=1e-4)
    for name in ("code_accuracy", "bit_accuracy", "code_accuracy_at_2", "bit_accuracy_at_2"):
        assert 0 <= summary[f"test/{name}"] <= 1
    assert summary["test/code_aic"] > 0
    assert summary["best/train/generator_steps"] == summary["test/generator_steps"]  # the judge has chosen nothing
    judge = f"model.judge={box['run']}"
    choosing = train(compose([*arguments("fiwgan", tmp_path, cache, judge), "run_id=c", "trainer.monitor=auto"]))
    assert 0 <= choosing["best/val/bit_accuracy"] <= 1  # where nothing else is said what the judge hears chooses
    wrong = arguments("ciwgan", tmp_path, cache, judge, "data.words=[a,s,si]")
    with pytest.raises(InputError, match="tells a, s, a-a apart, the data have a, s, si"):
        train(compose([*wrong, "run_id=b"]))


def test_a_run_of_a_classifier_is_no_generator(untrained_run):
    with pytest.raises(InputError, match=r"model\.name=black_box generates nothing"):
        load_generator(untrained_run(**{"model.name": "black_box"}))
