"""Values of clips, the undefined ones counted."""

import math

import pytest
import torch

from interpretability.listening.clip_values import ClipValues, joined, of_label

NAN = math.nan


def test_undefined_clips_are_counted_and_left_out_of_the_means():
    values = ClipValues(torch.tensor([1.0, NAN, 2.0, 6.0, 4.0]))
    assert (values.n, values.undefined) == (5, 1)
    assert values.mean == pytest.approx(13 / 4)
    assert values.median == pytest.approx(3.0)  # halfway between 2 and 4
    deviations = sum((x - 13 / 4) ** 2 for x in (1, 2, 6, 4))
    assert values.standard_error == pytest.approx(math.sqrt(deviations / 3 / 4))
    assert values.summary == {"mean": values.mean, "median": 3.0, "n": 5.0, "undefined": 1.0}


def test_no_defined_clip_gives_nan_everywhere():
    for empty in (ClipValues(torch.tensor([NAN])), ClipValues(torch.zeros(0))):
        assert math.isnan(empty.mean)
        assert math.isnan(empty.median)
        assert math.isnan(empty.standard_error)


def test_batches_are_joined_and_clips_made_undefined():
    whole = joined([ClipValues(torch.tensor([1.0])), ClipValues(torch.tensor([2.0, 3.0]))])
    assert whole.values.tolist() == [1, 2, 3]
    assert whole.where(torch.tensor([True, False, True])).undefined == 1


def test_scores_of_a_class_are_picked_from_any_leading_shape():
    scores = torch.arange(12).reshape(2, 2, 3)
    assert of_label(scores[:, 0], torch.tensor([2, 0])).tolist() == [2, 6]
    assert of_label(scores, torch.tensor([2, 0])).tolist() == [[2, 5], [6, 9]]
