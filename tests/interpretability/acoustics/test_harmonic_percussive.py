import pytest
import torch
from scipy.ndimage import median_filter

from interpretability.acoustics.harmonic_percussive import harmonic_percussive_masks

RATE, N_FFT, HOP = 8000, 512, 128


def stft(sound):
    return torch.stft(sound, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True)


def test_a_tone_rings_and_clicks_strike():
    t = torch.arange(RATE) / RATE
    tone, clicks = 0.3 * torch.sin(2 * torch.pi * 1000 * t), torch.zeros(RATE)
    clicks[500::1000] = 1.0
    harmonic, percussive, rest = harmonic_percussive_masks(stft((tone + clicks)[None])).unbind(1)
    tone, clicks = stft(tone[None]).abs().square(), stft(clicks[None]).abs().square()
    assert (harmonic * tone).sum() > 0.95 * tone.sum()
    assert (percussive * clicks).sum() > 0.8 * clicks.sum()
    assert (harmonic * clicks).sum() < 0.1 * clicks.sum()
    assert rest.min() >= 0


def test_noise_is_neither():
    noise = torch.randn(1, RATE, generator=torch.Generator().manual_seed(0))
    harmonic, percussive, rest = harmonic_percussive_masks(stft(noise)).mean(dim=(2, 3))[0].tolist()
    assert rest > 2 * max(harmonic, percussive)


def test_parts_add_up_and_silence_is_the_residual():
    spectrum = torch.randn(2, 33, 40, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    spectrum[1] = 0
    masks = harmonic_percussive_masks(spectrum)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 33, 40))
    assert (masks[1, 2] == 1).all()


def test_filters_are_those_of_scipy():
    magnitude = torch.rand(1, 30, 41, generator=torch.Generator().manual_seed(0))
    along_time = torch.from_numpy(median_filter(magnitude[0].numpy(), (1, 7), mode="mirror"))
    along_bins = torch.from_numpy(median_filter(magnitude[0].numpy(), (7, 1), mode="mirror"))
    harmonic = harmonic_percussive_masks(magnitude.to(torch.complex64), 7, 7)[0, 0]
    torch.testing.assert_close(harmonic, along_time**2 / (along_time**2 + 4 * along_bins**2))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 40), (1, 33, 2)])
def test_few_bins_or_frames_do_not_break_it(shape):
    assert harmonic_percussive_masks(torch.ones(shape, dtype=torch.complex64)).isfinite().all()
