"""L-MAC: a mask decoder that leaves the classifier as it is and finds what it hears."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from configs.compose import compose
from configs.errors import CommandError, InputError
from datamodules.batch import Batch
from models.explained import explained_classifier
from models.lmac import ListenableMaps, decisions, lmac_explainer, surprise
from models.mask_decoder import MaskDecoder, band_shares
from models.run_loading import load_run

RATE, N = 22050, 11025
BAND = slice(130, 150)  # STFT bins around 3 kHz
SMALL = ["model.name=lmac", "model.explains=x", "data.seconds=0.5", "front_end.n_mels=32", "augmentation.masks=0"]


class BandNet(nn.Module):
    """Says "high" where a clip (B, N) has energy around 3 kHz; whatever else is in it plays no part."""

    sample_rate = RATE

    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()
        nn.init.constant_(self.conv.weight, 1 / 9)
        nn.init.zeros_(self.conv.bias)

    def forward(self, waveform):
        spectrum = torch.stft(waveform, 1024, 512, window=torch.hann_window(1024), return_complex=True)
        magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-12).sqrt()
        level = self.relu(self.conv(magnitude.log1p()[:, None]))[:, :, BAND].mean(dim=(1, 2, 3))
        return torch.stack([1.0 - level, level - 1.0], dim=1)


def clips(n, seed=0):
    """Tones of 500 Hz in every clip, of 3 kHz in every second one."""
    generator = torch.Generator().manual_seed(seed)
    time, phase = torch.arange(N) / RATE, 6.28 * torch.rand(2, n, 1, generator=generator)
    target = torch.arange(n) % 2
    high = 0.4 * torch.sin(2 * torch.pi * 3000 * time + phase[1]) * target[:, None]
    noise = 0.005 * torch.randn(n, N, generator=generator)
    wave = 0.4 * torch.sin(2 * torch.pi * 500 * time + phase[0]) + high + noise
    return Batch(wave, torch.full((n,), N), target, torch.arange(n))


def decoder_of(classifier=None, *overrides, multi_label=False):
    torch.manual_seed(0)
    model = ListenableMaps(compose([*SMALL, *overrides]), ("low", "high"), multi_label, classifier or BandNet())
    model.log = model.log_dict = lambda *args, **kwargs: None
    return model


def train(model, batch, steps):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model.train().training_step(batch, 0)["loss"].backward()
        optimizer.step()
    return model.eval()


def test_the_mask_keeps_the_band_that_is_heard_and_the_classifier_stays():
    net = BandNet().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model, heard = train(decoder_of(net, "augmentation.enabled=false", "model.width=6"), clips(4), 30), clips(4, seed=1)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in net.parameters())
    f = explained_classifier(model)
    spectrum = f.analyse(heard.waveform)
    high = heard.target == 1
    mask = lmac_explainer(model)(f, spectrum, heard.target)[high]
    assert not mask.requires_grad
    inside = mask[:, BAND].mean()
    outside = torch.cat([mask[:, : BAND.start - 5], mask[:, BAND.stop + 5 :]], dim=1).mean()
    assert inside > 3 * outside
    kept = f.reheard(spectrum[high], mask[:, None], N)[:, 0]
    assert (kept.argmax(dim=1) == 1).all()
    left = f.reheard(spectrum[high], 1 - mask[:, None], N)[:, 0]
    assert (left.argmax(dim=1) == 0).all()


@pytest.mark.parametrize("scale", ["magnitude", "as_published"])
def test_loss_terms_by_hand(scale):
    model = decoder_of(None, f"model.mask_scale={scale}").eval()
    batch = clips(4)
    analysis = model.analyse(batch.waveform)
    response = model.respond(analysis)
    terms = model.loss_terms(response, analysis, batch)
    M, S = response.mask, analysis.spectrum

    def heard(mask):
        part = mask * S if scale == "magnitude" else torch.polar(torch.expm1(mask * S.abs().log1p()), S.angle())
        return model.classifier(model.front_end.istft(part, 21 * 512))

    c = model.classifier(model.front_end.istft(S, 21 * 512)).argmax(dim=1)
    torch.testing.assert_close(terms["mask_in"], 4 * F.cross_entropy(heard(M), c), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(terms["mask_out"], -0.2 * F.cross_entropy(heard(1 - M), c), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(terms["sparsity"], 6.4 * M.mean())
    assert set(terms) == {"mask_in", "mask_out", "sparsity"}


def test_fine_tuning_guides_the_clips_whose_sound_is_kept():
    model = decoder_of(None, "model.guided_from=1", "model.guidance_correlation=0.5", "model.guidance_weight=2").eval()
    batch = clips(2)
    analysis = model.analyse(batch.waveform)
    response = model.respond(analysis)
    mask = torch.full_like(response.mask, 0.9)
    mask[1] = 0.2
    kept = mask * analysis.spectrum
    kept[1, :400] = 0  # the loud part of the second clip is gone
    response = response._replace(mask=mask, kept_spectrum=kept)
    X = analysis.spectrum.abs().log1p()
    correlation = F.cosine_similarity(X.flatten(1), kept.abs().log1p().flatten(1))
    assert correlation[0] > 0.5 > correlation[1]
    terms = model.loss_terms(response, analysis, batch)
    loud = (X[0] >= 0.35 * X[0].max()).float()
    torch.testing.assert_close(terms["guidance"], 2 * F.binary_cross_entropy(mask[0], loud) / 2)
    torch.testing.assert_close(terms["sparsity"], torch.tensor(6.4 * 0.2 / 2))
    assert "guidance" not in model.train().loss_terms(response, analysis, batch)  # epoch 0 of the training


def test_a_forward_pass_lets_the_classifier_hear_each_clip_once():
    model, batch, rows = decoder_of().eval(), clips(3), []
    hook = model.frozen.module.conv.register_forward_hook(lambda _, __, maps: rows.append(len(maps)))
    with torch.no_grad():
        logits = model(batch.waveform, batch.length)
        hook.remove()
        torch.testing.assert_close(logits, model.respond(model.analyse(batch.waveform, batch.length)).logits)
    assert rows == [3]


def test_decisions_and_surprise():
    logits = torch.tensor([[1.0, -1.0, 2.0], [-3.0, -1.0, -2.0]])
    assert decisions(logits, multi_label=True).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert decisions(logits, multi_label=False).tolist() == [[0, 0, 1], [0, 1, 0]]
    said = decisions(logits, multi_label=True)
    by_hand = (F.softplus(torch.tensor([-1.0, -2.0])).mean() + F.softplus(torch.tensor(1.0))) / 2
    torch.testing.assert_close(surprise(logits, said, multi_label=True), by_hand)
    single = decisions(logits, multi_label=False)
    torch.testing.assert_close(surprise(logits, single, False), F.cross_entropy(logits, torch.tensor([2, 1])))


def test_multi_label_takes_a_step():
    model, batch = decoder_of(None, multi_label=True), clips(4)
    batch = dataclasses.replace(batch, target=F.one_hot(batch.target, 2).float())
    loss = model.train().training_step(batch, 0)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None for p in model.decoder.parameters())


def test_masks_fit_clips_of_any_length_and_any_maps():
    torch.manual_seed(0)
    filters = torch.rand(65, 16) + 0.1
    decoder = MaskDecoder({"a": (3, 16, 20), "b": (5, 8, 10)}, 65, filters, width=6).eval()
    for frames in (20, 33):
        maps = {"a": torch.rand(2, 3, 16, frames), "b": torch.rand(2, 5, 8, frames // 2)}
        mask = decoder(maps, frames)
        assert mask.shape == (2, 65, frames)
        assert mask.min() > 0
        assert mask.max() < 1
    flat = MaskDecoder({"a": (3, 1, 20)}, 65, None, width=6).eval()
    assert flat({"a": torch.rand(2, 3, 1, 20)}, 40)[:, :, 20].std(dim=1).min() > 0  # rows differ without frequencies


def test_shares_of_bands():
    shares = band_shares(torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0], [0.0, 0.5], [0.0, 0.0]]))
    expected = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.25, 0.75], [0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(shares, expected)


def test_a_run_loads_without_the_run_it_explains(untrained_run, tmp_path):
    box = untrained_run("box", **{"model.name": "black_box"})
    folder = untrained_run("maps", **{"model.name": "lmac", "model.explains": str(box)})
    waveform = 0.1 * torch.randn(5, 22050, generator=torch.Generator().manual_seed(0))
    expected = load_run(box).model(waveform)
    box.rename(tmp_path / "gone")
    model = load_run(folder).model
    assert torch.equal(model(waveform), expected)
    assert model.monitor == "val/loss"
    f = explained_classifier(model)
    torch.testing.assert_close(f.logits(waveform), expected)
    explain, spectrum, labels = lmac_explainer(model), f.analyse(waveform), expected.argmax(dim=1)
    together = explain(f, spectrum, labels)
    assert together.shape == spectrum.shape
    single = torch.cat([explain(f, spectrum[i : i + 1], labels[i : i + 1]) for i in range(5)])
    assert (together - single).abs().max() < 1e-5


def test_padding_counts_for_nothing(untrained_run):
    box = untrained_run("box", **{"model.name": "black_box"})
    model = load_run(untrained_run("maps", **{"model.name": "lmac", "model.explains": str(box)})).model
    waveform = 0.1 * torch.randn(1, 22050, generator=torch.Generator().manual_seed(0))
    batch = Batch(F.pad(waveform, (0, 11025)), torch.tensor([22050]), torch.tensor([0]), torch.tensor([0]))
    analysis = model.analyse(batch.waveform, batch.length)
    response = model.respond(analysis)
    sparsity = model.loss_terms(response, analysis, batch)["sparsity"]
    torch.testing.assert_close(sparsity, 6.4 * response.mask[:, :, analysis.mask[0]].mean())


def test_what_cannot_be_explained_is_refused(untrained_run):
    with pytest.raises(CommandError, match=r"model\.explains is missing"):
        compose(["model.name=lmac"])
    with pytest.raises(CommandError, match="twin=true trains a black box beside"):
        compose(["model.name=lmac", "model.explains=x", "twin=true"])
    box = untrained_run("box", **{"model.name": "black_box"})
    folder = untrained_run("maps", **{"model.name": "lmac", "model.explains": str(box)})
    with pytest.raises(InputError, match="is itself an interpreter"):
        untrained_run("second", **{"model.name": "lmac", "model.explains": str(folder)})
