import pytest
import torch

from configs.errors import InputError
from interpretability.generation.frechet import frechet_distance
from interpretability.generation.frechet_uncertainty import bootstrap_band, floor_band, frechet_infinity


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(n, d, seed, shift=0.0):
    return shift + torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def test_real_excerpts_of_others_fall_into_the_floor():
    """One excerpt each of recordings that did not set the band, each with an offset of its own."""
    inside, tries = 0, 80
    for seed in range(tries):
        offsets = gaussian(80, 1, 2 * seed).repeat_interleave(3, dim=0)
        x = offsets + 0.5 * gaussian(240, 1, 10**6 + seed)
        band = floor_band(x[:150], 30, seeded(seed), groups=[i // 3 for i in range(150)], draws=60)
        inside += band.holds(float(frechet_distance(x[:150], x[150::3])))
    assert 0.8 <= inside / tries <= 0.98  # 90 % of 80, within three standard deviations


def test_draws_and_draws_of_draws_by_hand():
    """Two recordings, at 0 and at 1, by the squared gap of the means.

    Means of two recordings drawn with replacement vary by 1/8, those of five excerpts by 1/20. Half of the draws hold
    one recording only, so that draws of draws vary half as much, and the band is stretched by what is missing.
    """
    x, groups = torch.tensor([0.0, 0, 1, 1]), ["a", "a", "b", "b"]
    gap = lambda real, made: (real.mean() - made.mean()).square()  # noqa: E731
    band = floor_band(x, 5, seeded(), groups=groups, draws=6000, distance=gap)
    assert band.mean == pytest.approx(2 * (1 / 8 + 1 / 20), rel=0.1)


def test_what_differs_lies_above_the_floor():
    x = gaussian(200, 4, 0)
    band = floor_band(x, 40, seeded())
    assert frechet_distance(x, gaussian(40, 4, 1, shift=1.0)) > 2 * band.high
    assert 0 <= band.low < band.mean < band.high


def test_one_recording_that_holds_most_excerpts():
    groups = [0] * 60 + [1 + i // 4 for i in range(36)]
    band = floor_band(gaussian(96, 3, 0), 48, seeded(), groups=groups)
    assert 0 <= band.low < band.mean < band.high < 10


def test_too_few_recordings_are_named():
    with pytest.raises(InputError, match="two recordings"):
        floor_band(gaussian(20, 2, 0), 5, seeded(), groups=[0] * 20)
    with pytest.raises(InputError, match="3 recordings are named for 20"):
        floor_band(gaussian(20, 2, 0), 5, seeded(), groups=[0, 1, 2])
    with pytest.raises(InputError, match="at least 4"):
        floor_band(gaussian(3, 2, 0), 5, seeded())


@pytest.mark.parametrize("d", [1, 8, 60])
def test_bootstrap_draws_are_distances_of_resampled_sets(d):
    real, made = gaussian(50, d, 0), gaussian(20, d, 1, shift=0.5)
    band = bootstrap_band(real, made, seeded(3), draws=60)
    generator = seeded(3)
    slow = torch.stack([frechet_distance(real, made[torch.randint(20, (20,), generator=generator)]) for _ in range(60)])
    assert band.mean == pytest.approx(slow.mean().item(), rel=1e-9)
    assert band.low == pytest.approx(slow.quantile(0.05).item(), rel=1e-9)
    assert band.high == pytest.approx(slow.quantile(0.95).item(), rel=1e-9)


def test_endless_excerpts():
    """True value 0.5; 100 excerpts of 32 features see much more than that."""
    real, made = gaussian(20000, 32, 0), gaussian(100, 32, 1)
    made = made + (0.5 / 32) ** 0.5
    plain = frechet_distance(real, made).item()
    found = frechet_infinity(real, made, seeded(), draws=20)
    assert plain > 2.0
    assert abs(found.distance - 0.5) < 0.3 * (plain - 0.5)
    assert found.r_squared > 0.9
    with pytest.raises(InputError, match="at least 10"):
        frechet_infinity(real, made[:9], seeded())
