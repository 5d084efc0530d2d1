"""Average precision over known labels, against scikit-learn, and what is left out of it."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from models.label_metrics import KnownAveragePrecision

NAMES = ("a", "b", "c", "d")


def clips(n=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 4, generator=generator).round(decimals=1)  # with ties
    labels = torch.randint(0, 2, (n, 4), generator=generator)
    return logits, labels.masked_fill(torch.rand(n, 4, generator=generator) < 0.3, -1)


def test_classes_are_averaged_over_their_known_clips():
    logits, labels = clips()
    metric = KnownAveragePrecision(NAMES)
    for start in range(0, 60, 25):
        metric.update(logits[start : start + 25], labels[start : start + 25])
    known = labels >= 0
    expected = [average_precision_score(labels[known[:, c], c], logits[known[:, c], c]) for c in range(4)]
    np.testing.assert_allclose(metric.per_class().numpy(), expected, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(metric.compute()) == pytest.approx(np.mean(expected), abs=1e-6)


def test_classes_that_never_sound_or_that_nobody_labelled_are_left_out_and_named_once():
    logits, labels = clips()
    labels[:, 1] = labels[:, 1].clamp(max=0)  # never sounds
    labels[:, 2] = -1  # nobody was asked
    metric = KnownAveragePrecision(NAMES, of="val/map")
    metric.update(logits, labels)
    with pytest.warns(UserWarning, match=r"val/map is the mean over 2 of 4 classes; no clip is known to hold b, c"):
        value = float(metric.compute())
    per_class = metric.per_class()
    assert per_class.isnan().tolist() == [False, True, True, False]
    assert value == pytest.approx(float(per_class[[0, 3]].mean()), abs=1e-6)
    metric.reset()
    metric.update(logits, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric.compute()


def test_nothing_to_average_is_undefined():
    metric = KnownAveragePrecision(NAMES)
    metric.update(torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.long))
    with pytest.warns(UserWarning, match="0 of 4"):
        assert metric.compute().isnan()
