"""Features of every kind: what they show of known sounds, and that explanations stay on the STFT whatever they are."""

import pytest
import torch

from configs.compose import compose
from configs.errors import CommandError
from configs.schema import FrontEndConfig
from models.black_box import BlackBoxClassifier
from models.by_design import ByDesignClassifier
from models.explained import explained_classifier
from models.explanation import explain
from models.front_end import FrontEnd, log_mel_front_end

RATE = 22050
CONSTANT_Q = {"features": "constant_q", "f_min": 65.4, "n_mels": 72}
KINDS = {"log_mel": {}, "gammatone": {}, "constant_q": CONSTANT_Q, "waveform": {}}


def tone(hertz, seconds=1.0, level=1.0):
    time = torch.arange(round(RATE * seconds)) / RATE
    return level * torch.sin(2 * torch.pi * hertz * time)[None]


def front_end_of(kind, **settings):
    return FrontEnd(FrontEndConfig(**{"features": kind, **KINDS[kind], **settings}))


def overrides(kind):
    found = [f"front_end.{name}={value}" for name, value in {"features": kind, **KINDS[kind]}.items()]
    return [*found, "backbone.name=waveform_cnn", "backbone.width=4"] if kind == "waveform" else found


def config_of(kind, *more):
    return compose(["model.dropout=0", *overrides(kind), *more])


@pytest.mark.parametrize("kind", ["log_mel", "gammatone", "constant_q"])
def test_bands_rise_with_the_frequency_of_a_tone_and_share_its_clock(kind):
    front_end = front_end_of(kind)
    loudest = []
    for hertz in (131.0, 523.0, 2093.0):
        sound = tone(hertz)
        spectrum = front_end.stft(sound)
        features = front_end.features(spectrum, sound)
        assert features.shape == (1, 1, front_end.config.n_mels, spectrum.shape[-1])
        loudest.append(int(features[0, 0, :, 10:-10].mean(dim=-1).argmax()))
    assert loudest == sorted(set(loudest))


def test_constant_q_bins_are_semitones_and_as_loud_as_the_stft():
    front_end = front_end_of("constant_q")
    for octave in range(1, 5):
        sound = tone(65.4 * 2**octave, seconds=2.0)
        features = front_end.features(front_end.stft(sound), sound)[0, 0, :, 40]
        assert int(features.argmax()) == 12 * octave
        level = front_end.stft(sound).abs().square().amax().log10()
        assert float(features.amax()) == pytest.approx(float(level), abs=0.1)  # bels


@pytest.mark.parametrize("kind", ["gammatone", "log_mel"])
def test_filters_have_unit_area_in_hertz(kind):
    filters = front_end_of(kind).filters
    assert filters is not None
    area = filters.sum(dim=0) * RATE / 1024
    within = slice(8, -4)  # the lowest bands are narrower than a bin
    torch.testing.assert_close(area[within], torch.ones_like(area[within]), atol=0.25, rtol=0)


@pytest.mark.parametrize("kind", ["gammatone", "constant_q", "waveform"])
def test_a_spectrum_alone_gives_the_features_of_the_sound_that_it_is(kind):
    front_end = front_end_of(kind)
    sound = tone(440.0)[:, : 512 * 40] * torch.linspace(0, 1, 512 * 40)
    spectrum = front_end.stft(sound)
    alone, given = front_end.features(spectrum), front_end.features(spectrum, sound)
    torch.testing.assert_close(alone, given, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["log_mel", "gammatone", "constant_q"])
def test_trained_filters_learn_and_travel_in_checkpoints_and_fixed_ones_do_not(kind):
    trained, fixed = front_end_of(kind, trainable=True), front_end_of(kind)
    sound = tone(440.0)
    trained.features(trained.stft(sound), sound).sum().backward()
    weights = list(trained.parameters())
    assert weights
    assert all(float(weight.grad.abs().sum()) > 0 for weight in weights)
    assert trained.state_dict()
    assert not fixed.state_dict()
    assert trained.fingerprint != fixed.fingerprint


def test_older_dictionaries_still_belong_to_the_default_front_end():
    assert "features" not in FrontEnd(FrontEndConfig()).settings
    assert FrontEnd(FrontEndConfig()).fingerprint == FrontEnd(FrontEndConfig(bins_per_octave=24)).fingerprint
    assert front_end_of("gammatone").settings["features"] == "gammatone"


@pytest.mark.parametrize("kind", ["gammatone", "constant_q", "waveform"])
def test_the_decision_is_a_sum_of_parts_heard_through_the_stft_whatever_the_network_sees(kind):
    torch.manual_seed(0)
    model = ByDesignClassifier(config_of(kind), ("a", "b", "c"), multi_label=False).eval()
    with torch.no_grad():
        model.bottleneck.dictionary.copy_(torch.rand_like(model.bottleneck.dictionary))
    clips = 0.3 * torch.randn(2, 30000)
    with torch.no_grad():
        analysis = model.analyse(clips, torch.tensor([30000, 20000]))
        said = model.respond(analysis)
        parts = model.bottleneck.contributions(said.pooled).sum(dim=(2, 3))
    assert said.activations.shape[-1] == analysis.spectrum.shape[-1]
    assert float(said.activations[1, :, 45:].abs().amax()) == 0  # padding
    torch.testing.assert_close(parts, said.logits, atol=1e-4, rtol=1e-4)
    heard = explain(model, clips)
    torch.testing.assert_close(heard.class_sound("a") + heard.rest_sound("a"), clips, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["constant_q", "waveform"])
def test_masked_sound_reaches_a_network_that_does_not_see_the_stft(kind):
    torch.manual_seed(0)
    model = BlackBoxClassifier(config_of(kind, "model.name=black_box"), ("a", "b"), multi_label=False).eval()
    clips = 0.3 * torch.randn(1, 512 * 40)
    explained = explained_classifier(model)
    spectrum = explained.stft(explained.normalize(clips)).requires_grad_()
    logits = explained.respond(spectrum)
    torch.testing.assert_close(logits, model(clips), atol=1e-3, rtol=1e-3)
    logits.sum().backward()
    assert spectrum.grad is not None
    assert float(spectrum.grad.abs().sum()) > 0


def test_reference_features_are_those_of_the_same_transform():
    usual = log_mel_front_end(FrontEndConfig(**CONSTANT_Q, n_fft=2048)).config
    assert (usual.features, usual.n_fft, usual.f_min, usual.n_mels) == ("log_mel", 2048, 0.0, 64)
    assert log_mel_front_end(FrontEndConfig(n_mels=40)).config.n_mels == 40


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["front_end.features=constant_q"], "f_min"),
        (["front_end.features=constant_q", "front_end.f_min=65.4", "front_end.n_mels=120"], "above half"),
        (["front_end.features=waveform"], "small_cnn sees spectrograms"),
        (["backbone.name=waveform_cnn"], "front_end.features=waveform"),
        (["front_end.features=waveform", "backbone.name=waveform_cnn", "front_end.trainable=true"], "has none"),
        (["front_end.features=cqt"], "front_end.features"),
    ],
)
def test_features_that_cannot_be_are_refused(command, said):
    with pytest.raises(CommandError, match=said):
        compose(command)
