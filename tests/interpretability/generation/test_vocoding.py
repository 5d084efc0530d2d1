import math

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.generation.input_space import InputSpace
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.prior import Sound
from interpretability.generation.vocoding import Vocoder, generated, mel_griffin_lim

N_FFT, HOP, RATE = 256, 64, 8000


def bank(n_bands: int = 40):
    """Triangles that overlap by half, (129, 40)."""
    edges = torch.linspace(0, N_FFT // 2, n_bands + 2)
    bins = torch.arange(N_FFT // 2 + 1.0)[:, None]
    return torch.minimum((bins - edges[:-2]) / edges.diff()[:-1], (edges[2:] - bins) / edges.diff()[1:]).clamp_min(0)


def test_griffin_lim_brings_a_tone_back():
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(4096) / RATE)[None]
    magnitude = torch.stft(tone, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True).abs()
    features = torch.einsum("bft,fm->bmt", magnitude, bank()).clamp_min(1e-7).log()[:, None]
    prior = InputSpace(Sound(tuple(features.shape[1:]), RATE))
    out = generated(prior, features, mel_griffin_lim(bank(), N_FFT, HOP, iterations=30))
    assert out.vocoding == "Griffin-Lim, 30 iterations"
    assert out.sample_rate == RATE
    assert out.waveform.shape == (1, 4096)
    assert torch.equal(out.excerpts, features)
    spectrum = torch.fft.rfft(out.waveform[0]).abs()
    assert int(spectrum.argmax()) * RATE / 4096 == pytest.approx(1000, abs=40)


def test_waveforms_need_no_vocoder_and_features_say_that_they_have_none():
    wave = GaussianLatent(nn.Unflatten(1, (1, 8)), 8, Sound((8,), RATE, "waveform"))
    latent = torch.randn(2, 8)
    out = generated(wave, latent)
    assert torch.equal(out.waveform, latent)
    assert out.vocoding == "none: the prior makes waveforms"
    space = InputSpace(Sound((4, 2), RATE))
    silent = generated(space, torch.randn(2, 4, 2))
    assert silent.waveform is None
    assert silent.vocoding == "none: features without a vocoder"
    with pytest.raises(InputError, match="'flat' gives shape"):
        generated(space, torch.randn(2, 4, 2), Vocoder("flat", lambda x: x))
    with pytest.raises(InputError, match="129 bins does not belong"):
        mel_griffin_lim(bank(), 512, HOP)
