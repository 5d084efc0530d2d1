"""Learning from hidden patches: only they count, the error falls, and a run can be resumed and gone on from."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from callbacks.checkpointing import read_checkpoint
from configs.compose import compose
from configs.errors import CommandError, InputError
from datamodules.batch import Batch
from models.masked_spectrogram import EVALUATION, TRAINING, MaskedSpectrogram, PatchDecoder, masked_error
from models.run_loading import load_run
from train import train

RATE = 22050


def settings(*more):
    return ["model.name=masked_spectrogram", "data.seconds=1", "front_end.n_mels=32", "backbone.width=4", *more]


def network(*more):
    torch.manual_seed(0)
    return MaskedSpectrogram(compose(settings(*more)), ("a", "b", "c"), False)


def batch(seconds=(1.0, 1.0), seed=0):
    generator = torch.Generator().manual_seed(seed)
    n = round(max(seconds) * RATE)
    waveform = 0.1 * torch.randn(len(seconds), n, generator=generator)
    length = torch.tensor([round(each * RATE) for each in seconds])
    waveform = waveform * (torch.arange(n) < length[:, None])
    return Batch(waveform, length, torch.zeros(len(seconds), dtype=torch.int64), torch.arange(len(seconds)))


def test_hidden_cells_are_whole_patches_and_their_share_is_as_asked():
    model, clips = network("model.masked_share=0.25", "model.patch_bands=8", "model.patch_frames=4"), batch()
    analysis = model.analyse(clips.waveform, clips.length)
    hidden = model.hidden(analysis, clips, 0, TRAINING)
    assert hidden.shape == analysis.features.shape  # 44 frames: eleven patches in a row, four rows
    patches = hidden.unfold(2, 8, 8).unfold(3, 4, 4)
    assert ((patches.float().mean(dim=(-2, -1)) == 0) | (patches.float().mean(dim=(-2, -1)) == 1)).all()
    assert patches[..., 0, 0].sum(dim=(1, 2, 3)).tolist() == [11, 11]


def test_masks_change_with_the_epoch_in_training_and_belong_to_the_clip():
    model, clips = network("model.patch_bands=4", "model.patch_frames=4"), batch()
    analysis = model.analyse(clips.waveform, clips.length)
    first, again, next_epoch = (model.hidden(analysis, clips, epoch, TRAINING) for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, next_epoch)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, model.hidden(analysis, clips, 0, EVALUATION))
    swapped = Batch(clips.waveform.flip(0), clips.length, clips.target, clips.index.flip(0))
    assert torch.equal(model.hidden(analysis, swapped, 0, TRAINING), first.flip(0))


def test_only_hidden_cells_count():
    target, predicted = torch.zeros(2, 1, 2, 2), torch.tensor([[[[1.0, 9], [9, 9]]], [[[2.0, 3], [9, 9]]]])
    hidden = torch.tensor([[[[True, False], [False, False]]], [[[True, True], [False, False]]]])
    assert float(masked_error(predicted, target, hidden)) == pytest.approx((1 + (4 + 9) / 2) / 2)


def test_what_is_hidden_does_not_reach_the_backbone():
    """Another sound in the hidden cells changes the target, and nothing of the prediction."""
    model, clips = network().eval(), batch()
    analysis = model.analyse(clips.waveform, clips.length)
    hidden = model.hidden(analysis, clips, 0, TRAINING)
    other = torch.where(hidden, analysis.features + torch.randn_like(analysis.features), analysis.features)
    first, second = (model.predict(analysis._replace(features=x), hidden) for x in (analysis.features, other))
    torch.testing.assert_close(first.predicted, second.predicted)
    assert not torch.allclose(first.target, second.target)
    heard = torch.where(hidden, analysis.features, analysis.features + 1)
    assert not torch.allclose(model.predict(analysis._replace(features=heard), hidden).predicted, first.predicted)


def test_padding_is_neither_hidden_nor_counted():
    model, clips = network().eval(), batch((0.5, 1.0))
    analysis = model.analyse(clips.waveform, clips.length)
    found = model.predict(analysis, model.hidden(analysis, clips, 0, TRAINING))
    inside = int(analysis.n_steps[0])
    assert not found.hidden[0, :, :, inside:].any()
    alone = Batch(clips.waveform[:1, : int(clips.length[0])], clips.length[:1], clips.target[:1], clips.index[:1])
    short = model.analyse(alone.waveform, alone.length)
    again = model.predict(short, model.hidden(short, alone, 0, TRAINING))
    torch.testing.assert_close(found.target[:1, ..., :inside], again.target, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.hidden[:1, ..., :inside], again.hidden)


def test_targets_are_standardised_and_the_band_mean_is_of_what_is_heard():
    model, clips = network().eval(), batch()
    analysis = model.analyse(clips.waveform, clips.length)
    hidden = model.hidden(analysis, clips, 0, TRAINING)
    found = model.predict(analysis, hidden)
    torch.testing.assert_close(found.target.mean(dim=(1, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.target.var(dim=(1, 2, 3), correction=0), torch.ones(2), atol=1e-4, rtol=0)
    row = found.target[1, 0, 5][~hidden[1, 0, 5]]
    assert float(found.band_mean[1, 0, 5]) == pytest.approx(float(row.mean()) if len(row) else 0.0, abs=1e-5)


def test_every_place_of_the_decoder_predicts_the_cells_over_it():
    decoder = PatchDecoder(1, (2, 3), 4)
    decoder.layers = torch.nn.Conv2d(1, 6, 1)  # type: ignore[assignment]
    with torch.no_grad():
        decoder.layers.weight.fill_(1.0)
        decoder.layers.bias.copy_(torch.arange(6.0) / 10)
    cells = decoder(torch.tensor([[[[10.0, 20], [30, 40]]]]), (5, 6))
    assert cells[0, 0].tolist() == pytest.approx(
        [
            pytest.approx([10.0, 10.1, 10.2, 20.0, 20.1, 20.2]),
            pytest.approx([10.3, 10.4, 10.5, 20.3, 20.4, 20.5]),
            pytest.approx([30.0, 30.1, 30.2, 40.0, 40.1, 40.2]),
            pytest.approx([30.3, 30.4, 30.5, 40.3, 40.4, 40.5]),
            pytest.approx([30.3, 30.4, 30.5, 40.3, 40.4, 40.5]),  # the last row, where pooling dropped one
        ]
    )


def test_the_error_falls_below_the_band_means_on_a_tiny_set():
    """Tones that come and go: what is hidden follows from what is heard."""
    model = network("model.patch_bands=8", "model.patch_frames=8", "backbone.dropout=0.0", "backbone.width=8")
    time = torch.arange(RATE) / RATE
    waves = [torch.sin(2 * torch.pi * f * time) * (torch.sin(2 * torch.pi * r * time) > 0) for f, r in
             ((300, 2), (900, 4), (2500, 3), (6000, 5))]  # fmt: skip
    clips = batch((1.0,) * 4)
    clips = Batch(0.3 * torch.stack(waves) + 0.001 * clips.waveform, clips.length, clips.target, clips.index)
    analysis = model.analyse(clips.waveform, clips.length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    errors = []
    for step in range(80):
        found = model.predict(analysis, model.hidden(analysis, clips, step, TRAINING))
        loss = masked_error(found.predicted, found.target, found.hidden)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(float(loss.detach()))
    simple = float(masked_error(found.band_mean.expand_as(found.target), found.target, found.hidden))
    last = sum(errors[-10:]) / 10
    assert last < 0.5 * errors[0]
    assert last < 0.8 * simple


def test_it_never_looks_at_a_label():
    model, clips = network(), batch()
    model.log = model.log_dict = lambda *args, **kwargs: None
    losses = []
    for label in (0, 2):
        torch.manual_seed(0)
        labelled = Batch(clips.waveform, clips.length, clips.target + label, clips.index)
        losses.append(model.training_step(labelled, 0)["loss"].item())
    assert losses[0] == losses[1]
    assert F.softmax(model.eval()(clips.waveform), dim=1).unique().tolist() == pytest.approx([1 / 3])


def arguments(tmp_path, *more):
    return [
        f"output={tmp_path / 'runs'}", f"data.cache_dir={tmp_path / 'cache'}", "run_id=a", "data.seconds=1",
        "data.n_train=48", "data.n_val=16", "data.n_test=16", "data.batch_size=16", "front_end.n_mels=32",
        "backbone.width=4", "logger.wandb=disabled", "trainer.progress=false", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished self-supervised run of two epochs, and its folder of data."""
    tmp_path = tmp_path_factory.mktemp("masked")
    names = ("experiment=sound_scenes_masked_spectrogram", "trainer.max_epochs=2")
    return tmp_path, train(compose(arguments(tmp_path, *names)))


