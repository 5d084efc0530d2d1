"""With the masking term, what components keep of a clip is what a frozen classifier decides by."""

import pytest
import torch

from datamodules.batch import Batch
from interpretability.listening.contamination import active_power
from interpretability.listening.interpretation import select
from models.explained import explained_classifier
from models.explanation import explain
from models.masked_hearing import differentiable_selection, improbability, masking_terms, with_mixtures
from tests.models.test_post_hoc import BandClassifier, N, clips, interpreter, train

MASKING = ("masked_in", "masked_out", "kept_energy")


def step(model, batch, training=True):
    """Response and loss terms of one batch."""
    model.train(training)
    analysis = model.analyse(batch.waveform, batch.length)
    response = model.respond(analysis)
    return response, model.loss_terms(response, analysis, batch)


def test_the_mask_alone_finds_the_band_that_the_classifier_hears():
    settings = ["augmentation.enabled=false", "model.dropout=0", "model.reconstruction_weight=50"]
    settings += ["model.fidelity_weight=0", "model.masking_weight=1", "model.mixture_share=0.5"]
    model, heard = interpreter(None, *settings), clips(8, seed=1)
    with torch.no_grad():
        model.bottleneck.weight[1] = 0.02 * (torch.arange(8) == 1)  # at first the wrong tone speaks for "high"
    model = train(model, clips(16), steps=40)
    both = heard.waveform[heard.target == 1]  # a tone that decides, and one in every clip
    said, f = explain(model, both), explained_classifier(model)
    chosen = said.selected("high")[:, None].float()
    mask = (model.bottleneck.dictionary @ (chosen.mT * said.activations)) / said.dictionary.matmul(
        said.activations
    ).clamp_min(1e-12)
    band, other = mask[:, 137:142].mean(), mask[:, 21:26].mean()  # bins around 3 kHz and 500 Hz
    assert band > 0.8
    assert other < 0.2
    kept, left = f.reheard(said.spectrum, torch.stack([mask, 1 - mask], dim=1), N).argmax(dim=2).unbind(1)
    assert (kept == 1).all()
    assert (left == 0).all()


@pytest.mark.parametrize("multi_label", [False, True])
def test_gradients_reach_activations_and_weights_of_the_sum_but_not_the_classifier(multi_label):
    model = interpreter(None, "model.masking_weight=1", multi_label=multi_label)
    response, terms = step(model, clips(6))
    assert set(terms) == {"fidelity", "reconstruction", "sparsity", *MASKING}
    for name in MASKING:
        found = torch.autograd.grad(terms[name], [response.activations, model.bottleneck.weight], retain_graph=True)
        assert all(torch.isfinite(g).all() for g in found)
        assert all(float(g.abs().sum()) > 0 for g in found), name
    sum(terms.values()).backward()
    assert all(p.grad is None and not p.requires_grad for p in model.frozen.parameters())


def test_without_a_weight_the_training_step_is_bitwise_what_it_was():
    losses = []
    for settings in ([], ["model.kept_energy_weight=3", "model.masking_weight=0", "model.mixture_share=0"]):
        model = interpreter(None, *settings)
        torch.manual_seed(1)
        _, terms = step(model, clips(4))
        torch.manual_seed(1)
        losses.append(model.training_step(clips(4), 0)["loss"])
        assert torch.equal(
            losses[-1], torch.stack([terms[n] for n in ("fidelity", "reconstruction", "sparsity")]).sum()
        )
    assert torch.equal(*losses)
    batch = clips(4)
    assert with_mixtures(batch, 0.0) is batch


def test_masks_are_of_all_components_while_some_are_muted_in_training():
    model = interpreter(None, "model.masking_weight=1", "model.dropout=0.5")
    (first, terms), (second, again) = step(model, clips(6)), step(model, clips(6))
    assert not torch.equal(first.pooled, second.pooled)
    assert torch.equal(first.unmuted, second.unmuted)
    assert all(torch.equal(terms[name], again[name]) for name in MASKING)


@pytest.mark.parametrize(("training", "heard"), [(True, [0, 2, 4]), (False, [0, 1, 2, 3, 4])])
def test_every_other_clip_is_heard_while_training_and_all_of_them_otherwise(monkeypatch, training, heard):
    model, asked = interpreter(None, "model.masking_weight=1"), []
    respond = model.frozen.respond
    monkeypatch.setattr(model.frozen, "respond", lambda *given: asked.append(given[0].spectrum) or respond(*given))
    step(model, clips(5), training)
    whole, parts = asked
    torch.testing.assert_close(parts[0::2] + parts[1::2], whole[heard])


