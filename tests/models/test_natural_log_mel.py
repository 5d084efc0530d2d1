"""The features of singing-voice detection, against their definition."""

import math

import numpy as np
import pytest
import torch

from configs.data_schema import FrontEndConfig
from configs.errors import InputError
from models.front_end import FrontEnd
from models.natural_log_mel import unit_sum_mel_filters

PAPER = FrontEndConfig(hop_length=315, features="ln_mel", n_mels=80, f_min=27.5, f_max=8000.0, normalize="none")


def by_definition() -> np.ndarray:
    """The published filters, bin by bin: corners evenly spaced in mel, each triangle divided by its sum."""
    corners = np.linspace(1127 * math.log1p(27.5 / 700), 1127 * math.log1p(8000 / 700), 82)
    hertz = 700 * np.expm1(corners / 1127)
    bins = np.linspace(0, 11025, 513)
    filters = np.zeros((513, 80))
    for band in range(80):
        low, top, high = hertz[band : band + 3]
        rise, fall = (bins >= low) & (bins < top), (bins >= top) & (bins < high)
        for side, values in ((rise, bins - low), (fall, high - bins)):
            if side.any():
                filters[side, band] = values[side] / side.sum()
        filters[:, band] /= filters[:, band].sum()
    return filters


def test_filters_are_the_published_ones() -> None:
    filters = unit_sum_mel_filters(22050, 1024, 80, 27.5, 8000.0)
    assert filters.shape == (513, 80)
    torch.testing.assert_close(filters.double(), torch.tensor(by_definition()), atol=1e-7, rtol=0)
    torch.testing.assert_close(filters.sum(dim=0), torch.ones(80))
    assert int(filters.sum(dim=1).nonzero().max()) < 372  # the first 372 bins, as the published code keeps


def test_features_are_logarithms_of_magnitudes_with_a_floor() -> None:
    front_end = FrontEnd(PAPER)
    sound = torch.randn(1, 114 * 315, generator=torch.Generator().manual_seed(0))
    features = front_end.features(front_end.stft(sound))
    assert features.shape == (1, 1, 80, 115)
    magnitude = front_end.stft(sound)[0].abs().double().numpy()
    torch.testing.assert_close(
        features[0, 0].double(), torch.tensor(np.log(by_definition().T @ magnitude)), atol=1e-4, rtol=0
    )
    silence = front_end.features(front_end.stft(torch.zeros(1, 3150)))
    assert float(silence.max()) == pytest.approx(math.log(1e-7))


def test_louder_by_6_db_is_higher_by_the_logarithm_of_two() -> None:
    front_end = FrontEnd(PAPER)
    sound = torch.randn(1, 3150, generator=torch.Generator().manual_seed(0))
    quiet, loud = (front_end.features(front_end.stft(front_end.normalize(gain * sound))) for gain in (1.0, 2.0))
    torch.testing.assert_close(loud - quiet, torch.full_like(loud, math.log(2)), atol=1e-5, rtol=0)


def test_a_slope_is_finite_at_silence_and_bands_without_a_bin_are_refused() -> None:
    front_end = FrontEnd(PAPER)
    sound = torch.zeros(1, 3150, requires_grad=True)
    front_end.features(front_end.stft(sound)).sum().backward()
    assert sound.grad is not None
    assert bool(sound.grad.isfinite().all())
    with pytest.raises(InputError, match="take fewer bands"):
        unit_sum_mel_filters(22050, 256, 80, 27.5, 8000.0)
