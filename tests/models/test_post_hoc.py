"""The interpreter learns what a frozen classifier answers, from its maps, and leaves it as it was."""

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from callbacks.checkpointing import AtomicCheckpointIO
from configs.compose import compose
from configs.errors import CommandError, InputError
from datamodules.batch import Batch
from interpretability.listening.interpretation import GlobalRelevance
from models.checkpoint_file import CHECKPOINT_FORMAT
from models.explained import explained_classifier
from models.explanation import explain
from models.post_hoc import PostHocInterpreter, infidelity
from models.run_loading import load_run

RATE, N = 22050, 11025
NAMES = ("low", "high")
SMALL = ["model.name=post_hoc", "model.explains=x", "data.seconds=0.5", "front_end.n_mels=32", "model.n_components=8"]


class BandClassifier(nn.Module):
    """Says "high" where a clip (B, N) has energy around 3 kHz; whatever else is in it plays no part."""

    sample_rate = RATE

    def __init__(self):
        super().__init__()
        time = torch.arange(128) / RATE
        self.filters = nn.Conv1d(1, 4, 128, stride=64, bias=False)
        waves = [wave(2 * torch.pi * f * time) for f in (500, 3000) for wave in (torch.sin, torch.cos)]
        self.filters.weight.data = (torch.stack(waves) * torch.hann_window(128)).unsqueeze(1)
        self.rectify = nn.ReLU()

    def forward(self, waveform):
        found = self.rectify(self.filters(waveform.unsqueeze(1)))
        level = found[:, 2:].mean(dim=(1, 2))
        return torch.stack([0.3 - level, level - 0.3], dim=1)


