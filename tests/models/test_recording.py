"""Recordings of any length: one window is a clip, several add up, silence takes no part."""

import pytest
import torch

from configs.errors import InputError
from models.explanation import explain
from models.recording import explain_recording
from models.run_loading import load_run

POOLINGS = ["statistics", "attention", "class_attention", "max", "mean"]


def sound(n, seed=0):
    return torch.rand(n, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def decibels(error, reference):
    return float(10 * torch.log10(error.square().sum() / reference.square().sum()))


@pytest.mark.parametrize("n", [22050, 5000, 1100])
def test_a_recording_that_fits_into_a_window_is_decided_as_a_clip(untrained_run, n):
    model = load_run(untrained_run()).model
    clip = torch.nn.functional.pad(sound(n), (0, 22050 - n))
    alone = explain_recording(model, sound(n))
    padded = explain(model, clip[None], torch.tensor([n]))
    assert torch.equal(alone.logits, padded.logits)
    assert torch.equal(alone.activations, padded.activations[:, :, : 1 + n // 512])
    assert alone.windows == ((0, 1 + n // 512),)
    assert alone.component_sound().shape == (1, 8, n)
    assert decibels(alone.class_sound(0) + alone.rest_sound(0) - sound(n), sound(n)) <= -60


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("n", [22051, 60000, 123_456])
def test_long_recordings_add_up_in_score_and_sound(untrained_run, pooling, n):
    model = load_run(untrained_run(multi_label=True, **{"model.pooling": pooling})).model
    said = explain_recording(model, sound(n))
    assert said.activations.shape == (1, 8, 1 + n // 512)
    torch.testing.assert_close(said.relevance.sum(dim=2) + said.prior, said.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(said.window_logits.mean(dim=0), said.logits[0])
    assert said.windows[-1][1] == 1 + n // 512
    assert len(said.windows) == len(said.window_logits) > 1
    for (first, last), logits in zip(said.windows, said.window_logits, strict=True):  # what the report recomputes
        with torch.no_grad():
            torch.testing.assert_close(
                model.bottleneck.decide(said.activations[:, :, first:last], None).logits[0],
                logits,
                rtol=1e-4,
                atol=1e-5,
            )
    assert decibels(said.class_sound(1) + said.rest_sound(1) - sound(n), sound(n)) <= -60


def test_attention_from_maps_still_adds_up(untrained_run):
    settings = {"model.pooling": "class_attention", "model.attention_from": "maps"}
    said = explain_recording(load_run(untrained_run(**settings)).model, sound(60000))
    torch.testing.assert_close(said.relevance.sum(dim=2), said.logits, rtol=1e-4, atol=1e-5)


def test_windows_without_sound_take_no_part(untrained_run):
    model = load_run(untrained_run()).model
    recording = torch.cat([sound(22050), torch.zeros(100_000)])
    said = explain_recording(model, recording)
    assert said.windows[-1][1] * 512 <= 2 * 22050 + 512
    assert said.activations[0, :, -50:].abs().max() == 0
    assert decibels(said.class_sound(1) + said.rest_sound(1) - recording, recording) <= -60


def test_without_a_clip_length_a_recording_is_heard_whole(untrained_run):
    model = load_run(untrained_run(**{"data.seconds": "none"})).model
    said = explain_recording(model, sound(60000))
    torch.testing.assert_close(said.logits, explain(model, sound(60000)).logits)
    assert len(explain_recording(model, sound(22050 * 40)).windows) > 1


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (torch.zeros(50000), "silent"),
        (torch.zeros(10), "fewer than one analysis frame"),
        (torch.full((50000,), float("inf")), "NaN or infinite"),
        (torch.zeros(2, 50000), "mix it to mono"),
    ],
)
def test_what_cannot_be_heard_is_refused(untrained_run, recording, message):
    with pytest.raises(InputError, match=message):
        explain_recording(load_run(untrained_run()).model, recording)
