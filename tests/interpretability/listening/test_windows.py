"""Windows cover a recording and their crossfade adds up to one."""

import itertools

import pytest
import torch

from interpretability.listening.windows import crossfade, overlap_add, window_starts

HOP, WIDTH = 512, 22050


@pytest.mark.parametrize("n_samples", [1, 22050, 22051, 22562, 40000, 66150, 100_000, 1_000_000])
def test_windows_cover_the_recording_and_weigh_one_everywhere(n_samples):
    starts = window_starts(n_samples, WIDTH, HOP)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert n_samples <= starts[-1] * HOP + WIDTH < n_samples + HOP or len(starts) == 1
    assert all(b * HOP <= a * HOP + 0.76 * WIDTH for a, b in itertools.pairwise(starts))
    frames, n_frames = 1 + WIDTH // HOP, 1 + n_samples // HOP
    weights = crossfade(starts, frames, n_frames)
    assert weights.min() >= 0
    one = overlap_add(torch.ones(len(starts), 1, frames), starts, weights, n_frames)
    assert one.shape == (1, n_frames)
    torch.testing.assert_close(one, torch.ones_like(one), rtol=0, atol=1e-6)


def test_a_crossfade_is_a_straight_line_between_two_windows():
    weights = crossfade([0, 6], 8, 14)
    series = torch.stack([torch.full((1, 8), 3.0), torch.full((1, 8), 9.0)])
    joined = overlap_add(series, [0, 6], weights, 14)
    expected = torch.tensor([[3.0] * 6 + [5.0, 7.0] + [9.0] * 6])
    torch.testing.assert_close(joined, expected)


def test_one_window_is_taken_as_it_is():
    series = torch.rand(1, 3, 44)
    assert torch.equal(overlap_add(series, [0], crossfade([0], 44, 20), 20), series[0, :, :20])
