import pytest
import torch
from scipy.stats import rankdata, spearmanr

from interpretability.acoustics.rank_correlation import column_ranks, percentiles, rank_correlation

RANDOM = torch.Generator().manual_seed(0)


def test_ranks_are_scipys_with_ties() -> None:
    values = torch.randint(0, 6, (40, 3), generator=RANDOM).double()
    assert column_ranks(values).numpy() == pytest.approx(rankdata(values.numpy(), axis=0))


def test_percentiles_count_defined_values_only() -> None:
    found = percentiles(torch.tensor([[3.0], [torch.nan], [1.0], [2.0], [2.0]]))
    assert found[:, 0].nan_to_num(-1).tolist() == pytest.approx([3.5 / 4, -1, 0.5 / 4, 0.5, 0.5])


def test_rho_is_scipys_over_the_clips_that_define_the_descriptor() -> None:
    first = torch.randn(60, 4, generator=RANDOM)
    second = torch.randint(0, 9, (60, 3), generator=RANDOM).double() + first[:, :3]
    second[::4, 1] = torch.nan
    second[:, 2] = 1.0
    found = rank_correlation(first, second)
    for unit in range(4):
        for column in range(2):
            known = ~second[:, column].isnan()
            expected = spearmanr(first[known, unit].numpy(), second[known, column].numpy()).statistic
            assert float(found[unit, column]) == pytest.approx(expected, abs=1e-6)
    assert found[:, 2].isnan().all()
