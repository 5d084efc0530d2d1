"""What any model has to beat: chance, and logistic regression that sees each log-mel band's mean and spread only."""

import warnings
from collections.abc import Iterator, Sequence, Sized
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from datamodules.batch import Batch
from models.front_end import FrontEnd, log_mel_front_end

CHUNK = 64  # clips analysed at a time


class ClipAccess(Protocol):
    """What the baselines need of a data module."""

    multi_label: bool

    def batch(self, split: Any, indices: Sequence[int]) -> Batch:  # noqa: ANN401 - one of the split names
        """Return clips of a split as they are."""

    def dataset(self, split: Any) -> Sized:  # noqa: ANN401
        """Return a split, for its size."""


def chance(data: ClipAccess) -> float:
    """Return the share of the commonest test class, or the mean share of clips that carry a label (multi-label).

    The first is the accuracy of a constant answer, the second the expected average precision of a random ranking, over
    the classes that some clip is known to hold, as in the metric.
    """
    targets, known = zip(*((b.target, b.observed) for b in batches(data, "test")), strict=True)
    if not data.multi_label:
        return float(torch.cat(targets).long().bincount().max() / sum(map(len, targets)))
    seen = torch.cat(
        [torch.ones_like(t, dtype=torch.bool) if k is None else k for t, k in zip(targets, known, strict=True)]
    )
    held = (torch.cat(targets) * seen).sum(0)
    return float((held / seen.sum(0).clamp_min(1))[held > 0].mean())


def batches(data: ClipAccess, split: str) -> Iterator[Batch]:
    """Yield all clips of a split in chunks."""
    n = len(data.dataset(split))
    for start in range(0, n, CHUNK):
        yield data.batch(split, range(start, min(start + CHUNK, n)))


def logistic_regression(front_end: FrontEnd, data: ClipAccess) -> float:
    """Fit on the training split and score on the test split: accuracy, or macro average precision (multi-label).

    Features are mean and standard deviation over time of each log-mel band, standardised; labels nobody gave are left
    out of a class's fit and score.
    """
    front_end = log_mel_front_end(front_end.config)
    (train, targets, known), (test, truth, sure) = (summarise(front_end, data, split) for split in ("train", "test"))
    if not data.multi_label:
        return float(classifier().fit(train, targets).score(test, truth))
    scores = []
    for c in range(targets.shape[1]):
        seen, scored = known[:, c], sure[:, c]
        if len(set(targets[seen, c])) < 2 or not truth[scored, c].any():
            continue
        model = OneVsRestClassifier(classifier()).fit(train[seen], targets[seen, c])
        scores.append(average_precision_score(truth[scored, c], model.predict_proba(test[scored])[:, -1]))
    return float(np.mean(scores))


def classifier() -> Pipeline:
    """Standardised logistic regression; its own warning about slow convergence says nothing a user could act on."""
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def summarise(
    front_end: FrontEnd, data: ClipAccess, split: str
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Features (n, 2 M), targets (n,) or (n, C) and which of them are known, of a whole split."""
    features, targets, known = [], [], []
    for batch in batches(data, split):
        with torch.no_grad():
            mel = front_end.features(front_end.stft(front_end.normalize(batch.waveform)))[:, 0]
        mask = torch.arange(mel.shape[-1]) < front_end.n_frames(batch.length)[:, None]
        features += [
            torch.cat([m[:, keep].mean(1), m[:, keep].std(1, correction=0)]) for m, keep in zip(mel, mask, strict=True)
        ]
        targets.append(batch.target)
        known.append(torch.ones_like(batch.target, dtype=torch.bool) if batch.observed is None else batch.observed)
    return torch.stack(features).numpy(), torch.cat(targets).long().numpy(), torch.cat(known).numpy()