def clips(n, seed=0):
    """Tones of 500 Hz in every clip, of 3 kHz in every second one, each with its own phase, and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(N) / RATE
    phase = 6.28 * torch.rand(2, n, 1, generator=generator)
    target = torch.arange(n) % 2
    low = 0.4 * torch.sin(2 * torch.pi * 500 * time + phase[0])
    high = 0.4 * torch.sin(2 * torch.pi * 3000 * time + phase[1]) * target[:, None]
    noise = 0.005 * torch.randn(n, N, generator=generator)
    return Batch(low + high + noise, torch.full((n,), N), target, torch.arange(n))


def interpreter(classifier=None, *overrides, names=NAMES, multi_label=False):
    torch.manual_seed(0)
    model = PostHocInterpreter(compose([*SMALL, *overrides]), names, multi_label, classifier or BandClassifier())
    atoms = torch.zeros(model.front_end.n_bins, 8)
    centres = [round(f * 1024 / RATE) for f in (250, 500, 1000, 2000, 3000, 4000, 6000, 9000)]
    for component, centre in enumerate(centres):
        atoms[centre - 4 : centre + 5, component] = torch.hann_window(11)[1:-1]
    model.bottleneck.set_dictionary(atoms / atoms.norm(dim=0), torch.full((8,), 5.0))
    model.log = model.log_dict = lambda *args, **kwargs: None
    return model


def train(model, batch, steps=60, rate=1e-2):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        model.train().training_step(batch, 0)["loss"].backward()
        optimizer.step()
    return model.eval()


def test_a_classifier_that_hears_one_band_is_explained_by_the_components_in_it():
    settings = ["augmentation.enabled=false", "model.dropout=0", "model.reconstruction_weight=50"]
    model, heard = train(interpreter(None, *settings), clips(16), steps=120), clips(16, seed=1)
    said = explain(model, heard.waveform)
    answers = model.classified(heard.waveform).argmax(dim=1)
    assert torch.equal(answers, heard.target)
    assert torch.equal(said.logits.argmax(dim=1), answers)
    high = heard.target == 1
    difference = said.relevance[:, 1] - said.relevance[:, 0]
    moved = (difference[high].mean(dim=0) - difference[~high].mean(dim=0)).abs()
    assert float(moved[4] / moved.sum()) > 0.8  # the component at 3 kHz carries the decision
    assert said.selected("high")[high, 4].all()
    seen = GlobalRelevance(2, 8)
    seen.update(said.relevance, torch.nn.functional.one_hot(answers, 2).bool())
    assert torch.isfinite(seen.mean).all()


@pytest.mark.parametrize("mode", [True, False])
def test_the_classifier_is_bitwise_unchanged_by_training(mode):
    net = nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 64, 32), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout())
    net = nn.Sequential(*net, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)).train(mode)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = interpreter(net, "model.classifier_rate=22050")
    expected = model.classified(clips(4).waveform)
    trained = {name: p.clone() for name, p in model.bottleneck.named_parameters()}
    train(model, clips(8), steps=3)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(model.train().classified(clips(4).waveform), expected)
    assert not any(weights.requires_grad for weights in model.frozen.parameters())
    assert all(
        not torch.equal(p, trained[n]) for n, p in model.bottleneck.named_parameters() if "pooling.score.b" not in n
    )


def test_loss_terms_are_those_of_the_paper():
    model = interpreter(
        None, "model.fidelity_weight=0.5", "model.fidelity_doubled_from=0", "model.reconstruction_weight=3"
    )
    batch = clips(4)
    model.eval()
    analysis = model.analyse(batch.waveform)
    response = model.respond(analysis)
    terms = model.loss_terms(response, analysis, batch)
    f, theta = model.classified(batch.waveform).softmax(1), response.logits.softmax(1)
    torch.testing.assert_close(terms["fidelity"], -(f * theta.log()).sum(dim=1).mean())
    target = torch.log1p(analysis.spectrum.abs())
    error = (target - model.bottleneck.dictionary @ response.activations).square().mean()
    torch.testing.assert_close(terms["reconstruction"], 3 * error)
    assert set(terms) == {"fidelity", "reconstruction", "sparsity"}


def test_the_multi_label_loss_is_binary():
    explained, logits = torch.randn(5, 3), torch.randn(5, 3)
    s, p = explained.sigmoid(), logits.sigmoid()
    expected = -(s * p.log() + (1 - s) * (1 - p).log()).sum(dim=1).mean()
    torch.testing.assert_close(infidelity(logits, explained, multi_label=True), expected)


def test_the_fidelity_weighs_twice_as_much_from_the_epoch_asked_for():
    weights = []
    for doubled in ("none", "0", "1"):
        model = interpreter(None, f"model.fidelity_doubled_from={doubled}").eval()
        analysis = model.analyse(clips(4).waveform)
        weights.append(model.loss_terms(model.respond(analysis), analysis, clips(4))["fidelity"].item())
    assert weights[1] == pytest.approx(2 * weights[0])
    assert weights[2] == pytest.approx(weights[0])


def test_a_one_dimensional_network_is_read_by_every_decoder_that_takes_it():
    for decoder in ("light", "generic"):
        model = interpreter(None, f"model.decoder={decoder}", "model.layers=[filters,rectify]")
        assert model.taps.shapes == {"filters": (4, 1, 171), "rectify": (4, 1, 171)}
        assert model(clips(2).waveform[:, :7000]).shape == (2, 2)
    assert interpreter().taps.shapes == {"rectify": (4, 1, 171)}
    with pytest.raises(InputError, match="paper needs three maps"):
        interpreter(None, "model.decoder=paper")


def test_a_foreign_classifier_is_kept_in_the_checkpoint(tmp_path):
    model = interpreter()
    path = tmp_path / "foreign.ckpt"
    written = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams)}
    torch.save({**written, "soundglass": {"format": CHECKPOINT_FORMAT, "version": "0"}}, path)
    again = load_run(path).model
    waveform = clips(2).waveform
    assert torch.equal(again.classified(waveform), BandClassifier()(waveform))
    assert torch.equal(again(waveform), model.eval()(waveform))


def test_lightning_trains_validates_and_tests_it(tmp_path):
    model = interpreter(None, "optimizer.learning_rate=0.01")
    del model.log, model.log_dict
    loader = torch.utils.data.DataLoader([clips(16), clips(16, 1)], batch_size=None)
    trainer = pl.Trainer(
        default_root_dir=tmp_path,
        max_epochs=4,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        num_sanity_val_steps=0,
        plugins=[AtomicCheckpointIO()],
        enable_checkpointing=False,
    )
    trainer.fit(model, loader, loader)
    assert model.monitor == "val/fidelity_top1"
    assert 0 <= float(trainer.callback_metrics["val/fidelity_top1"]) <= 1
    figures = trainer.test(model, loader, verbose=False)[0]
    assert figures["test/classifier_accuracy"] == 1
    assert {"test/accuracy", "test/fidelity_top1", "test/shuffled_fidelity_top1"} <= set(figures)
    assert "test/fidelity_top3" not in figures  # of two classes there are no three best
    assert not any(part.training for part in model.frozen.modules())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.layers=[rectfy]"], "layer 'rectfy': the network has no such layer, did you mean 'rectify'"),
        (["model.layers=[head]"], r"layer 'head' gives shape \(2, 2\) .* no time axis"),
        (["model.classifier_rate=16000"], "trained at 16000 Hz, this run has front_end.sample_rate=22050; give"),
        (["model.classifier_rate=none"], "at which rate was it trained"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(overrides, message):
    class WithHead(BandClassifier):
        sample_rate = None

        def __init__(self):
            super().__init__()
            self.head = nn.Identity()

        def forward(self, waveform):
            return self.head(super().forward(waveform))

    with pytest.raises(InputError, match=message) as caught:
        interpreter(WithHead(), "model.classifier_rate=22050", *overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_are_detected_said_and_turned_into_logits(multi_label):
    class Probabilities(BandClassifier):
        def forward(self, waveform):
            logits = super().forward(waveform)
            return logits.sigmoid() if multi_label else logits.softmax(dim=1)

    with pytest.raises(InputError, match=r"returns probabilities, not logits; give model\.classifier_outputs=prob"):
        interpreter(Probabilities(), multi_label=multi_label)
    model = interpreter(Probabilities(), "model.classifier_outputs=probabilities", multi_label=multi_label)
    logits, waveform = model.classified(clips(4).waveform), clips(4).waveform
    expected = BandClassifier()(waveform)
    if not multi_label:
        logits, expected = logits.softmax(dim=1), expected.softmax(dim=1)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(InputError, match=r"does not return probabilities; give model\.classifier_outputs=logits"):
        interpreter(BandClassifier(), "model.classifier_outputs=probabilities", multi_label=multi_label)


def test_a_classifier_of_other_classes_is_refused():
    with pytest.raises(InputError, match=r"returns \(8, 2\) for 8 clips; 3 classes need \(8, 3\)"):
        interpreter(names=("a", "b", "c"))


def test_without_a_classifier_the_command_says_how_to_train_one():
    with pytest.raises(CommandError, match=r"model\.explains is missing: .* experiment=esc10_black_box trains one"):
        compose(["model.name=post_hoc"])


def test_clips_without_relevant_components_and_classes_never_predicted_are_explained_as_nothing():
    model = interpreter().eval()
    with torch.no_grad():
        model.bottleneck.weight[1] = -model.bottleneck.weight[1].abs()  # nothing speaks for class 1
    said = explain(model, clips(4).waveform)
    assert not said.selected("high").any()
    assert torch.equal(said.class_sound("high"), torch.zeros(4, N))
    torch.testing.assert_close(said.rest_sound("high"), clips(4).waveform, rtol=0, atol=1e-4)
    seen = GlobalRelevance(2, 8)
    seen.update(said.relevance, torch.tensor([[True, False]] * 4))
    assert torch.equal(seen.mean[1], torch.zeros(8))
    assert seen.count.tolist() == [4, 0]


def test_metrics_see_the_classifier_that_is_explained_and_not_its_interpreter():
    waveform = clips(2).waveform
    seen = explained_classifier(interpreter())
    answers = seen.respond(seen.stft(waveform))  # inverted at whole hops: a few samples less than the clip
    torch.testing.assert_close(answers, BandClassifier()(waveform), rtol=0, atol=0.02)
