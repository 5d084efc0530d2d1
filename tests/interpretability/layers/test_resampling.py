"""Layers on the sound's clock: tones without images, in phase, and what is played."""

import math
from fractions import Fraction

import pytest
import torch
from scipy.signal import resample
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.listening_copy import CEILING, KNEE, limited, listening_copy
from interpretability.layers.resampling import as_published, band_limited, linear, steps_within
from interpretability.layers.time_base import TimeBase, strided_stack

RATE = 16000


def tone(hertz: float, base: TimeBase, steps: int) -> Tensor:
    """A tone as a layer with a clock would sample it."""
    return torch.sin(2 * math.pi * hertz * base.seconds(steps, RATE))[None]


def level(sound: Tensor, hertz: float) -> float:
    """Amplitude in dB of the tone nearest to a frequency, away from the ends."""
    inner = sound[0, 2000:-2000] * torch.hann_window(sound.shape[1] - 4000, dtype=sound.dtype)
    spectrum = torch.fft.rfft(inner).abs()
    at = round(hertz * len(inner) / RATE)
    return float(20 * torch.log10(spectrum[at - 4 : at + 5].max()))


def test_a_tone_leaves_no_image_and_is_in_phase() -> None:
    base = strided_stack(1)[0]  # 4 kHz, sample 0 at sample 1 of the sound
    series = tone(1500, base, 4096)
    sound = band_limited(series, base, 16384)
    assert level(sound, 2500) - level(sound, 1500) < -60
    assert level(sound, 2500) - level(sound, 1500) < -95  # as the module says
    expected = tone(1500, TimeBase(), 16384)
    assert torch.allclose(sound[0, 1000:-1000], expected[0, 1000:-1000], atol=1e-4)
    published = as_published(series, 16384)
    assert level(published, 2500) - level(published, 1500) == pytest.approx(
        20 * math.log10((1500 / 2500) ** 2), abs=0.6
    )


@pytest.mark.parametrize("convention", ["torch", "tf_same"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_tones_of_all_rates_come_out_where_they_were(depth: int, convention: str) -> None:
    base = strided_stack(depth, convention=convention)[-1]  # type: ignore[arg-type]
    hertz = 0.8 * base.nyquist(RATE)
    steps = 16384 // int(base.jump)
    sound = band_limited(tone(hertz, base, steps), base, 16384)
    inner = slice(60 * int(base.jump), -60 * int(base.jump))
    assert torch.allclose(sound[0, inner], tone(hertz, TimeBase(), 16384)[0, inner], atol=1e-4)


def test_rates_that_do_not_divide_and_slower_clocks() -> None:
    base = TimeBase(Fraction(441, 320), Fraction(7, 3), Fraction(9))
    sound = band_limited(tone(3000, base, 8000), base, 11000)
    assert torch.allclose(sound[0, 500:-500], tone(3000, TimeBase(), 11000)[0, 500:-500], atol=1e-4)
    frames = TimeBase(Fraction(160), Fraction(80))
    mixed = tone(10, base, 8000) + tone(333, base, 8000)  # 100 frames a second hold the first, not the second
    slow = band_limited(mixed, base, 60, frames)
    expected = torch.sin(2 * math.pi * 10 * frames.seconds(60, RATE))
    # 48 zero crossings of the slow clock reach over the whole clip; its ends hold the last value, which is not zero
    assert torch.allclose(slow[0, 20:-20], expected[20:-20], atol=0.02)


@pytest.mark.parametrize("jump", [Fraction(4), Fraction(3, 2), Fraction(1600, 1201)])
def test_against_the_fourier_series_of_noise(jump: Fraction) -> None:
    # 0.9 of the layer's band, periodic: SciPy's resampling by the Fourier transform is the truth away from the ends
    random = torch.Generator().manual_seed(1)
    spectrum = torch.zeros(2, 1201, dtype=torch.complex128)
    spectrum[:, 1:1080] = torch.randn(2, 1079, generator=random, dtype=torch.complex128)
    series = torch.fft.irfft(spectrum, 2400)
    length = int(2400 * jump)
    ours = band_limited(series, TimeBase(jump), length)
    if (2400 * jump).denominator == 1:
        truth = torch.as_tensor(resample(series.numpy(), length, axis=1))
    else:
        at = torch.arange(length, dtype=torch.float64) / float(jump)
        angle = 2 * math.pi * torch.arange(1201, dtype=torch.float64) / 2400 * at[:, None]
        truth = 2 * (spectrum[:, None] * torch.exp(1j * angle)).real.sum(dim=-1) / 2400
    inner = slice(int(60 * jump), -int(60 * jump))
    assert float((ours - truth)[:, inner].abs().max()) < 1e-4 * float(series.std())


def test_constants_stay_and_short_series_are_refused() -> None:
    assert torch.allclose(band_limited(torch.full((1, 5), 3.0), TimeBase(Fraction(16)), 80), torch.full((1, 80), 3.0))
    with pytest.raises(InputError, match="2 steps or more"):
        band_limited(torch.ones(1, 1), TimeBase(Fraction(16)), 80)


def test_straight_lines_know_the_offset() -> None:
    base = TimeBase(Fraction(4), Fraction(1))
    assert linear(torch.tensor([[0.0, 4.0, 8.0]]), base, 11).tolist() == [[0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8]]
    assert as_published(torch.tensor([[0.0, 1.0, 3.0]]), 5).tolist() == [[0, 0.5, 1, 1, 1]]


def test_steps_in_padding_are_told() -> None:
    base = TimeBase(Fraction(4), Fraction(-2))
    assert steps_within(base, torch.tensor([8, 7]), 4).tolist() == [[False, True, True, False]] * 2
    assert steps_within(base, torch.tensor([11]), 4).tolist() == [[False, True, True, True]]


def test_listening_copies() -> None:
    base = strided_stack(1)[0]
    series = 5 + 0.01 * tone(440, base, 4096)
    like = 0.3 * tone(100, TimeBase(), 16384)
    copy = listening_copy(series, base, RATE, 16384, like)
    assert not copy.on_noise
    assert copy.nyquist == 2000
    assert float(copy.waveform.mean()) == pytest.approx(0, abs=1e-3)
    assert float(copy.waveform.square().mean().sqrt()) == pytest.approx(0.3 / 2**0.5, rel=0.01)
    assert level(copy.waveform.double(), 440) > level(copy.waveform.double(), 100) + 60
    slow = strided_stack(4)[-1]
    steps = torch.zeros(1, 64)
    steps[0, 32:] = 2.0
    tapped = listening_copy(steps, slow, RATE, 16384, like)
    assert tapped.on_noise
    middle = 32 * 256
    assert tapped.waveform[0, middle + 2000 :].std() > 10 * tapped.waveform[0, : middle - 2000].std()
    assert float(tapped.waveform.abs().max()) <= CEILING + 1e-6
    assert torch.equal(tapped.waveform, listening_copy(steps, slow, RATE, 16384, like).waveform)


def test_silence_stays_silent_and_peaks_are_bent() -> None:
    for depth in (1, 4):
        base = strided_stack(depth)[-1]
        assert not listening_copy(torch.full((1, 64), 0.7), base, RATE, 4096).waveform.any()
    sound = torch.tensor([-5.0, -0.5, 0.0, KNEE, 0.9, 3.0])
    out = limited(sound)
    assert out[1:4].tolist() == sound[1:4].tolist()
    assert float(out.abs().max()) <= CEILING + 1e-6
    assert KNEE < out[4] < 0.9
