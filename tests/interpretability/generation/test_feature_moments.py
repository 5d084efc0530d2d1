import numpy as np
import pytest
import torch

from configs.errors import InputError
from interpretability.generation.feature_moments import FeatureMoments


def test_batches_add_up_to_the_whole():
    x = 1000 + torch.randn(103, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    total = FeatureMoments.empty(7)
    for part in torch.split(x, [10, 1, 50, 42]):
        total = total.merged(FeatureMoments.of(part))
    assert total.count == 103
    torch.testing.assert_close(total.mean, x.mean(dim=0), rtol=1e-14, atol=0)
    np.testing.assert_allclose(total.covariance, np.cov(x.numpy(), rowvar=False), atol=1e-12)


def test_small_spread_beside_a_large_mean_keeps_its_digits():
    x = 1e6 + torch.randn(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    halves = FeatureMoments.of(x[:1000]).merged(FeatureMoments.of(x[1000:]))
    np.testing.assert_allclose(halves.covariance, np.cov(x.numpy() - 1e6, rowvar=False), rtol=1e-8, atol=1e-9)


def test_nothing_and_something():
    x = torch.rand(5, 2, dtype=torch.float64)
    one = FeatureMoments.of(x).merged(FeatureMoments.empty(2))
    torch.testing.assert_close(one.covariance, FeatureMoments.of(x).covariance)
    assert FeatureMoments.empty(2).merged(FeatureMoments.empty(2)).count == 0
    with pytest.raises(InputError, match="at least 2"):
        _ = FeatureMoments.empty(2).covariance
    with pytest.raises(InputError, match="3 features cannot be added to 2"):
        FeatureMoments.empty(2).merged(FeatureMoments.empty(3))