def test_terms_of_a_hand_made_clip():
    spectrum = torch.tensor([[[3.0 + 0j], [4j]]])  # two bins, one frame
    asked = []

    def hear(parts):
        asked.append(parts)
        return torch.stack([parts[:, 0, 0].abs(), parts[:, 1, 0].abs()], dim=1)

    gains = torch.tensor([[1.0, 0.25]])
    found = masking_terms(hear, spectrum, torch.eye(2), torch.ones(1, 2, 1), gains, torch.tensor([0]), False)
    torch.testing.assert_close(asked[0], torch.tensor([[[3.0 + 0j], [1j]], [[0j], [3j]]]))
    p, q = (torch.tensor(row).softmax(0)[0] for row in ([3.0, 1.0], [0.0, 3.0]))
    torch.testing.assert_close(torch.stack(found), torch.stack([-p.log(), -(1 - q).log(), torch.tensor(10 / 25)]))


@pytest.mark.parametrize("multi_label", [False, True])
def test_improbability_is_minus_the_logarithm_of_a_probability(multi_label):
    logits, labels = 3 * torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    p = (logits.sigmoid() if multi_label else logits.softmax(1))[torch.arange(5), labels]
    torch.testing.assert_close(improbability(logits, labels, multi_label), -p.log())
    torch.testing.assert_close(improbability(logits, labels, multi_label, of_absence=True), -(1 - p).log())
    sure = torch.tensor([[200.0, 0.0]], requires_grad=True)
    value = improbability(sure, torch.tensor([0]), multi_label, of_absence=True)
    assert value.item() == pytest.approx(200)  # where 1 - p is 0 in float32
    value.backward()
    assert torch.isfinite(sure.grad).all()


def test_what_is_selected_has_the_gradient_of_a_soft_step():
    relevance = torch.tensor([[5.0, 1.1, 0.9, -4.0, 3.0, 0.0]], requires_grad=True)
    gains = differentiable_selection(relevance, threshold=0.2)
    torch.testing.assert_close(gains, select(relevance / 5, 0.2).float())
    gains[0, 1].backward()
    soft = torch.sigmoid((relevance[0, 1].detach() / 5 - 0.2) / 0.1)
    assert relevance.grad[0, 1].item() == pytest.approx((soft * (1 - soft) / 0.1 / 5).item())
    assert not relevance.grad[0, 2:].any()


def test_mixtures_are_of_equal_level_and_the_other_clips_stay_as_they_are():
    waveform = torch.randn(4, 4096, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [[0.1], [0.5], [1.0], [2.0]]
    )
    waveform[3, 2048:] = 0
    batch = Batch(waveform, torch.tensor([4096, 4096, 4096, 2048]), torch.arange(4), torch.arange(4))
    mixed = with_mixtures(batch, 0.5)
    for place, before in ((0, 3), (1, 0)):
        added = mixed.waveform[place] - waveform[place]
        torch.testing.assert_close(active_power(added[None]), active_power(waveform[[place]]), rtol=1e-4, atol=0)
        assert torch.nn.functional.cosine_similarity(added, waveform[before], dim=0) > 0.999
    assert torch.equal(mixed.waveform[2:], waveform[2:])
    assert mixed.length.tolist() == [4096, 4096, 4096, 2048]
    assert with_mixtures(batch, 0.25).waveform[1:].equal(waveform[1:])
    padded = Batch(waveform.flip(0), batch.length.flip(0), batch.target, batch.index)
    assert with_mixtures(padded, 0.5).length.tolist() == [4096, 4096, 4096, 4096]


@pytest.mark.parametrize("multi_label", [False, True])
def test_clips_of_any_length_are_trained_on(multi_label):
    model, batch = interpreter(None, "model.masking_weight=2", multi_label=multi_label), clips(4)
    batch.length[1::2] = N // 2
    batch.waveform[1::2, N // 2 :] = 0
    if multi_label:
        batch.target = torch.nn.functional.one_hot(batch.target, 2).float()
    output = model.training_step(batch, 0)
    output["loss"].backward()
    assert all(torch.isfinite(term) for term in output["terms"].values())


def test_the_class_explained_is_what_the_classifier_decides_for_and_not_the_label():
    model, batch = interpreter(BandClassifier(), "model.masking_weight=1"), clips(4)
    wrong = Batch(batch.waveform, batch.length, 1 - batch.target, batch.index)
    one, other = (step(model, given, training=False)[1] for given in (batch, wrong))
    assert all(torch.equal(one[name], other[name]) for name in MASKING)
