import numpy as np
import pytest
import scipy.linalg
import torch

from configs.errors import InputError
from interpretability.generation.feature_moments import FeatureMoments
from interpretability.generation.frechet import frechet_distance, gaps, spread


def features(n, d, seed, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    return shift + scale * torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix / d**0.5


def by_scipy(reference, generated):
    """The formula with a matrix square root."""
    a, b = reference.numpy(), generated.numpy()
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = scipy.linalg.eigh(s)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = scipy.linalg.sqrtm(root @ t @ root)
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s) + np.trace(t) - 2 * np.trace(shared).real


@pytest.mark.parametrize(("n", "m", "d"), [(20, 30, 40), (40, 40, 40), (41, 40, 40), (300, 200, 40), (300, 20, 40)])
def test_equals_the_formula_with_a_matrix_root(n, m, d):
    reference, generated = features(n, d, 0), features(m, d, 1, shift=0.3, scale=1.5)
    expected = by_scipy(reference, generated)
    assert frechet_distance(reference, generated).item() == pytest.approx(expected, rel=1e-6)
    moments = FeatureMoments.of(reference), FeatureMoments.of(generated)
    assert frechet_distance(*moments).item() == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(spread(reference), generated).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [8, 40, 41, 500])
def test_equal_sets_are_at_zero(n):
    x = features(n, 40, 0, shift=5.0)
    assert frechet_distance(x, x.clone()).item() <= 1e-8
    assert frechet_distance(FeatureMoments.of(x), x).item() <= 1e-8
    assert frechet_distance(x, x[torch.randperm(n)]).item() <= 1e-8


def test_one_unit_is_the_scalar_form_of_the_paper():
    real, made = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 8.0])
    # means 2 and 6, deviations 1 and sqrt(8)
    expected = 16 + (1 - 8**0.5) ** 2
    assert frechet_distance(real, made).item() == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(real[:, None], made[:, None]).item() == pytest.approx(expected, rel=1e-12)
    of_means, of_spreads = gaps(real, made)
    assert (of_means.item(), of_spreads.item()) == pytest.approx((4.0, 8**0.5 - 1))
    assert gaps(torch.ones(3), made)[0].isnan()


def test_never_negative_and_symmetric():
    for seed in range(20):
        a, b = features(12, 30, seed), features(9, 30, seed + 100)
        there, back = frechet_distance(a, b), frechet_distance(b, a)
        assert there >= 0
        assert there.item() == pytest.approx(back.item(), rel=1e-9)


def test_a_constant_set_is_a_point():
    real, made = torch.zeros(5, 3), torch.ones(4, 3)
    assert frechet_distance(real, made).item() == pytest.approx(3.0)
    assert frechet_distance(FeatureMoments.of(real), made).item() == pytest.approx(3.0)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="at least 2 excerpts are needed on each side, and there are 1"):
        frechet_distance(torch.zeros(1, 3), torch.zeros(4, 3))
    with pytest.raises(InputError, match="3 features of the reference, but 2"):
        frechet_distance(torch.rand(5, 3), torch.rand(5, 2))
    with pytest.raises(InputError, match="excerpt 1 are not finite"):
        frechet_distance(torch.tensor([[0.0], [torch.nan], [1.0]]), torch.rand(5, 1))
    with pytest.raises(InputError, match=r"shape \(2, 2, 2\)"):
        frechet_distance(torch.rand(2, 2, 2), torch.rand(5, 1))
