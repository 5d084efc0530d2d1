"""Phase shuffle by hand, as random as it should be, and off outside of training."""

import pytest
import torch
import torch.nn.functional as F

from configs.errors import InputError
from models.phase_shuffle import PhaseShuffle, shift_reflected

LINE = torch.arange(6.0).reshape(1, 1, 6)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0, [0, 1, 2, 3, 4, 5]),
        (1, [1, 0, 1, 2, 3, 4]),
        (2, [2, 1, 0, 1, 2, 3]),
        (-1, [1, 2, 3, 4, 5, 4]),
        (-2, [2, 3, 4, 5, 4, 3]),
    ],
)
def test_shifts_by_hand(steps, expected):
    assert shift_reflected(LINE, steps).flatten().tolist() == expected


@pytest.mark.parametrize("steps", range(-4, 5))
def test_shifts_as_padding_by_reflection_does(steps):
    maps = torch.randn(3, 2, 7)
    padded = F.pad(maps, (max(steps, 0), max(-steps, 0)), mode="reflect")
    assert torch.equal(shift_reflected(maps, steps), padded[..., max(-steps, 0) :][..., :7])


def test_the_whole_batch_shares_one_draw_and_every_shift_occurs_equally_often():
    torch.manual_seed(0)
    shuffle, batch = PhaseShuffle(2), LINE.repeat(4, 3, 1)
    counts = dict.fromkeys(range(-2, 3), 0)
    for _ in range(1000):
        out = shuffle(batch)
        assert (out == out[:1, :1]).all()
        counts[next(s for s in counts if torch.equal(out[:1, :1], shift_reflected(LINE, s)))] += 1
    assert all(150 < count < 250 for count in counts.values())  # 200 each, standard deviation 12.6


def test_nothing_moves_in_eval_mode_or_with_radius_zero():
    maps = torch.randn(2, 3, 9)
    assert torch.equal(PhaseShuffle(2).eval()(maps), maps)
    assert torch.equal(PhaseShuffle(0)(maps), maps)


def test_what_cannot_be_shuffled_is_refused():
    with pytest.raises(InputError, match="maps of 2 steps"):
        PhaseShuffle(2)(torch.zeros(1, 1, 2))
    with pytest.raises(InputError, match="phase_shuffle=-1"):
        PhaseShuffle(-1)
