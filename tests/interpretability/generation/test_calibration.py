"""Real excerpts of recordings that did not set the floor band fall inside it about as often as it says: in 90 %."""

import functools

import pytest
import torch

from interpretability.generation.frechet import frechet_distance
from interpretability.generation.frechet_uncertainty import floor_band, frechet_infinity
from interpretability.generation.judge import LINE, RECORDINGS, reduced, reduced_frechet
from interpretability.generation.kernel_distance import kernel_distance, median_distance

EACH, SIZE = 3, 24


def recordings(n: int, random: torch.Generator) -> tuple[torch.Tensor, list[int]]:
    """Features (n EACH, 6) of excerpts, alike within a recording, skewed, of different spreads."""
    shared = torch.randn(n, 1, 6, generator=random, dtype=torch.float64)
    own = torch.randn(n, EACH, 6, generator=random, dtype=torch.float64)
    mixed = (0.6 * shared + 0.8 * own) * torch.tensor([3.0, 2, 1, 1, 0.5, 0.2], dtype=torch.float64)
    skewed = mixed + 0.3 * mixed.square()
    return skewed.flatten(0, 1), [i // EACH for i in range(n * EACH)]


def alike(n: int, each: int, wide: int, random: torch.Generator) -> tuple[torch.Tensor, list[int]]:
    """Features (n each, wide) of excerpts of n recordings, of spreads that fall."""
    shared = torch.randn(n, 1, wide, generator=random, dtype=torch.float64)
    own = torch.randn(n, each, wide, generator=random, dtype=torch.float64)
    mixed = (0.6 * shared + 0.8 * own) / torch.arange(1, wide + 1).double().sqrt()
    return mixed.flatten(0, 1), [i // each for i in range(n * each)]


def share_inside(kind, n, each, wide, trials, draws):
    """Share of trials in which 16 excerpts, each of a recording of its own, fall inside the band of n others."""
    random, inside = torch.Generator().manual_seed(0), 0
    for _ in range(trials):
        reference, groups = alike(n, each, wide, random)
        distance = reduced_frechet
        if kind == "kernel":
            distance = functools.partial(kernel_distance, unit=median_distance(reference))
        band = floor_band(reference, 16, random, groups, draws=draws, distance=distance)
        inside += band.holds(float(distance(reference, alike(16, 1, wide, random)[0])))
    return inside / trials


@pytest.mark.parametrize(("n", "each"), [(RECORDINGS, 3), (12, 3), (25, 2)])
def test_floors_of_few_recordings(n, each):
    assert share_inside("frechet", n, each, 24, 40, 40) >= 0.76  # 90 % of 40, less three standard deviations


def test_kernel_floor_of_few_recordings():
    assert share_inside("kernel", 4, 3, 64, 40, 40) >= 0.76


def test_the_least_sounds_that_are_extrapolated_tell_what_many_would_have():
    random, found, many = torch.Generator().manual_seed(0), [], []
    for _ in range(20):
        reference, _ = alike(60, 1, 64, random)
        real, made = reduced(reference, alike(LINE, 1, 64, random)[0])
        found.append(frechet_infinity(real, made, torch.Generator().manual_seed(0)).distance)
        many.append(float(frechet_distance(*reduced(reference, alike(4000, 1, 64, random)[0]))))
    assert sum(found) == pytest.approx(sum(many), rel=0.5)  # of ten sounds it is three times as much


@pytest.mark.slow
@pytest.mark.parametrize("wide", [24, 64])
@pytest.mark.parametrize(("n", "each"), [(RECORDINGS, 3), (12, 3), (20, 3), (25, 2), (25, 1), (40, 1)])
def test_floors_of_few_recordings_hold_what_they_say(n, each, wide):
    """Bands of few recordings are rather too wide than too narrow."""
    assert share_inside("frechet", n, each, wide, 100, 100) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_the_floor_band_holds_what_it_says(distance):
    random = torch.Generator().manual_seed(0)
    inside, trials = 0, 300
    for _ in range(trials):
        reference, groups = recordings(60, random)
        band = floor_band(reference, SIZE, random, groups, draws=100, distance=distance)
        others, _ = recordings(SIZE, random)
        inside += band.holds(float(distance(reference, others[::EACH])))
    assert 0.85 <= inside / trials <= 0.95


@pytest.mark.slow
def test_excerpts_of_another_kind_lie_above_it():
    random, above = torch.Generator().manual_seed(7), 0
    for draw in range(100):
        reference, groups = recordings(60, random)
        others, _ = recordings(SIZE, random)
        band = floor_band(reference, SIZE, torch.Generator().manual_seed(draw), groups, draws=80)
        above += float(frechet_distance(reference, others[::EACH] + 2)) > band.high
    assert above >= 81  # 90 of 100, less three standard deviations
