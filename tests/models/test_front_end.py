"""The front end against scipy, itself and the properties everything downstream relies on."""

import numpy as np
import pytest
import scipy.signal
import torch

from configs.errors import InputError
from configs.schema import FrontEndConfig
from models.front_end import FrontEnd

SETTINGS = FrontEndConfig()


@pytest.fixture
def front_end():
    return FrontEnd(SETTINGS)


def noise(*shape, seed=0):
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 1


def test_stft_equals_scipy(front_end):
    x = noise(1, 22050)
    window = scipy.signal.get_window("hann", 1024)
    padded = np.pad(x[0].double().numpy(), 512)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::512]
    expected = np.fft.rfft(frames * window, axis=-1).T
    assert front_end.stft(x)[0].shape == expected.shape == (513, 1 + 22050 // 512)
    np.testing.assert_allclose(front_end.stft(x)[0].numpy(), expected, atol=2e-4)


def test_inverse_gives_the_waveform_back(front_end):
    x = noise(2, 22050)
    back = front_end.istft(front_end.stft(x), x.shape[-1])
    assert 20 * torch.log10((back - x).norm() / x.norm()) < -100


def test_a_tone_lands_in_its_mel_band(front_end):
    time = torch.arange(22050) / 22050
    bands = [
        front_end.features(front_end.stft(torch.sin(2 * torch.pi * f * time)[None])).mean(-1).argmax()
        for f in (300, 3000)
    ]
    centres = [
        (front_end.filters[:, band] * torch.linspace(0, 11025, 513)).sum() / front_end.filters[:, band].sum()
        for band in bands
    ]
    assert abs(centres[0] - 300) < 60
    assert abs(centres[1] - 3000) < 200


def test_frames_follow_length(front_end):
    for n in (1, 511, 512, 22050, 110250):
        assert front_end.stft(torch.zeros(1, n)).shape[-1] == int(front_end.n_frames(torch.tensor([n])))


def test_gradient_at_silence_is_finite(front_end):
    x = torch.zeros(1, 4096, requires_grad=True)
    spectrum = front_end.stft(front_end.normalize(x))
    (front_end.features(spectrum).sum() + front_end.log_magnitude(spectrum).sum()).backward()
    assert torch.isfinite(x.grad).all()


def test_level_of_a_recording_does_not_matter(front_end):
    x = noise(1, 22050)
    loud, quiet = (front_end.log_magnitude(front_end.stft(front_end.normalize(g * x))) for g in (0.9, 0.01))
    torch.testing.assert_close(loud, quiet, rtol=1e-4, atol=1e-4)
    assert torch.equal(front_end.normalize(torch.zeros(1, 8)), torch.zeros(1, 8))


def test_fingerprint_tells_settings_apart():
    prints = {
        FrontEnd(FrontEndConfig(**change)).fingerprint
        for change in ({}, {"sample_rate": 44100}, {"n_fft": 2048}, {"hop_length": 256}, {"mel_of": "magnitude"})
    }
    assert len(prints) == 5
    assert FrontEnd(FrontEndConfig()).fingerprint == FrontEnd(FrontEndConfig()).fingerprint


def test_kernels_stay_out_of_checkpoints(front_end):
    assert front_end.state_dict() == {}


def test_too_many_bands_are_refused():
    with pytest.raises(InputError, match="n_mels=400"):
        FrontEnd(FrontEndConfig(n_mels=400))
