"""Intervals of a kernel distance hold the true one, over generated sounds and over recordings of clips."""

import itertools

import pytest
import torch

from configs.errors import InputError
from interpretability.generation.kernel_distance import kernel_distance, median_distance
from interpretability.generation.kernel_uncertainty import recordings_band

WIDE = 8


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clips(n, each, random, shift=0.0):
    """Features of clips that are alike within a recording, and their recordings."""
    shared = torch.randn(n, 1, WIDE, generator=random, dtype=torch.float64)
    own = torch.randn(n, each, WIDE, generator=random, dtype=torch.float64)
    return (0.8 * shared + 0.6 * own + shift).flatten(0, 1), [i // each for i in range(n * each)]


def test_by_loops():
    """Pairs of one recording are left out within a side, and recordings are left out in turn."""
    (real, a), (made, b) = clips(3, 2, seeded(0)), clips(4, 1, seeded(1), 0.5)
    unit = float(median_distance(real))

    def plain(real, a, made, b):
        def within(rows, names):
            pairs = itertools.permutations(range(len(rows)), 2)
            far = [float((rows[i] - rows[j]).norm()) for i, j in pairs if names[i] != names[j]]
            return sum(far) / len(far)

        across = [float((x - y).norm()) for x in real for y in made]
        return (2 * sum(across) / len(across) - within(real, a) - within(made, b)) / unit

    def spared(rows, names, gone):
        kept = [i for i, name in enumerate(names) if name != gone]
        return rows[kept], [names[i] for i in kept]

    value = plain(real, a, made, b)
    left = [
        [plain(*spared(real, a, g), made, b) for g in range(3)],
        [plain(real, a, *spared(made, b, g)) for g in range(4)],
    ]
    variance = sum((len(v) - 1) / len(v) * sum((x - sum(v) / len(v)) ** 2 for x in v) for v in left)
    band = recordings_band(real, made, a, b)
    assert band.mean == pytest.approx(value)
    assert band.high - band.mean == pytest.approx(2.9200 * variance**0.5, rel=1e-4)  # Student's t, two degrees
    assert band.mean - band.low == pytest.approx(band.high - band.mean)


def test_single_clips_have_the_plain_distance():
    (real, a), (made, b) = clips(9, 1, seeded(2)), clips(7, 1, seeded(3), 1.0)
    assert recordings_band(real, made, a, b).mean == pytest.approx(float(kernel_distance(real, made)))


def test_clips_of_one_distribution_are_at_zero_however_alike_within_recordings():
    found = [recordings_band(*x, *g).mean for x, g in (_sides(s, 4, 5, 0.0) for s in range(200))]
    mean, error = sum(found) / 200, torch.tensor(found).std() / 200**0.5
    assert abs(mean) < 3 * error
    plain = torch.stack([kernel_distance(*_sides(s, 4, 5, 0.0)[0]) for s in range(200)])
    assert plain.mean() > 20 * error  # clips of one recording compared with each other


@pytest.mark.parametrize(("n", "each"), [(3, 3), (6, 3), (12, 2)])
def test_intervals_hold_the_true_distance(n, each):
    far, _ = _sides(10**6, 1500, 1, 0.8)
    truth = float(kernel_distance(*far, unit=1.0))
    held = 0
    for seed in range(60):
        (real, made), names = _sides(seed, n, each, 0.8)
        band, unit = recordings_band(real, made, *names), float(median_distance(real))
        held += band.low * unit <= truth <= band.high * unit
    assert held >= 47  # 90 % of 60, less three standard deviations


def test_fewer_than_three_recordings_have_no_interval():
    """Three clips of one recording: an interval over clips holds the true distance never."""
    (real, a), (made, b) = clips(5, 3, seeded(0)), clips(2, 3, seeded(1))
    band = recordings_band(real, made, a, b)
    assert band.mean == band.mean
    assert band.low != band.low
    assert band.high != band.high
    with pytest.raises(InputError, match="two recordings on each side, and there are 1"):
        recordings_band(real, made[:3], a, b[:3])
    constant = recordings_band(torch.ones(6, 2), torch.rand(6, 2), range(6), range(6))
    assert constant.mean != constant.mean


def _sides(seed, n, each, shift):
    random = seeded(seed)
    (real, a), (made, b) = clips(n, each, random), clips(n, each, random, shift)
    return (real, made), (a, b)
