import pytest
import torch

from configs.errors import InputError
from interpretability.acoustics.frames import aligned_grid, centred_grid, checked, cut


def test_centred_frames_lie_symmetrically_in_each_clip() -> None:
    grid = centred_grid(torch.tensor([800, 500, 300]), 1000, window=0.3, step=0.1)
    assert grid.n_frames.tolist() == [6, 3, 1]  # floor((0.8 - 0.3) / 0.1) + 1 and so on
    torch.testing.assert_close(grid.seconds[0], torch.arange(6).double() * 0.1 + 0.15)
    torch.testing.assert_close(grid.seconds[1, :3], torch.tensor([0.15, 0.25, 0.35], dtype=torch.float64))
    assert len(grid.rows) == 10


def test_a_clip_shorter_than_the_window_has_no_frame() -> None:
    for grid in (
        centred_grid(torch.tensor([40, 0]), 1000, 0.05, 0.01),
        aligned_grid(torch.tensor([40, 0]), 1000, 50, 10),
    ):
        assert grid.n_frames.tolist() == [0, 0]
        assert grid.seconds.shape == (2, 2)  # two columns, so that the step is known
        assert grid.track(torch.zeros(0)).values.isnan().all()


def test_frames_are_the_samples_of_their_clip_with_zeros_around_it() -> None:
    clips = torch.arange(1.0, 13.0).view(2, 6)
    rows, start = torch.tensor([0, 1, 1]), torch.tensor([-2, 1, 4])
    frames = torch.cat([part for _, part in cut(clips, rows, start, 4)])
    assert frames.tolist() == [[0, 0, 1, 2], [8, 9, 10, 11], [11, 12, 0, 0]]


def test_a_track_gives_the_nearest_frame_and_nothing_outside_the_clip() -> None:
    grid = aligned_grid(torch.tensor([60, 40]), 100, 20, 10)  # centres 0.1, 0.2, ... s: five frames and three
    track = grid.track(torch.arange(8.0))
    moments = torch.tensor([[0.0, 0.12, 0.17, 0.5, 0.9], [0.1, 0.31, 0.45, 0.0, 5.0]])
    found = track.at(moments)
    assert found.nan_to_num(-1).tolist() == [[0, 0, 1, 4, -1], [5, 7, -1, 5, -1]]
    short = aligned_grid(torch.tensor([25, 10]), 100, 20, 10).track(torch.tensor([3.0]))
    assert short.at(torch.full((2, 1), 0.1)).nan_to_num(-1).tolist() == [[3], [-1]]


@pytest.mark.parametrize(
    ("waveform", "length", "message"),
    [
        (torch.zeros(8), torch.tensor([8]), r"clips \(B, N\)"),
        (torch.zeros(2, 8), torch.tensor([8]), r"lengths \(B,\)"),
        (torch.zeros(1, 8).long(), torch.tensor([8]), "float"),
        (torch.zeros(1, 8), torch.tensor([9]), "0..8"),
        (torch.tensor([[0.0, 1.0], [torch.nan, 1.0]]), torch.tensor([2, 2]), r"clips \[1\]"),
    ],
)
def test_bad_clips_are_refused(waveform: torch.Tensor, length: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked(waveform, length)


def test_what_lies_past_the_end_does_not_count() -> None:
    clean = checked(torch.tensor([[1.0, torch.nan, torch.inf]]), torch.tensor([1]))
    assert clean.tolist() == [[1, 0, 0]]
