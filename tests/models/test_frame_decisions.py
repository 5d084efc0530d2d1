"""Error rates of frame-wise decisions: by hand, against scikit-learn, and pooled over recordings and processes."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from configs.errors import InputError
from models.frame_decisions import THRESHOLDS, FrameDecisions, smoothed


def test_figures_by_hand() -> None:
    metric = FrameDecisions(window=1, threshold=0.5)
    metric.update(torch.tensor([0.9, 0.8, 0.7, 0.6, 0.2, 0.1]), torch.tensor([1, 1, 0, 1, 1, 0]))
    found = metric.compute()
    # Said of frames 0 to 3: three rightly, one wrongly; frame 4 is missed, frame 5 rightly left out.
    assert found["error"] == pytest.approx(2 / 6)
    assert found["precision"] == pytest.approx(3 / 4)
    assert found["recall"] == pytest.approx(3 / 4)
    assert found["f1"] == pytest.approx(3 / 4)
    assert found["false_positive_rate"] == pytest.approx(1 / 2)
    assert found["false_negative_rate"] == pytest.approx(1 / 4)
    assert found["frames"] == 6


def test_the_threshold_of_fewest_errors_is_taken_and_the_lowest_of_equals() -> None:
    metric = FrameDecisions(window=1)
    metric.update(torch.tensor([0.305, 0.355, 0.605, 0.905]), torch.tensor([0, 0, 1, 1]))
    found = metric.compute()
    assert found["threshold"] == 0.36
    assert found["error"] == 0
    assert len(THRESHOLDS) == 105


def test_the_median_filter_by_hand_and_at_the_ends() -> None:
    values = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    assert smoothed(values, 3).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 0]
    # An even window: frames t - 2 to t + 1, the third smallest of four.
    padded = [0, 0, *values.tolist(), 0]
    assert smoothed(values, 4).tolist() == [sorted(padded[t : t + 4])[2] for t in range(9)]


def test_a_single_wrong_frame_in_a_song_is_smoothed_away() -> None:
    truth = torch.zeros(400, dtype=torch.int64)
    truth[100:300] = 1
    said = truth.float()
    said[[20, 200, 350]] = 1 - said[[20, 200, 350]]
    errors = []
    for window in (1, 56):
        metric = FrameDecisions(window, 0.5)
        metric.update(said, truth)
        errors.append(metric.compute()["error"] * 400)
    assert errors[0] == 3
    assert errors[1] <= 1


def test_figures_agree_with_scikit_learn_pooled_over_recordings() -> None:
    random = np.random.default_rng(0)
    metric, said, true = FrameDecisions(window=9, threshold=0.4), [], []
    for n in (300, 41, 700):
        probabilities, labels = torch.tensor(random.random(n)), torch.tensor(random.integers(0, 2, n))
        metric.update(probabilities, labels)
        said.append((smoothed(probabilities, 9) > 0.4).numpy())
        true.append(labels.numpy())
    found, (a, b) = metric.compute(), (np.concatenate(true), np.concatenate(said))
    tn, fp, fn, tp = confusion_matrix(a, b).ravel()
    assert found["precision"] == pytest.approx(precision_score(a, b))
    assert found["recall"] == pytest.approx(recall_score(a, b))
    assert found["f1"] == pytest.approx(f1_score(a, b))
    assert found["false_positive_rate"] == pytest.approx(fp / (fp + tn))
    assert found["false_negative_rate"] == pytest.approx(fn / (fn + tp))
    assert found["error"] == pytest.approx((fp + fn) / len(a))


def test_the_best_threshold_is_that_of_a_search_by_hand_and_counts_add_up() -> None:
    random = np.random.default_rng(1)
    songs = [(torch.tensor(random.beta(2, 3, n)), torch.tensor(random.integers(0, 2, n))) for n in (120, 90)]
    whole, parts = FrameDecisions(5), [FrameDecisions(5), FrameDecisions(5)]
    for part, (probabilities, labels) in zip(parts, songs, strict=True):
        whole.update(probabilities, labels)
        part.update(probabilities, labels)
    errors = [
        sum(int(((smoothed(p, 5) > threshold) != labels.bool()).sum()) for p, labels in songs)
        for threshold in THRESHOLDS
    ]
    assert whole.compute()["threshold"] == THRESHOLDS[int(np.argmin(errors))]
    assert whole.compute()["error"] == pytest.approx(min(errors) / 210)
    parts[0].counts += parts[1].counts  # as the processes of a run add theirs
    assert parts[0].compute() == whole.compute()


def test_what_does_not_exist_is_undefined() -> None:
    metric = FrameDecisions(window=1, threshold=0.5)
    metric.update(torch.tensor([0.1, 0.2]), torch.tensor([0, 0]))
    found = metric.compute()
    assert found["error"] == 0
    assert found["false_positive_rate"] == 0
    assert np.isnan([found["precision"], found["recall"], found["f1"], found["false_negative_rate"]]).all()
    assert np.isnan(FrameDecisions().compute()["error"])


def test_wrong_shapes_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        FrameDecisions().update(torch.zeros(4), torch.zeros(5))
    with pytest.raises(InputError, match="threshold"):
        FrameDecisions(threshold=2.0)
