"""Interpretations of a model's decisions, and hand edits of them."""

import pytest
import torch

from configs.errors import InputError
from models.explanation import apply_gains, explain
from models.run_loading import load_run

POOLINGS = ["statistics", "attention", "class_attention", "max", "mean"]


def loud(n=22050, clips=2, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(clips, n, generator=generator) * 0.6 - 0.3


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("multi_label", [True, False])
def test_relevance_adds_up_to_the_decision_of_the_model(untrained_run, pooling, multi_label):
    run = load_run(untrained_run(multi_label=multi_label, **{"model.pooling": pooling}))
    if multi_label:
        torch.nn.init.normal_(run.model.bottleneck.prior)
    clips, length = loud(), torch.tensor([22050, 9000])
    clips[1, 9000:] = 0
    said = explain(run.model, clips, length)
    with torch.no_grad():
        torch.testing.assert_close(said.logits, run.model(clips, length))
    prior = said.prior if multi_label else 0.0
    torch.testing.assert_close(said.relevance.sum(dim=2) + prior, said.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("peak", [1e-6, 0.01, 1.0, 30.0])
def test_class_and_rest_add_up_to_the_input_at_its_own_level(untrained_run, peak):
    run = load_run(untrained_run())
    clips = loud() / loud().abs().amax() * peak
    said = explain(run.model, clips)
    error = said.class_sound("rain") + said.rest_sound("rain") - clips
    assert (10 * torch.log10(error.square().sum(dim=1) / clips.square().sum(dim=1))).max() <= -60


def test_explaining_leaves_no_trace_on_the_model(untrained_run):
    model = load_run(untrained_run()).model.train()
    model.backbone.blocks[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [part.training for part in model.modules()]
    explain(model, loud()).class_sound(0)
    assert [part.training for part in model.modules()] == flags
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_silence_and_noise_are_explained_without_nan(untrained_run):
    said = explain(load_run(untrained_run()).model, torch.stack([torch.zeros(22050), loud()[0]]))
    sounds = said.component_sound()
    assert torch.isfinite(sounds).all()
    assert torch.equal(sounds[0], torch.zeros_like(sounds[0]))


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (torch.zeros(1000), "1000 samples are fewer than one analysis frame of 1024"),
        (torch.full((1, 3000), float("nan")), "NaN or infinite"),
        (torch.zeros(2, 2, 3000), "mix to mono"),
    ],
)
def test_what_cannot_be_analysed_is_refused(untrained_run, waveform, message):
    with pytest.raises(InputError, match=message):
        explain(load_run(untrained_run()).model, waveform)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gains_decide_as_the_scaled_activations_would(untrained_run, pooling):
    model = load_run(untrained_run(**{"model.pooling": pooling})).model
    model.bottleneck.decoder.out.weight.data *= 30  # activations that change in time, as trained ones do
    gains = torch.tensor([1.0, 0.0, 2.5, 1.0, 0.0, 0.3, 1.0, 7.0])
    before = explain(model, loud())
    expected = model.bottleneck.decide(before.activations * gains[:, None], None).logits
    apply_gains(model, gains)
    after = explain(model, loud())
    torch.testing.assert_close(after.logits, expected.detach(), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after.logits, before.logits)
    assert torch.equal(after.activations, before.activations)
    assert torch.equal(after.relevance[:, :, gains == 0], torch.zeros(2, 3, 2))


@pytest.mark.parametrize("gains", [[1.0] * 7, [1.0] * 7 + [-1.0], [1.0] * 7 + [float("inf")]])
def test_impossible_gains_are_refused(untrained_run, gains):
    model = load_run(untrained_run()).model
    with pytest.raises(InputError, match="gains must be 8 finite numbers >= 0"):
        apply_gains(model, gains)
