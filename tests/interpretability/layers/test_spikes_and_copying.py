"""Peaks followed over a sweep, copies found in layers, and graded sounds: on cases whose answer is known."""

import math

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.copying import copying, halves, reduplicated, repeat_lag
from interpretability.layers.dose_response import dose_response
from interpretability.layers.series import SeriesCapture
from interpretability.layers.spikes import spikes
from interpretability.layers.time_base import TimeBase, strided_stack
from interpretability.layers.time_trace import analysis_time_bases

RATE = 8000
CLOCK = strided_stack(2)[-1]  # one step in 16 samples, from sample 5


def bumps(places: Tensor, heights: Tensor, steps: int = 200) -> Tensor:
    """Series with one smooth peak of each place and height (..., P)."""
    at = torch.arange(steps, dtype=torch.float64)
    return (heights[..., None] * torch.exp(-(((at - places[..., None]) / 4) ** 2))).sum(dim=-2)


def test_spikes_are_followed_in_height_and_latency() -> None:
    values = torch.tensor([-1.0, 0.0, 1.0, 2.0])
    random = torch.Generator().manual_seed(0)
    jitter = 0.05 * torch.randn(30, 4, 2, generator=random, dtype=torch.float64)
    places = torch.stack([50 + 2 * values, torch.full((4,), 120.3)], dim=1).expand(30, 4, 2) + jitter
    heights = torch.stack([torch.full((4,), 1.0), 2 + values], dim=1).expand(30, 4, 2) + 0.1 * jitter
    first, second = spikes(bumps(places, heights.double()) + 5, CLOCK, values, RATE, most=2)
    step = 16 / RATE
    assert first.latency.slope.mean == pytest.approx(2 * step, rel=0.02)
    assert first.latency.slope.low > 0
    assert abs(first.height.slope.mean) < 0.02
    assert second.height.slope.mean == pytest.approx(1, rel=0.02)
    assert second.height.rank.mean == pytest.approx(1)
    assert second.latency.slope.low < 0 < second.latency.slope.high
    assert float(second.latencies.mean()) == pytest.approx((5 + 16 * 120.3) / RATE, abs=0.1 * step)
    assert second.heights.shape == (30, 4)
    assert first.seconds < second.seconds


def test_no_peaks_and_short_series() -> None:
    assert spikes(torch.ones(2, 3, 50), CLOCK, torch.arange(3.0), RATE) == []
    with pytest.raises(InputError, match="has no peaks"):
        spikes(torch.ones(2, 3, 2), CLOCK, torch.arange(3.0), RATE)
    with pytest.raises(InputError, match="has no peaks"):
        spikes(torch.ones(2, 50), CLOCK, torch.arange(3.0), RATE)


def test_spikes_of_the_planted_generator(generator: nn.Module, bases: Tensor) -> None:
    from interpretability.layers.latent_sweep import sweep

    found = sweep(generator, ["coarse"], bases, [0], torch.linspace(-0.8, 0.8, 5))
    burst, vowel = spikes(found.series["coarse"], found.clocks["coarse"], found.values, 4000, most=2)
    assert 0.03 < burst.seconds < 0.08
    assert 0.1 < vowel.seconds < 0.22
    assert burst.height.slope.mean == pytest.approx(0.25, rel=0.05)  # the median moves a little
    assert abs(vowel.height.slope.mean) < 0.02


def words() -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(5)
    bursts, vowels = (low + (high - low) * torch.rand(24, generator=random) for low, high in ((1000, 3500), (300, 900)))
    return reduplicated(bursts, vowels, RATE)


def test_halves_are_aligned_to_fractions_of_a_step() -> None:
    ramp = CLOCK.positions(200)[None]
    one, two = halves(ramp, CLOCK, RATE, (0.0, 0.2513), 0.1)
    assert torch.allclose(two - one, torch.full_like(one, 0.2513 * RATE))
    assert float(one[0, 0, 0]) >= 0
    assert float(one[0, 0, -1]) <= 0.1 * RATE


def test_halves_of_items_with_starts_of_their_own() -> None:
    ramps = torch.stack([CLOCK.positions(200), 2 * CLOCK.positions(200)])
    starts = torch.tensor([[0.01, 0.2], [0.03, 0.25]], dtype=torch.float64)
    one, two = halves(ramps, CLOCK, RATE, starts, 0.1)
    assert one.shape == two.shape == (2, 1, int(0.1 * RATE / float(CLOCK.jump)) + 1)
    assert torch.allclose(one[:, 0, 0], torch.tensor([1, 2]) * starts[:, 0] * RATE)
    assert torch.allclose(two[:, 0, -1] - two[:, 0, 0], one[:, 0, -1] - one[:, 0, 0])
    assert torch.allclose((two - one)[:, 0, 0], torch.tensor([1, 2]) * (starts[:, 1] - starts[:, 0]) * RATE)