def test_a_run_trains_tests_and_loads_as_plain_data(trained):
    _, summary = trained
    assert summary["test/loss"] > 0
    assert summary["test/band_mean_error"] > 0
    assert "test/accuracy" not in summary
    assert summary["test/explained"] == pytest.approx(
        1 - summary["test/loss"] / summary["test/band_mean_error"], abs=0.05
    )
    assert not (Path(summary["run"]) / "test_predictions.csv").exists()
    assert "it was shown no labels" in (Path(summary["run"]) / "report" / "index.html").read_text()
    checkpoint = read_checkpoint(f"{summary['run']}/checkpoints/best.ckpt")  # weights_only
    run = load_run(summary["run"])
    assert all(torch.equal(run.model.state_dict()[name], tensor) for name, tensor in checkpoint["state_dict"].items())


def test_resuming_gives_the_same_weights(trained, tmp_path):
    root, summary = trained
    names = ["experiment=sound_scenes_masked_spectrogram", "trainer.max_epochs=2", f"data.cache_dir={root / 'cache'}"]

    class Stop(pl.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(InputError, match="interrupted"):
        train(compose(arguments(tmp_path, *names)), [Stop()])
    folder = tmp_path / "runs" / "sound_scenes_masked_spectrogram" / "a"
    train(compose([f"resume={folder}"]))
    first, second = (read_checkpoint(f"{path}/checkpoints/last.ckpt") for path in (summary["run"], folder))
    assert first["global_step"] == second["global_step"]
    for name, tensor in first["state_dict"].items():
        assert torch.equal(tensor, second["state_dict"][name]), name


@pytest.mark.parametrize(("model", "frozen"), [("black_box", True), ("black_box", False), ("by_design", True)])
def test_a_classifier_starts_from_the_run(trained, tmp_path, model, frozen, capsys):
    root, summary = trained
    more = ["model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500"] if model == "by_design" else []
    result = train(compose(arguments(
        tmp_path, f"data.cache_dir={root / 'cache'}", f"model.name={model}", *more, "trainer.max_epochs=1",
        f"backbone.weights={summary['run']}", f"backbone.frozen={str(frozen).lower()}",
    )))  # fmt: skip
    assert "sha256" in capsys.readouterr().err
    theirs = read_checkpoint(f"{summary['run']}/checkpoints/best.ckpt")["state_dict"]
    ours = read_checkpoint(f"{result['run']}/checkpoints/last.ckpt")["state_dict"]
    names = [name for name in theirs if name.startswith("backbone.")]
    equal = [torch.equal(ours[name], theirs[name]) for name in names]  # weights and batch-norm statistics
    assert all(equal) if frozen else not any(equal[:3])
    assert load_run(result["run"]).model.backbone.frozen is frozen
    assert result["test/accuracy"] >= 0


def test_a_run_that_does_not_fit_is_refused(trained, tmp_path, untrained_run):
    root, summary = trained
    base = [f"data.cache_dir={root / 'cache'}", "model.name=black_box", "trainer.max_epochs=1"]
    run = f"backbone.weights={summary['run']}"
    for more, message in (
        ((run, "front_end.n_mels=64"), "front_end.n_mels=32"),
        ((run, "backbone.width=8"), "backbone.width=4, this run has 8"),
        ((f"backbone.weights={tmp_path}/none.ckpt",), "no such checkpoint"),
    ):
        with pytest.raises(InputError, match=message):
            train(compose(arguments(tmp_path, *base, *more)))
        assert not (tmp_path / "runs" / "sound_scenes_by_design" / "a").exists()
    with pytest.raises(CommandError, match=r"not a run folder|no run"):
        train(compose(arguments(tmp_path, *base, f"backbone.weights={tmp_path}")))
    unfinished = untrained_run("unfinished", **{"model.name": "black_box"})
    (unfinished / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(InputError, match="no finished checkpoint"):
        train(compose(arguments(tmp_path, *base, f"backbone.weights={unfinished}")))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["experiment=esc10_self_supervised_frozen", "data.root=x"], "backbone.weights is missing"),
        (["experiment=esc10_self_supervised_fine_tuned", "data.root=x"], "backbone.weights is missing"),
        (["backbone.frozen=true"], "needs backbone.weights"),
        (["experiment=sound_scenes_masked_spectrogram", "model.masked_share=1.0"], "masked_share"),
        (["experiment=sound_scenes_masked_spectrogram", "model.patch_bands=0"], "patch_bands"),
        (["experiment=sound_scenes_masked_spectrogram", "twin=true"], "twin=true"),
    ],
)
def test_settings_that_cannot_be_used(given, message):
    with pytest.raises(CommandError, match=message):
        compose(given)


def test_a_frozen_backbone_has_nothing_to_learn(trained):
    with pytest.raises(InputError, match="nothing to learn"):
        network("backbone.frozen=true", f"backbone.weights={trained[1]['run']}")
