"""Score of a probe on items that it was not fitted on, and how much of it another probe already reaches."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.correlation import resamples

Fold = tuple[Tensor, Tensor]
"""Indices of the items to fit on, and of those to be scored on."""


@dataclass(frozen=True, eq=False)
class ProbeScore:
    """Losses of K targets on N items, each while held out; NaN where an item has no such target.

    A score is 1 - sum(loss) / sum(reference): R2 against the mean of the fitted items for squared errors, the accuracy
    for mistakes against 1.
    """

    loss: Tensor
    """(N, K) float64."""
    reference: Tensor
    """(N, K) float64."""

    @property
    def score(self) -> Tensor:
        """Return the score of each target (K,), NaN where no item has it."""
        return _score(self.loss, self.reference)

    @property
    def n(self) -> Tensor:
        """Return the number of items that have each target (K,)."""
        return self.loss.isfinite().sum(dim=0)

    def interval(self, draws: int = 2000, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Return the 95 % bootstrap interval over items of each score, (K,) and (K,)."""
        return _interval(lambda rows: _score(self.loss[rows], self.reference[rows]), len(self.loss), draws, seed)


@dataclass(frozen=True, eq=False)
class Gain:
    """Score of a probe minus that of another on the same items, for each target (K,), with its 95 % interval."""

    gain: Tensor
    low: Tensor
    high: Tensor


def gain_over(probe: ProbeScore, other: ProbeScore, draws: int = 2000, seed: int = 0) -> Gain:
    """Return what a probe adds to another one, such as that of the untrained network or of the log-mel input.

    Raises:
        InputError: Scores of different items or targets.
    """
    if probe.loss.shape != other.loss.shape:
        raise InputError(
            f"probes of {tuple(probe.loss.shape)} and {tuple(other.loss.shape)} items and targets cannot be compared"
        )

    def difference(rows: Tensor) -> Tensor:
        return _score(probe.loss[rows], probe.reference[rows]) - _score(other.loss[rows], other.reference[rows])

    low, high = _interval(difference, len(probe.loss), draws, seed)
    return Gain(difference(torch.arange(len(probe.loss))), low, high)


def grouped_folds(groups: Sequence[object] | Tensor, n_folds: int = 5, labels: Tensor | None = None) -> list[Fold]:
    """Split items so that all of one speaker or recording are on one side.

    Args:
        groups: speaker or recording of each item (N,).
        n_folds: at most as many folds as there are groups.
        labels: classes (N,), each of which is spread over the folds as evenly as the groups allow. Otherwise a class
            that is frequent in one fold is rare in what is learned from, and guessing scores less than chance.

    Raises:
        InputError: One group only.
    """
    names = [str(int(group)) if isinstance(group, Tensor) else str(group) for group in groups]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if len(number) < 2:
        raise InputError("a probe is scored on speakers or recordings that it has not seen: there is one group only")
    count, numbers = min(n_folds, len(number)), [number[name] for name in names]
    if labels is None or int(torch.unique(labels, return_counts=True)[1].max()) < count:
        split = list(GroupKFold(n_splits=count).split(names, groups=numbers))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # a class of fewer items than folds is spread as far as it goes
            split = list(StratifiedGroupKFold(n_splits=count).split(names, labels.tolist(), numbers))
    return [(torch.as_tensor(fit), torch.as_tensor(held)) for fit, held in split if len(held)]


def held_out(groups: Sequence[object] | Tensor, items: Tensor, share: int = 4) -> Fold:
    """Split the items of one fold again, by groups, to choose a setting: (fit, judge), a `share`-th part to judge.

    Items of a single group are split by their order, as there is no other way.
    """
    inside = [groups[int(i)] for i in items]
    if len({str(group) for group in inside}) < 2:
        cut = max(1, len(items) // share)
        return items[cut:], items[:cut]
    fit, judge = grouped_folds(inside, share)[0]
    return items[fit], items[judge]


def checked_features(features: Tensor, targets: Tensor, groups: Sequence[object] | Tensor) -> None:
    """Check that features, targets and groups are of the same items.

    Raises:
        InputError: They are not, or features are not finite.
    """
    if features.ndim != 2 or not len(features) == len(targets) == len(groups):
        raise InputError(
            f"features {tuple(features.shape)}, {len(targets)} targets and {len(groups)} groups: features have to be "
            "(items, features), one target and one group for each item"
        )
    if not features.isfinite().all():
        raise InputError("features of a probe are not finite: leave out the layer or the clips")


def _score(loss: Tensor, reference: Tensor) -> Tensor:
    total = reference.nansum(dim=0)
    return 1 - loss.nansum(dim=0) / total.where(total > 0, torch.nan)


def _interval(score_of, n: int, draws: int, seed: int) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    found = torch.stack([score_of(rows) for rows in resamples(n, draws, seed)])
    low, high = found.nanquantile(torch.tensor([0.025, 0.975], dtype=found.dtype), dim=0)
    return low, high