def test_copies_are_found_and_other_words_are_not() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(1, 12, 65, 8, 32), nn.ReLU(), nn.AvgPool1d(16, 8, 4), nn.Conv1d(12, 1, 1))
    same, other, bare = words()
    clocks = analysis_time_bases(network, ["1", "2"], same[:1, None])
    maps = {}
    for name, sounds in (("same", same), ("other", other)):
        with torch.no_grad():
            maps[name] = {"1": network[:2](sounds[:, None]), "2": network[:3](sounds[:, None])}
    found = {name: copying("2", values["2"], clocks["2"], RATE, (0.0, 0.25), 0.25) for name, values in maps.items()}
    assert found["same"].copied.low > 0.3
    assert found["same"].same.low > 0.25
    assert found["other"].copied.high < 0.2
    # a layer that is new noise at every step has no copy of anything
    noise = torch.randn(maps["same"]["1"].shape, generator=torch.Generator().manual_seed(7))
    assert copying("noise", noise, clocks["1"], RATE, (0.0, 0.25), 0.25).copied.high < 0.1
    assert copying("1", maps["same"]["1"], clocks["1"], RATE, (0.0, 0.25), 0.25).copied.low > 0.3
    with SeriesCapture(network, ["2"], ("norm",)) as series:
        network(same[:, None])
    lags = repeat_lag(series["2"]["norm"], clocks["2"], RATE, 0.1, 0.35)
    assert float(lags.median()) == pytest.approx(0.25, abs=0.01)
    assert not bare[:, 2000:].any()


def test_copying_says_what_it_cannot() -> None:
    slow = TimeBase(CLOCK.jump * 64)
    found = copying("conv5", torch.randn(4, 20), slow, RATE, (0.0, 0.25), 0.25)
    assert found.unheard == "the layer has 2 steps in a syllable, and 3 are needed"
    assert math.isnan(found.same.mean)
    one = copying("conv2", torch.randn(1, 250), CLOCK, RATE, (0.0, 0.25), 0.25)
    assert one.same.mean == one.same.mean
    assert math.isnan(one.different.mean)
    with pytest.raises(InputError, match="does not lie in its"):
        copying("conv2", torch.randn(4, 100), CLOCK, RATE, (0.0, 0.25), 0.25)
    with pytest.raises(InputError, match="no lag from"):
        repeat_lag(torch.randn(2, 100), slow, RATE, 0.01, 0.02)
    assert repeat_lag(torch.ones(1, 100), CLOCK, RATE, 0.05, 0.1).isnan().all()


class Hearing(nn.Module):
    """Layer `loud` answers the level, `deaf` is the same for every sound."""

    def __init__(self) -> None:
        super().__init__()
        self.loud, self.deaf = nn.AvgPool1d(64), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.deaf(0 * self.loud(x.abs()[:, None]))


def test_doses_are_answered_by_the_layer_that_hears_them() -> None:
    clips = torch.rand(20, 1024, generator=torch.Generator().manual_seed(6)) - 0.5
    gains = torch.tensor([0.25, 0.5, 1.0, 2.0])
    sounds = clips[:, None] * gains[:, None]
    loud, deaf = dose_response(
        Hearing(), ["loud", "deaf"], sounds, gains, reference=2, sham=clips[:, None].expand(-1, 4, -1)
    )
    assert loud.level.slope.mean == pytest.approx(0.25, abs=0.01)
    assert loud.level.rank.mean == pytest.approx(1)
    assert float(loud.change.curve[2]) == 0
    assert loud.against_sham is not None
    assert loud.against_sham.mean == pytest.approx(1)
    assert deaf.level.total.mean == 0
    assert deaf.against_sham is not None
    assert math.isnan(deaf.against_sham.mean)
    single = dose_response(Hearing(), ["loud"], sounds[0], gains)[0]  # a set of stimuli: one item, no interval
    assert single.level.n == 1
    assert math.isnan(single.level.slope.low)
    with pytest.raises(InputError, match="have to be"):
        dose_response(Hearing(), ["loud"], sounds, gains[:2])
    with pytest.raises(InputError, match="sham sounds"):
        dose_response(Hearing(), ["loud"], sounds, gains, sham=sounds[:3])
