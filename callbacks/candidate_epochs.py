"""The best epoch by one metric among those that another finds good enough: which checkpoints may still be chosen.

For accuracy and faithfulness this is the rule of one standard error (Breiman et al. 1984, section 3.4.3), with the most
faithful epoch in place of the smallest model.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from report.run_folder import RunFolder, replace_file


class Epoch(NamedTuple):
    """An epoch (from 0), its score by the monitor, and by the metric that must not fall (accuracy)."""

    number: int
    score: float
    accuracy: float


class Band:
    """Epochs whose accuracy is within some standard errors of the best; of them the best score is chosen.

    As the best accuracy only rises, an epoch that has fallen out of the band, or is no better in either respect than
    another, can never be chosen again: `survivors` are those whose checkpoints must be kept.

    Attributes:
        metric: name of the metric that must not fall, in [0, 1], higher is better.
        standard_errors: width of the band.
        n_clips: validation clips. The standard error of a mean m of values in [0, 1] is at most sqrt(m (1 - m) / n);
            for accuracy it is exactly that.
    """

    def __init__(self, metric: str, standard_errors: float, n_clips: int) -> None:
        self.metric, self.standard_errors, self.n_clips = metric, standard_errors, n_clips

    def floor(self, best: float) -> float:
        """Accuracy that is needed beside the `best` one."""
        return best - self.standard_errors * math.sqrt(max(0.0, best * (1 - best)) / max(1, self.n_clips))

    def survivors(self, epochs: Sequence[Epoch], best: float, lower: bool) -> list[Epoch]:
        """Epochs that may still be chosen, given the best accuracy of all; never none of some.

        Args:
            epochs: with a score (NaN is worse than any).
            best: highest accuracy so far, of epochs without a score too.
            lower: whether a low score is good.
        """
        inside = [epoch for epoch in epochs if epoch.accuracy >= self.floor(best)]
        if not inside:  # the most accurate epochs have no score; the nearest that has one stands in
            return sorted(epochs, key=lambda epoch: (epoch.accuracy, _goodness(epoch, lower)))[-1:]
        return [e for e in inside if not any(_beats(other, e, lower) for other in inside)]

    def chosen(self, epochs: Sequence[Epoch], best: float, lower: bool) -> Epoch:
        """Return the epoch of the best score in the band; of equals the more accurate, then the later one."""
        return max(self.survivors(epochs, best, lower), key=lambda e: (_goodness(e, lower), e.accuracy, e.number))


def _goodness(epoch: Epoch, lower: bool) -> float:
    if math.isnan(epoch.score):
        return -math.inf
    return -epoch.score if lower else epoch.score


def _beats(one: Epoch, other: Epoch, lower: bool) -> bool:
    """Whether `one` is at least as good in both respects, and better or later."""
    mine, theirs = (_goodness(epoch, lower) for epoch in (one, other))
    if mine < theirs or one.accuracy < other.accuracy:
        return False
    return mine > theirs or one.accuracy > other.accuracy or one.number > other.number


class CandidateFiles:
    """One checkpoint for each epoch that may still be chosen, beside best.ckpt; removed when the training has ended."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def path(self, epoch: int) -> Path:
        """Checkpoint of an epoch (from 0)."""
        return self.folder.best.with_name(f"candidate_{epoch + 1:04d}.ckpt")

    def keep(self, epochs: Sequence[Epoch]) -> None:
        """Remove the files of all other epochs."""
        wanted = {self.path(epoch.number) for epoch in epochs}
        for path in self.folder.best.parent.glob("candidate_*.ckpt"):
            if path not in wanted:
                path.unlink()

    def choose(self, epoch: int) -> None:
        """Make the checkpoint of an epoch the best one."""
        replace_file(self.folder.best, self.path(epoch).read_bytes())
