import itertools
import math

import pytest
import torch
from scipy.stats import energy_distance

from configs.errors import InputError
from interpretability.generation.density_coverage import density_coverage
from interpretability.generation.kernel_distance import kernel_distance, lengths, median_distance


def by_loops(real, made, unit):
    def far(a, b):
        return math.sqrt(float((a - b).square().sum())) / unit

    n, m = len(real), len(made)
    within = sum(far(real[i], real[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within += sum(far(made[i], made[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return 2 * sum(far(a, b) for a in real for b in made) / (n * m) - within


def test_equals_plain_loops():
    generator = torch.Generator().manual_seed(0)
    real, made = torch.randn(9, 3, generator=generator), torch.randn(7, 3, generator=generator) + 1
    unit = median_distance(real).item()
    assert kernel_distance(real, made).item() == pytest.approx(by_loops(real.double(), made.double(), unit), abs=1e-12)
    assert kernel_distance(real, made, 0.7).item() == pytest.approx(by_loops(real.double(), made.double(), 0.7))


def test_by_hand():
    # across: |0 - 3|, |0 - 5|, |2 - 3|, |2 - 5|, 3 on average; within 2 on either side; the median distance is 2
    real, made = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [5.0]])
    assert kernel_distance(real, made).item() == pytest.approx((2 * 3 - 2 - 2) / 2)
    assert kernel_distance(real, real.clone(), 1.0).item() == pytest.approx(2 * 1 - 2 - 2)  # unbiased: negative


def test_equals_scipy_for_one_feature():
    """scipy's is the root of the biased one, in which each vector is also compared with itself."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(12, generator=generator).double()
    made = 2 * torch.randn(8, generator=generator).double() + 1
    n, m = len(real), len(made)
    within = lengths(real[:, None], real[:, None]).mean() / (n - 1)
    within = within + lengths(made[:, None], made[:, None]).mean() / (m - 1)
    known = energy_distance(real.numpy(), made.numpy()) ** 2 - within.item()
    assert kernel_distance(real, made, 1.0).item() == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("each", [0.3, 1, 3])
def test_farther_is_worse_however_far_and_however_spread(each):
    """A Gaussian kernel puts wide sounds at 50 nearer than tight ones at 2, and all tight ones from 10 on level."""
    generator = torch.Generator().manual_seed(0)
    real, drawn = torch.randn(40, 16, generator=generator), torch.randn(16, 16, generator=generator)
    found = {s: [kernel_distance(real, s * drawn + shift).item() for shift in (0.5, 2, 10, 50)] for s in (0.3, 1, 3)}
    for spread in (0.3, 1, 3):
        for nearer, farther in itertools.combinations(range(4), 2):
            if (nearer, spread) != (0, 3):  # thrice as wide is farther off than half a deviation aside
                assert found[each][farther] > 1.2 * found[spread][nearer]
    further = [kernel_distance(real, each * drawn + shift).item() for shift in (500, 1000)]
    assert further[1] == pytest.approx(2 * further[0], rel=0.02)


def test_unbiased_for_few_excerpts_and_finds_a_shift():
    generator = torch.Generator().manual_seed(1)
    draws = [torch.randn(2, 20, 16, generator=generator) for _ in range(200)]
    null = torch.stack([kernel_distance(a, b) for a, b in draws])
    assert abs(null.mean()) < 3 * null.std() / 200**0.5
    shifted = torch.stack([kernel_distance(a, b + 0.7) for a, b in draws])
    assert shifted.quantile(0.05) > null.quantile(0.95)


def test_undefined_and_too_few():
    assert kernel_distance(torch.ones(4, 2), torch.rand(4, 2)).isnan()
    with pytest.raises(InputError, match="at least 2"):
        kernel_distance(torch.rand(1, 2), torch.rand(4, 2))


def test_density_and_coverage_by_hand():
    real = torch.tensor([0.0, 1.0, 2.0, 10.0])  # distances to the nearest other: 1, 1, 1, 8
    made = torch.tensor([0.5, 1.5, 30.0])
    found = density_coverage(real, made, neighbours=1)
    # 0 has 0.5 near; 1 has both; 2 has 1.5; 10 has 1.5 (8.5 away: no) and none
    assert found.density.item() == pytest.approx(4 / 3)
    assert found.coverage.item() == pytest.approx(3 / 4)


def test_real_excerpts_are_dense_and_cover_and_a_single_point_does_not():
    generator = torch.Generator().manual_seed(0)
    real, others = torch.randn(2, 300, 4, generator=generator)
    same = density_coverage(real, others)
    assert same.density.item() == pytest.approx(1.0, abs=0.15)
    assert same.coverage.item() > 0.9
    collapsed = density_coverage(real, torch.zeros(300, 4))
    assert collapsed.density > 1.2
    assert collapsed.coverage < 0.2
    far = density_coverage(real, others + 100)
    assert (far.density.item(), far.coverage.item()) == (0.0, 0.0)
    with pytest.raises(InputError, match="more than 5 real excerpts"):
        density_coverage(real[:5], others)
