"""The NMF baselines: exact sums, explanations, gradients, and learning on data whose parts are known."""

import pytest
import torch

from configs.compose import compose
from configs.errors import CommandError
from datamodules.batch import Batch
from interpretability.listening.decision_audit import relative_error
from models.explained import explained_classifier
from models.explanation import explain
from models.nmf_classifier import NMFClassifier
from models.run_loading import load_run

NAMES = ("low", "middle", "high")
RATE, N = 8000, 4096


def build(name="nmf_linear", multi_label=False, *overrides):
    settings = [f"model.name={name}", "model.n_components=6", "front_end.sample_rate=8000", "front_end.n_fft=256"]
    settings += ["front_end.hop_length=128", "front_end.n_mels=20", "data.seconds=0.5", "augmentation.enabled=false"]
    torch.manual_seed(0)
    model = NMFClassifier(compose([*settings, *overrides]), NAMES, multi_label)
    W = model.front_end.log_magnitude(model.front_end.stft(tones(torch.arange(3)))).mean(dim=2).T
    more = torch.rand(len(W), 3, generator=torch.Generator().manual_seed(1)) ** 8
    W = torch.cat([W, more], dim=1)
    model.bottleneck.set_dictionary(W / W.norm(dim=0), torch.full((6,), 5.0))
    model.log = lambda *args, **kwargs: None
    model.log_dict = lambda *args, **kwargs: None
    return model


def tones(classes):
    """Tones of 500, 1000 and 2000 Hz (B, N) for classes 0, 1, 2."""
    time = torch.arange(N) / RATE
    return torch.sin(2 * torch.pi * 500.0 * 2.0 ** classes[:, None] * time)


def clips(n=24, seed=0, multi_label=False):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(3, (n,), generator=generator)
    waveform = 0.3 * tones(target) + 0.05 * torch.randn(n, N, generator=generator)
    labels = torch.nn.functional.one_hot(target, 3).float() if multi_label else target
    return Batch(waveform, torch.full((n,), N), labels, torch.arange(n))


def learn(model, steps=40):
    """Train without Lightning, by the model's own loss and constraint."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = [{"params": [p], "lr": 0.001 if "dictionary" in name else 0.05} for name, p in trained]
    optimizer = torch.optim.Adam(groups)
    data = clips(multi_label=model.multi_label)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model.training_step(data, 1)["loss"].backward()
        optimizer.step()
        if model.settings.train_dictionary:
            model.bottleneck.project_dictionary()
    return model.eval()


@pytest.mark.parametrize("name", ["nmf_linear", "task_driven_nmf"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_planted_parts_are_told_apart_and_the_decision_is_their_sum(name, multi_label):
    model = learn(build(name, multi_label))
    fresh = clips(seed=1)
    found = explain(model, fresh.waveform)
    assert (found.logits.argmax(dim=1) == fresh.target).float().mean() > 0.9
    prior = 0 if found.prior is None else found.prior
    torch.testing.assert_close(found.relevance.sum(dim=2) + prior, found.logits, rtol=1e-5, atol=1e-4)
    rebuilt = found.dictionary @ found.activations
    target = model.front_end.log_magnitude(found.spectrum)
    assert float(relative_error(target, rebuilt, None).mean()) < 0.5
    loudest = found.relevance[torch.arange(24), fresh.target].argmax(dim=1)
    assert (loudest == fresh.target).float().mean() > 0.8  # the part that speaks for a class is its own tone


def test_only_the_task_driven_dictionary_moves_and_stays_on_its_constraint():
    for name, moves in (("nmf_linear", False), ("task_driven_nmf", True)):
        model = build(name)
        before = model.bottleneck.dictionary.detach().clone()
        learn(model, steps=3)
        W = model.bottleneck.dictionary.detach()
        assert torch.equal(W, before) != moves
        assert (W >= 0).all()
        torch.testing.assert_close(W.norm(dim=0), torch.ones(6))
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        assert trained == {"bottleneck.weight"} | ({"bottleneck.dictionary"} if moves else set())


def test_a_task_driven_step_lowers_the_loss_through_the_dictionary_alone():
    model = build("task_driven_nmf").train()
    model.bottleneck.dropout = 0.0
    with torch.no_grad():
        model.bottleneck.weight.normal_()
    data = clips()
    first = model.training_step(data, 1)["loss"]
    first.backward()
    W = model.bottleneck.dictionary
    with torch.no_grad():
        W.sub_(1e-3 * W.grad / W.grad.norm())
    assert float(model.training_step(data, 1)["loss"].detach()) < float(first.detach())


def test_padding_changes_nothing():
    model = build().eval()
    clip = clips(1).waveform
    padded = torch.nn.functional.pad(clip, (0, 2048))
    length = torch.tensor([N])
    alone = model(torch.nn.functional.pad(clip, (0, 128)), length)
    torch.testing.assert_close(model(padded, length), alone, rtol=1e-3, atol=1e-4)


def test_other_instruments_can_ask_it():
    model = learn(build(), steps=5)
    data = clips(2)
    seen = explained_classifier(model)
    torch.testing.assert_close(seen.logits(data.waveform), model(data.waveform))
    spectrum = seen.stft(seen.normalize(data.waveform))
    X = spectrum.abs().log1p().requires_grad_()
    seen.of_log_magnitude(X, spectrum)[:, 0].sum().backward()
    assert X.grad.abs().sum() > 0


def test_components_can_be_watched_and_silenced_as_those_of_other_models():
    model, batch = build().eval(), clips(4)
    analysis = model.analyse(batch.waveform, batch.length)
    whole, seen = model.respond(analysis), []
    watching = model.bottleneck.register_forward_hook(lambda layer, inputs, output: seen.append(output.activations))

    def silence(layer, inputs, output):
        return output * torch.tensor([0.0, 1, 1, 1, 1, 1])[:, None]

    silencing = model.bottleneck.decoder.register_forward_hook(silence)
    found = model.respond(analysis)
    watching.remove()
    silencing.remove()
    assert torch.equal(seen[0], found.activations)
    assert whole.activations[:, 0].any()
    assert not found.activations[:, 0].any()
    assert torch.equal(found.activations[:, 1:], whole.activations[:, 1:])


@pytest.mark.parametrize("name", ["nmf_linear", "task_driven_nmf"])
def test_a_run_is_loaded_again(untrained_run, name):
    folder = untrained_run(**{"model.name": name})
    run = load_run(folder)
    assert run.explain(torch.rand(22050) - 0.5).relevance.shape[1:] == (3, 8)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.nmf.beta=1.0", "beta=1 must be 2"),
        ("model.ridge=0", r"model\.ridge=0(\.0)? must be above 0"),
        ("model.dictionary_rate=2", r"dictionary_rate=2(\.0)? must lie between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_used_are_named(setting, message):
    with pytest.raises(CommandError, match=message):
        compose(["model.name=nmf_linear", setting])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nmf_linear", "task_driven_nmf"])
def test_sound_scenes_are_classified_above_chance(name, tmp_path):
    from train import train

    words = [f"experiment=sound_scenes_{name}", "data.n_train=160", "data.n_val=40", "data.n_test=80"]
    words += ["logger.wandb=disabled", f"data.cache_dir={tmp_path}/cache", f"output={tmp_path}/runs"]
    words += ["trainer.progress=false", "model.nmf.updates=60", "trainer.max_epochs=6", "data.batch_size=16"]
    summary = train(compose(words))
    n_classes = 8
    assert summary["test/accuracy"] > 2 / n_classes
