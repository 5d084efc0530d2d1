"""The baseline that hears no structure: logistic regression on the mean and spread of each log-mel band."""

import warnings
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datamodules.batch import Batch
from models.front_end import FrontEnd

CHUNK = 64  # clips analysed at a time


class ClipAccess(Protocol):
    """What the baseline needs of a data module."""

    multi_label: bool

    def batch(self, split: str, indices: list[int]) -> Batch:
        """Clips of a split as they are."""

    def dataset(self, split: str) -> "Sized":
        """A split, for its size."""


class Sized(Protocol):
    """Something with a length."""

    def __len__(self) -> int: ...


def logistic_regression(front_end: FrontEnd, data: ClipAccess) -> float:
    """Fit on the training split and score on the test split: accuracy, or macro average precision (multi-label).

    Features are mean and standard deviation over time of each log-mel band, standardised; labels nobody gave are left
    out of a class's fit and score.
    """
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


def classifier() -> "LogisticRegression":
    """Standardised logistic regression; its own warning about slow convergence says nothing a user could act on."""
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def summarise(
    front_end: FrontEnd, data: ClipAccess, split: str
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Features (n, 2 M), targets (n,) or (n, C) and which of them are known, of a whole split."""
    features, targets, known = [], [], []
    n = len(data.dataset(split))
    for start in range(0, n, CHUNK):
        batch = data.batch(split, list(range(start, min(start + CHUNK, n))))
        with torch.no_grad():
            mel = front_end.features(front_end.stft(front_end.normalize(batch.waveform)))[:, 0]
        mask = torch.arange(mel.shape[-1]) < front_end.n_frames(batch.length)[:, None]
        features += [
            torch.cat([m[:, keep].mean(1), m[:, keep].std(1, correction=0)]) for m, keep in zip(mel, mask, strict=True)
        ]
        targets.append(batch.target)
        known.append(torch.ones_like(batch.target, dtype=torch.bool) if batch.observed is None else batch.observed)
    return torch.stack(features).numpy(), torch.cat(targets).long().numpy(), torch.cat(known).numpy()
