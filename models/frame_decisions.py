"""How often frame-wise decisions about whole recordings are wrong, after smoothing, at a threshold chosen before."""

from typing import Any

import numpy as np
import torch
from scipy.ndimage import median_filter
from torch import Tensor
from torchmetrics import Metric

from configs.errors import InputError

THRESHOLDS = (1e-5, 1e-4, 1e-3, *(k / 100 for k in range(1, 100)), 1 - 1e-3, 1 - 1e-4, 1 - 1e-5)
"""Thresholds among which the best is chosen (Schlueter and Grill's eval.py)."""
SMOOTHING = 56


def smoothed(probabilities: Tensor, window: int = SMOOTHING) -> Tensor:
    """Median over `window` frames around each (T,); at the ends the outermost value goes on.

    Of an even window, which reaches one frame further back, the upper of the two middle values is taken.
    """
    values = probabilities.detach().double().cpu().numpy()
    return torch.from_numpy(np.asarray(median_filter(values, size=window, mode="nearest")))


class FrameDecisions(Metric):
    """Error, precision, recall, F1, false positive and false negative rate over all frames of all recordings.

    Each `update` takes one whole recording; the frames of all count alike. Counts add up over processes, so that the
    figures do not depend on who heard which recording. What does not exist, such as the recall of recordings
    without singing, is NaN.

    Attributes:
        window: frames of the median filter.
        threshold: probability above which somebody sings; None takes the one of the fewest errors.
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    counts: Tensor

    def __init__(self, window: int = SMOOTHING, threshold: float | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        if window < 1 or not (threshold is None or 0 <= threshold <= 1):
            raise InputError(f"window={window}, threshold={threshold}: at least one frame, and a probability")
        self.window, self.threshold = window, threshold
        thresholds = THRESHOLDS if threshold is None else (threshold,)
        self.candidates = torch.tensor(thresholds, dtype=torch.float64)
        empty = torch.zeros(4, len(thresholds), dtype=torch.int64)
        self.add_state("counts", default=empty, dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, voiced: Tensor) -> None:
        """Take the probability of singing (T,) in each frame of a recording, and whether there is some (T,).

        Raises:
            InputError: Sequences of other shapes.
        """
        if probabilities.ndim != 1 or probabilities.shape != voiced.shape:
            raise InputError(f"probabilities {tuple(probabilities.shape)} and labels {tuple(voiced.shape)} of frames "
                             "must be sequences of one length")  # fmt: skip
        if not len(voiced):
            return
        said = smoothed(probabilities, self.window)[None, :] > self.candidates[:, None]
        true = voiced.detach().cpu().bool()[None, :]
        found = [(said & true), (said & ~true), (~said & ~true), (~said & true)]
        self.counts += torch.stack([part.sum(dim=1) for part in found]).to(self.counts.device)

    def compute(self) -> dict[str, float]:
        """Return the figures by name, the threshold and the number of frames among them.

        Of thresholds with equally few errors the lowest is taken.
        """
        counts = self.counts.cpu().double()
        wrong = counts[1] + counts[3]
        best = int(wrong.argmin())
        tp, fp, tn, fn = counts[:, best].tolist()
        return {
            "error": _share(fp + fn, tp + fp + tn + fn),
            "precision": _share(tp, tp + fp),
            "recall": _share(tp, tp + fn),
            "f1": _share(2 * tp, 2 * tp + fp + fn),
            "false_positive_rate": _share(fp, fp + tn),
            "false_negative_rate": _share(fn, fn + tp),
            "threshold": float(self.candidates[best]),
            "frames": tp + fp + tn + fn,
        }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
