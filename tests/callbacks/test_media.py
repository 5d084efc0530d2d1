"""Sounds and pictures hold what they were given."""

import numpy as np
import pytest
import soundfile
import torch

from callbacks.media import (
    FLOOR_DB,
    bar_picture,
    decibels,
    matrix_picture,
    spectra_picture,
    spectrogram_strip,
    write_wav,
)


def test_a_wav_comes_back_to_half_a_step_and_is_clipped(tmp_path):
    samples = np.array([0.0, 0.5, -1.0, 1.5, -2.0])
    write_wav(tmp_path / "new" / "a.wav", samples, 22050)
    back, rate = soundfile.read(tmp_path / "new" / "a.wav")
    assert rate == 22050
    assert np.abs(back - np.clip(samples, -1, 1)).max() < 1e-4
    with pytest.raises(ValueError, match="NaN or infinite"):
        write_wav(tmp_path / "b.wav", np.array([np.nan]), 22050)


def test_a_full_scale_sine_is_zero_decibels_and_silence_the_floor():
    time = torch.arange(8192) / 8192
    sine = torch.sin(2 * torch.pi * 512 * time)
    spectrum = torch.stft(sine, 1024, 512, window=torch.hann_window(1024), return_complex=True).abs().numpy()
    assert decibels(spectrum, 1024).max() == pytest.approx(0, abs=0.05)
    assert decibels(np.zeros(3), 1024).tolist() == pytest.approx([FLOOR_DB] * 3)


def test_a_strip_has_one_scale_and_low_frequencies_below():
    quiet, loud = np.zeros((9, 11)), np.zeros((9, 11))
    loud[1] = 256.0  # second lowest bin
    strip = spectrogram_strip([quiet, loud], 1024)
    assert strip.shape == (4, 5 + 6 + 5, 3)
    assert (strip[:, 5:11] == 255).all()
    assert (strip[-1, 11:] > strip[-2, 11:]).any()
    assert (strip[:, :5] == strip[0, 0]).all()
    assert (strip[:-1, 11:] == strip[0, 0]).all()


def test_bars_have_the_length_and_colour_of_their_relevance():
    picture = bar_picture(np.array([1.0, -0.5, 0.0, 9.0]), np.array([True, False, False, False]))
    assert picture.shape == (161, 40, 3)
    red, grey = (picture == (209, 73, 91)).all(axis=2), (picture == (141, 153, 174)).all(axis=2)
    assert red[:, 5].nonzero()[0].tolist() == list(range(81))
    assert grey[:, 15].nonzero()[0].tolist() == list(range(80, 121))
    assert grey[:, 25].sum() == 1
    assert grey[:, 35].nonzero()[0].tolist() == list(range(81))
    assert not red[:, 10:].any()


def test_figures_bear_any_name_and_extreme_values():
    names = ["$x_{1", "<b>", "שלום", "a" * 80]
    assert matrix_picture(np.zeros((4, 8)), names, "A").dtype == np.uint8
    assert spectra_picture(np.zeros((9, 4))).shape == (9, 40, 3)
