"""Correlation within clips, its nulls and the table made of them: by hand, against SciPy, and on planted layers."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.carried import Contour, carried, measured_on_layer, too_slow
from interpretability.layers.correlation import clip_correlations, correlate, envelopes, fisher_mean, gain, shifted
from interpretability.layers.nulls import phase_randomised, shuffled_pairs, surrogates
from interpretability.layers.published_statistics import concatenated_pearson, duration_regression, time_normalised
from interpretability.layers.time_base import TimeBase, strided_stack

RATE = 16000
FRAMES = TimeBase(Fraction(160), Fraction(80))
SECONDS = FRAMES.seconds(100, RATE)


def slow_noise(n: int, points: int, seed: int, width: int = 9) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, 1, points + width - 1, generator=random, dtype=torch.float64)
    return torch.nn.functional.avg_pool1d(noise, width, 1)[:, 0]


def test_by_hand_and_against_scipy() -> None:
    layer = torch.tensor([[1.0, 2, 3, 4, 5, 99], [5, 1, 4, 2, 3, 0], [7, 7, 7, 7, 7, 7], [1, 2, 3, 4, 5, 6]])
    contour = torch.tensor([[2.0, 4, 6, 8, 10, 0], [1, 2, 3, 4, math.nan, 6], [1, 2, 3, 4, 5, 6], [math.nan] * 6])
    valid = torch.ones(4, 6, dtype=torch.bool)
    valid[0, 5] = False
    r = clip_correlations(layer, contour, valid)
    assert float(r[0]) == pytest.approx(1)
    assert float(r[1]) == pytest.approx(stats.pearsonr([5, 1, 4, 2, 0], [1, 2, 3, 4, 6])[0])
    assert r[2:].isnan().all()  # what does not move, or does not exist, has no correlation: it is not zero
    found = correlate(layer, contour, valid)
    assert found.n == 2
    assert found.r == pytest.approx(math.tanh((math.atanh(1 - 1e-6) + math.atanh(float(r[1]))) / 2))


def test_clips_with_few_points_are_undefined_and_one_clip_has_no_interval() -> None:
    layer, contour = slow_noise(2, 20, 0), slow_noise(2, 20, 0)
    valid = torch.ones(2, 20, dtype=torch.bool)
    valid[0, 4:] = False
    found = correlate(layer, contour, valid)
    assert found.clips[0].isnan()
    assert found.r == pytest.approx(1, abs=1e-5)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(shuffled_pairs(layer[1:], contour[1:], valid[1:]).mean)
    assert math.isnan(fisher_mean(torch.tensor([math.nan])))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(100):
        random = torch.Generator().manual_seed(seed)
        z = 0.4 + 0.3 * torch.randn(40, generator=random, dtype=torch.float64)
        contour = slow_noise(40, 12, 1)
        layer = contour.clone()
        clips = torch.tanh(z)
        # a layer whose correlation with the contour is given: the contour plus what is orthogonal to it
        centred = contour - contour.mean(dim=1, keepdim=True)
        other = torch.randn(40, 12, generator=random, dtype=torch.float64)
        other -= other.mean(dim=1, keepdim=True)
        other -= (other * centred).sum(1, keepdim=True) / centred.square().sum(1, keepdim=True) * centred
        layer = clips[:, None] * centred / centred.norm(dim=1, keepdim=True)
        layer = layer + (1 - clips.square()).sqrt()[:, None] * other / other.norm(dim=1, keepdim=True)
        found = correlate(layer, contour, torch.ones(40, 12, dtype=torch.bool), draws=400, seed=seed)
        assert torch.allclose(found.clips, clips, atol=1e-9)
        inside += found.low <= math.tanh(0.4) <= found.high
    assert 85 <= inside <= 99


def test_a_lag_is_found_and_its_null_seeks_one_too() -> None:
    contour = slow_noise(30, 80, 2, width=5)
    layer = -shifted(contour, -3).nan_to_num()  # three points later, and upside down
    valid = torch.ones(30, 80, dtype=torch.bool)
    found = correlate(layer, contour, valid, max_lag=5)
    assert found.lag == 3
    assert found.r < -0.99
    assert abs(correlate(layer, contour, valid).r) < 0.8
    null = shuffled_pairs(slow_noise(30, 80, 5), contour, valid, max_lag=5)
    assert abs(null.draws).mean() > abs(shuffled_pairs(slow_noise(30, 80, 5), contour, valid).draws).mean()


def test_surrogates_keep_the_spectrum_and_lose_the_shape() -> None:
    series = slow_noise(6, 60, 3) + 2
    valid = torch.arange(60) < torch.tensor([60, 60, 51, 40, 33, 2])[:, None]
    made = surrogates(series, valid, 2, torch.Generator().manual_seed(0))[1]
    for row, n in enumerate([60, 60, 51, 40, 33]):
        expected = np.abs(np.fft.rfft(series[row, :n].numpy()))
        assert np.allclose(np.abs(np.fft.rfft(made[row, :n].numpy())), expected, atol=1e-9)
        assert made[row, n:].isnan().all()
    assert made[5].isnan().all()
    assert abs(fisher_mean(clip_correlations(made, series, valid))) < 0.5


def test_planted_and_random_layers_against_the_nulls() -> None:
    contour, valid = slow_noise(40, 60, 4), torch.ones(40, 60, dtype=torch.bool)
    carrying, random = contour + 0.5 * slow_noise(40, 60, 5), slow_noise(40, 60, 6)
    for make in (shuffled_pairs, phase_randomised):
        null = make(carrying, contour, valid)
        assert null.p_value(correlate(carrying, contour, valid).r) < 0.03
        assert not null.band[0] <= correlate(carrying, contour, valid).r <= null.band[1]
        other = make(random, contour, valid)
        assert other.p_value(correlate(random, contour, valid).r) > 0.05
    # a shape that all clips share is no finding: the wrong partner shows it as well
    shape = torch.sin(torch.linspace(0, 3, 60, dtype=torch.float64))
    shared = shuffled_pairs(shape + 0.1 * carrying, shape + 0.1 * random, valid)
    assert shared.mean > 0.8


def test_gain_over_the_untrained_network() -> None:
    trained, untrained = torch.tensor([-0.9, -0.8, -0.85, math.nan]), torch.tensor([0.2, 0.1, 0.3, 0.5])
    more, low, high = gain(trained.double(), untrained.double())
    expected = math.tanh(np.arctanh([0.9, 0.8, 0.85]).mean()) - math.tanh(np.arctanh([0.2, 0.1, 0.3]).mean())
    assert more == pytest.approx(expected)
    assert low < more < high
    assert gain(trained.double(), trained.double())[0] == 0
    one = gain(trained[:1].double(), untrained[:1].double())
    assert one[0] == pytest.approx(0.7)
    assert math.isnan(one[1])


def test_envelopes_of_fast_and_slow_layers() -> None:
    base = strided_stack(1)[0]
    at = base.seconds(4096, RATE)
    series = (3 + torch.sin(2 * math.pi * 400 * at) * torch.where(at < 0.5, 0.2, 1.0))[None]
    found = envelopes(series, base, RATE, FRAMES.seconds(100, RATE))
    assert torch.allclose(found["mean"][0, 5:95], torch.full((90,), 3.0, dtype=torch.float64), atol=0.02)
    assert float(found["ripple"][0, 20]) == pytest.approx(0.2 / 2**0.5, rel=0.02)
    assert float(found["ripple"][0, 80]) == pytest.approx(1 / 2**0.5, rel=0.02)
    slow = strided_stack(4)[-1]
    ramp = slow.positions(64)[None]
    found = envelopes(ramp, slow, RATE, FRAMES.seconds(90, RATE))
    assert list(found) == ["mean"]
    assert torch.allclose(found["mean"][0, 3:], FRAMES.positions(90)[3:])


def test_the_table_finds_what_is_planted_and_says_what_it_cannot() -> None:
    base = strided_stack(1)[0]
    loudness = slow_noise(12, 100, 7).exp()
    at_layer = torch.nn.functional.interpolate(loudness[:, None], size=4000, mode="linear")[:, 0]
    carrier = torch.randn(12, 4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    contour = Contour("intensity", loudness, SECONDS)
    lengths = torch.full((12,), 14000)
    rows = carried("conv1", at_layer * carrier, base, contour, lengths, RATE, untrained=carrier)
    mean, ripple = rows
    assert (mean.envelope, ripple.envelope) == ("mean", "ripple")
    assert ripple.found is not None
    assert ripple.gain is not None
    assert ripple.shuffled is not None
    assert ripple.found.r > 0.9
    assert ripple.gain[1] > 0.5
    assert ripple.shuffled.band[1] < ripple.found.r
    assert mean.found is not None
    assert mean.surrogate is not None
    assert mean.gain is not None
    assert abs(mean.found.r) < 0.4
    slow = carried(
        "conv5", torch.randn(12, 16), strided_stack(5)[-1], Contour("flux", loudness, SECONDS, 40), lengths, RATE
    )
    assert slow[0].unheard == "the layer has 15.625 steps per second, and 40 are needed"
    assert slow[0].found is None
    unvoiced = Contour("f0", torch.full((12, 100), math.nan), SECONDS)
    assert "undefined in all" in str(carried("conv1", carrier, base, unvoiced, lengths, RATE)[0].unheard)
    with pytest.raises(InputError, match="same clips"):
        carried("conv1", carrier[:3], base, contour, lengths, RATE)


def test_clips_with_grids_of_their_own() -> None:
    base = strided_stack(1)[0]
    ramps = (base.positions(4000) / RATE) ** 2 * torch.tensor([[1.0], [2.0]])
    seconds = torch.stack([SECONDS, SECONDS + 0.0033])
    slow = envelopes(ramps, strided_stack(1)[0], RATE, seconds)["mean"]
    expected = seconds**2 * torch.tensor([[1.0], [2.0]])
    assert torch.allclose(slow[:, 5:-5], expected[:, 5:-5], atol=2e-4)


def test_padding_does_not_count() -> None:
    base = strided_stack(1)[0]
    noise = slow_noise(20, 100, 8).exp()
    contour = noise.clone()
    contour[:, 50:] = 0  # padding: silence in the sound
    series = torch.randn(20, 4000, generator=torch.Generator().manual_seed(3), dtype=torch.float64).abs()
    series[:, 2000:] = 0  # and in the layer
    args = ("conv1", series, base, Contour("intensity", contour, SECONDS))
    within = carried(*args, torch.full((20,), 8000), RATE)[0].found
    inflated = carried(*args, torch.full((20,), 16000), RATE)[0].found
    assert within is not None
    assert inflated is not None
    assert abs(within.r) < 0.3
    assert inflated.r > 0.6


def test_a_property_read_from_the_layer_itself() -> None:
    def crossings(sound: Tensor) -> Tensor:
        return (sound[:, 1:].sign() != sound[:, :-1].sign()).double().sum(dim=1) / (sound.shape[1] / RATE) / 2

    base = strided_stack(1)[0]
    tones = 5 + torch.sin(2 * math.pi * torch.tensor([[200.0], [300.0]]) * base.seconds(4096, RATE))
    found = measured_on_layer(tones, base, RATE, 16384, "f0", crossings)
    assert found.values is not None
    assert found.values.tolist() == pytest.approx([200, 300], abs=3)
    slow = measured_on_layer(tones, strided_stack(3)[-1], RATE, 16384, "f0", crossings)
    assert slow.values is None
    assert slow.unheard == "the layer has 250 steps per second, and 900 are needed"
    assert too_slow(base, RATE, nyquist=2000) is None


def test_the_published_statistics() -> None:
    layer, contour = slow_noise(5, 10, 9), slow_noise(5, 10, 10)
    valid = torch.ones(5, 10, dtype=torch.bool)
    valid[2, 7:] = False
    found = concatenated_pearson(layer, contour, valid)
    r, p = stats.pearsonr(layer[valid].numpy(), contour[valid].numpy())
    assert (found.r, found.p, found.points) == (pytest.approx(r), pytest.approx(p), 47)
    x = torch.tensor([0.1, 0.2, 0.3, 0.4, math.nan])
    y = torch.tensor([0.2, 0.41, 0.58, 0.82, 0.3])
    fit = duration_regression(x, y)
    design = np.stack([np.ones(4), x[:4].numpy()], axis=1)
    beta, residual, *_ = np.linalg.lstsq(design, y[:4].double().numpy(), rcond=None)
    total = ((y[:4] - y[:4].mean()) ** 2).sum().item()
    error = residual[0] / 2
    assert fit.beta == pytest.approx(beta[1], rel=1e-5)
    assert fit.adjusted_r2 == pytest.approx(1 - (residual[0] / 2) / (total / 3), rel=1e-4)
    assert fit.t == pytest.approx(beta[1] / math.sqrt(error * np.linalg.inv(design.T @ design)[1, 1]), rel=1e-4)
    assert fit.n == 4
    with pytest.raises(InputError, match="3 that differ"):
        duration_regression(x[:2], y[:2])
    stretched = time_normalised(torch.tensor([[9.0, 0, 2, math.nan, 6, 8]]), torch.arange(6)[None] > 0, 5)
    assert stretched.tolist() == [[0, 2, 4, 6, 8]]
    assert time_normalised(torch.full((1, 4), math.nan), torch.ones(1, 4, dtype=torch.bool)).isnan().all()
