"""Figures of interpretations: means over classes, with intervals, floors and masks, of both distances."""

import pytest

from callbacks.explanation_fid_heard import HEARD, heard_figures
from tests.report.generated_run import interpretation_row


def test_means_of_both_distances_with_their_intervals():
    rows = [interpretation_row(number, judge=False, frechet=True) for number in range(4)]
    found = heard_figures({"rows": rows[:3]})
    assert set(found) == set(HEARD)
    assert found["real/interpretation_distance"] == pytest.approx(0.2)
    assert found["real/interpretation_distance_low"] == pytest.approx(0.16)
    assert found["stems/random_mask_frechet_distance"] == pytest.approx(10)  # of the two classes that have one
    assert found["stems/random_mask_frechet_distance_high"] == pytest.approx(11)
    assert found["real/floor_frechet_distance"] == pytest.approx(0.2)


def test_a_class_without_an_interval_leaves_none_for_the_mean():
    found = heard_figures({"rows": [interpretation_row(number, frechet=True) for number in range(4)]})
    assert found["real/interpretation_distance"] == found["independent/real/interpretation_distance"]
    assert not [name for name in found if "frechet" not in name and name.endswith(("_low", "_high"))]
    assert found["real/interpretation_frechet_distance_low"] == pytest.approx(3.6)
