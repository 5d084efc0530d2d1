"""Means and intervals against resampling one by one, with clips that have no value."""

import numpy as np
import pytest

from report.bootstrap import excludes_zero, figures, paired


def test_the_interval_is_that_of_resampling_clip_by_clip():
    values = np.random.default_rng(0).exponential(size=60)
    found = figures({"a": values}, draws=20_000)["a"]
    draws = np.random.default_rng(1).integers(0, 60, (20_000, 60))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)
    assert (found.n, found.undefined) == (60, 0)


def test_clips_without_a_value_are_counted_and_left_out():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    found = figures({"a": values, "b": np.full(4, np.nan), "c": np.ones(4)})
    assert found["a"].mean == 2
    assert (found["a"].n, found["a"].undefined) == (4, 2)
    assert 1 <= found["a"].low <= 2 <= found["a"].high <= 3
    assert np.isnan(found["b"].mean)
    assert found["b"].undefined == 4
    assert found["c"] == (1, 1, 1, 4, 0)
    assert figures({"a": np.zeros(0)})["a"].n == 0


def test_pairs_are_compared_clip_by_clip():
    noise = np.random.default_rng(0).normal(0, 10, 50)
    better = paired(noise + 1, noise)  # the clips differ much more than the methods
    assert better.mean == pytest.approx(1)
    assert excludes_zero(better)
    assert not excludes_zero(paired(noise, -noise))
    missing = paired(np.array([1.0, np.nan, 2.0]), np.array([0.0, 0.0, np.nan]))
    assert (missing.mean, missing.undefined) == (1, 2)
