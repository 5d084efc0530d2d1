import pytest
import torch

from interpretability.attribution.segments import SourceSegments, band_numbers, blocks, time_numbers


@pytest.mark.parametrize(
    ("n_blocks", "cut", "bands", "times"),
    [(64, "time_frequency", 8, 8), (32, "time_frequency", 8, 4), (7, "time_frequency", 7, 1), (10, "time", 1, 10),
     (9, "frequency", 9, 1)],
)  # fmt: skip
def test_blocks_cover_everything_once(n_blocks, cut, bands, times):
    parts = blocks(torch.empty(513, 216), n_blocks, cut)
    assert parts.count == n_blocks == bands * times
    assert len({tuple(row.tolist()) for row in parts.numbers}) == bands
    total = parts.masks(torch.eye(n_blocks)).sum(dim=0)
    assert (total == 1).all()


def test_bands_are_narrow_below_and_wide_above():
    sizes = band_numbers(513, 8).bincount()
    assert (sizes.diff() >= 0).all()
    assert sizes[-1] > 5 * sizes[0]


def test_few_bins_or_frames_give_fewer_blocks():
    assert blocks(torch.empty(3, 2), 64).count == 3 * 2
    assert time_numbers(5, 2).tolist() == [0, 0, 0, 1, 1]


def test_sources_cut_in_time():
    sources = torch.rand(2, 4, 6)
    parts = SourceSegments(sources / sources.sum(dim=0), time_numbers(6, 3))
    assert parts.count == 6
    torch.testing.assert_close(parts.masks(torch.ones(1, 6)), torch.ones(1, 4, 6))
    one = parts.masks(torch.eye(6)[4:5])[0]  # second source, second third
    torch.testing.assert_close(one[:, 2:4], parts.sources[1, :, 2:4])
    assert one[:, :2].sum() + one[:, 4:].sum() == 0
