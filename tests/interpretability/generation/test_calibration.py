"""Real excerpts of recordings that did not set the floor band fall inside it about as often as it says: in 90 %."""

import pytest
import torch

from interpretability.generation.frechet import frechet_distance
from interpretability.generation.frechet_uncertainty import floor_band
from interpretability.generation.kernel_distance import kernel_distance

EACH, SIZE = 3, 24


def recordings(n: int, random: torch.Generator) -> tuple[torch.Tensor, list[int]]:
    """Features (n EACH, 6) of excerpts, alike within a recording, skewed, of different spreads."""
    shared = torch.randn(n, 1, 6, generator=random, dtype=torch.float64)
    own = torch.randn(n, EACH, 6, generator=random, dtype=torch.float64)
    mixed = (0.6 * shared + 0.8 * own) * torch.tensor([3.0, 2, 1, 1, 0.5, 0.2], dtype=torch.float64)
    skewed = mixed + 0.3 * mixed.square()
    return skewed.flatten(0, 1), [i // EACH for i in range(n * EACH)]


@pytest.mark.slow
@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_the_floor_band_holds_what_it_says(distance):
    random = torch.Generator().manual_seed(0)
    inside, trials = 0, 300
    for _ in range(trials):
        reference, groups = recordings(60, random)
        band = floor_band(reference, SIZE, random, groups, draws=80, distance=distance)
        others, _ = recordings(SIZE // EACH, random)
        inside += band.holds(float(distance(reference, others)))
    assert 0.85 <= inside / trials <= 0.95


@pytest.mark.slow
def test_excerpts_of_another_kind_lie_above_it():
    random, above = torch.Generator().manual_seed(7), 0
    for draw in range(100):
        reference, groups = recordings(60, random)
        others, _ = recordings(SIZE // EACH, random)
        band = floor_band(reference, SIZE, torch.Generator().manual_seed(draw), groups, draws=80)
        above += float(frechet_distance(reference, others + 2)) > band.high
    assert above >= 81  # 90 of 100, less three standard deviations
