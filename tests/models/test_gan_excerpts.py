"""Excerpts are what the front end hears of a piece of a clip, not of padding or silence, and can be made heard."""

import math

import pytest
import torch

from configs.data_schema import FrontEndConfig
from configs.errors import InputError
from configs.gan_spectrogram_schema import SpectrogramGANConfig
from datamodules.batch import Batch
from models.front_end import FrontEnd
from models.gan_excerpts import Excerpts

FRONT_END = FrontEndConfig(sample_rate=8000, n_fft=256, hop_length=64, n_mels=20)


def excerpts(cut="sound", frames=20, front_end=FRONT_END):
    return Excerpts(FrontEnd(front_end), SpectrogramGANConfig(frames=frames, cut=cut))


def batch(waveform, length=None):
    n = len(waveform)
    length = torch.full((n,), waveform.shape[1]) if length is None else torch.tensor(length)
    return Batch(waveform, length, torch.zeros(n, dtype=torch.int64), torch.arange(n))


def noise(n=4, samples=4000):
    return torch.rand(n, samples, generator=torch.Generator().manual_seed(0)) - 0.5


def test_an_excerpt_of_the_sound_is_what_the_front_end_hears_of_that_piece():
    found, clips = excerpts(), batch(noise(3))
    cuts = found.of(clips, seed=5)
    assert cuts.shape == (3, *found.sound.shape) == (3, 1, 20, 20)
    assert found.n_samples == 19 * 64
    share = torch.rand(3, 4, generator=torch.Generator().manual_seed(5))[:, 0]
    front_end = FrontEnd(FRONT_END)
    for row in range(3):
        start = int(share[row] * (4000 - found.n_samples + 1))
        piece = clips.waveform[row : row + 1, start : start + found.n_samples]
        heard = front_end.features(front_end.stft(front_end.normalize(piece)))
        torch.testing.assert_close(cuts[row : row + 1], heard)
    assert torch.equal(cuts, found.of(clips, seed=5))
    assert not torch.equal(cuts, found.of(clips, seed=6))


def test_an_excerpt_of_features_is_a_piece_of_those_of_the_clip():
    found, clips = excerpts("features"), batch(noise(3))
    cuts, whole = found.of(clips, seed=1), found.hear(clips.waveform)
    for cut, features in zip(cuts, whole, strict=True):
        places = [s for s in range(whole.shape[-1] - 19) if torch.equal(features[..., s : s + 20], cut)]
        assert len(places) == 1


@pytest.mark.parametrize("cut", ["sound", "features"])
def test_padding_is_not_cut_from(cut):
    """Half of each clip is padding; a shift of the sound past it would show as frames at the floor."""
    waveform = noise(32)
    waveform[:, 2000:] = 0
    found = excerpts(cut)
    made = found.of(batch(waveform, [2000] * 32), seed=0)
    assert (made > found.floor + 1).float().mean() > 0.99
    without = found.of(batch(waveform), seed=0)
    assert (without > found.floor + 1).float().mean() < 0.95


def test_silent_places_are_drawn_again():
    waveform = noise(64)
    waveform[:, 2400:] = 0  # 60 % of the places hold some sound
    found = excerpts()
    silent = found.of(batch(waveform), seed=0).flatten(1).amax(dim=1) <= found.floor
    assert silent.float().mean() < 0.1


def test_all_places_are_cut_from_equally_often():
    waveform = torch.zeros(400, 4000)
    waveform[:, ::64] = torch.linspace(0.1, 1, 63)  # louder and louder: the level says where
    front_end = FrontEndConfig(sample_rate=8000, n_fft=256, hop_length=64, n_mels=20, normalize="none")
    levels = excerpts(front_end=front_end).of(batch(waveform), seed=0).mean(dim=(1, 2, 3)).sort().values
    middle = (levels[0] + levels[-1]) / 2
    assert 0.3 < (levels < middle).float().mean() < 0.6  # a logarithm spends less of its range on the loud half


def test_clips_shorter_than_an_excerpt_are_refused():
    with pytest.raises(InputError, match=r"1000 samples.*model\.frames=20 \(1216 samples\).*data\.seconds"):
        excerpts().of(batch(noise(2, 1000)))


def test_mixed_precision_hears_in_full_precision():
    found, clips = excerpts(), batch(noise(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = found.of(clips, seed=0)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, found.of(clips, seed=0))


@pytest.mark.parametrize("mel_of", ["power", "magnitude"])
def test_the_vocoder_gives_a_tone_back(mel_of):
    front_end = FrontEndConfig(sample_rate=8000, n_fft=256, hop_length=64, n_mels=40, mel_of=mel_of)
    found = excerpts(frames=30, front_end=front_end)
    time = torch.arange(4000) / 8000
    tone = 0.8 * torch.sin(2 * math.pi * 1000 * time)[None]
    vocoder = found.vocoder(iterations=20)
    heard = vocoder.invert(found.of(batch(tone), seed=0))
    assert heard.shape == (1, found.n_samples)
    assert "Griffin-Lim, 20 iterations" in vocoder.name
    spectrum = torch.fft.rfft(heard[0] * torch.hann_window(found.n_samples)).abs()
    assert spectrum.argmax().item() * 8000 / found.n_samples == pytest.approx(1000, abs=60)
    assert 0.5 < heard.abs().max().item() < 2  # bands of power spread a line over the bins of their triangle


def test_the_floor_is_that_of_silence():
    assert excerpts().floor == pytest.approx(-5)
