"""The band of epochs that may be chosen: by hand, and against the choice made when all epochs are known."""

import math
import random

import pytest

from callbacks.candidate_epochs import Band, CandidateFiles, Epoch
from report.run_folder import RunFolder


def test_one_standard_error_by_hand():
    band = Band("val/accuracy", 1.0, n_clips=100)
    assert band.floor(0.9) == pytest.approx(0.87)
    assert Band("val/accuracy", 2.0, 100).floor(0.5) == pytest.approx(0.4)
    assert band.floor(1.0) == 1.0
    epochs = [Epoch(0, 0.9, 0.86), Epoch(1, 0.8, 0.88), Epoch(2, 0.5, 0.90), Epoch(3, 0.4, 0.89)]
    assert band.survivors(epochs, 0.9, lower=False) == epochs[1:3]  # 0 is too weak, 3 is worse than 2 in both
    assert band.chosen(epochs, 0.9, lower=False).number == 1
    assert band.chosen(epochs, 0.9, lower=True).number == 3


def test_of_equals_the_later_one_is_chosen_and_nan_is_worse_than_any():
    band = Band("val/accuracy", 1.0, 100)
    assert band.survivors([Epoch(0, 0.5, 0.9), Epoch(1, 0.5, 0.9)], 0.9, False) == [Epoch(1, 0.5, 0.9)]
    for lower in (True, False):
        assert band.chosen([Epoch(0, math.nan, 0.9), Epoch(1, 0.1, 0.89)], 0.9, lower).number == 1
        assert band.chosen([Epoch(0, math.nan, 0.9)], 0.9, lower).number == 0


def test_where_only_epochs_without_a_score_are_accurate_the_nearest_stands_in():
    band = Band("val/accuracy", 1.0, 100)
    assert band.survivors([Epoch(0, 0.9, 0.2), Epoch(1, 0.1, 0.3)], 0.9, False) == [Epoch(1, 0.1, 0.3)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("lower", [True, False])
def test_going_along_chooses_what_looking_back_would(seed, lower):
    draw, band = random.Random(seed), Band("val/accuracy", 1.0, 40)
    history, kept = [], []
    for number in range(25):
        accuracy = round(min(1.0, 0.4 + 0.02 * number + draw.uniform(-0.1, 0.1)), 2)
        history.append(Epoch(number, round(draw.random(), 1), accuracy))
        best = max(epoch.accuracy for epoch in history)
        kept = band.survivors([*kept, history[-1]], best, lower)
        inside = [epoch for epoch in history if epoch.accuracy >= band.floor(best)]
        sign = -1 if lower else 1
        expected = max(inside, key=lambda e: (sign * e.score, e.accuracy, e.number))
        assert band.chosen(kept, best, lower) == expected
    assert len(kept) < 10


def test_only_files_that_may_be_chosen_are_kept(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    files = CandidateFiles(RunFolder(tmp_path))
    for number in range(3):
        files.path(number).write_bytes(bytes([number]))
    files.choose(1)
    files.keep([Epoch(1, 0.0, 0.0)])
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best.ckpt", "candidate_0002.ckpt"]
    assert RunFolder(tmp_path).best.read_bytes() == b"\x01"
