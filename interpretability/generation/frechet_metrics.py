"""The distances as torchmetrics Metrics: they take batches, and join what several processes saw."""

import functools
from typing import Any

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from configs.errors import InputError
from interpretability.generation.density_coverage import density_coverage
from interpretability.generation.feature_moments import FeatureMoments
from interpretability.generation.frechet import frechet_distance
from interpretability.generation.kernel_distance import kernel_distance

SIDES = ("reference", "generated")


class Mergeable(Metric):
    """A metric that takes in others of its kind, one after another, and forgets what it computed before."""

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add what another metric of this class has seen, or its states by name."""
        super().merge_state(incoming_state)
        self._computed = None  # torchmetrics would return the distance of before


class FrechetDistance(Mergeable):
    """Fréchet distance of features that stream by; memory is that of the moments, whatever the number of excerpts.

    Moments of several processes are added up exactly. `reset` forgets both sides, or with `keep_reference` only what
    was generated.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    def __init__(self, n_features: int, keep_reference: bool = False, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.keep_reference = keep_reference
        start = FeatureMoments.empty(n_features)
        for side in SIDES:
            for part in ("count", "mean", "scatter"):
                self.add_state(f"{side}_{part}", default=getattr(start, part), dist_reduce_fx=None)

    def update(self, features: Tensor, real: bool) -> None:
        """Add features (n, D) of real excerpts, or of generated ones."""
        side = SIDES[0] if real else SIDES[1]
        moments = self._moments(side).merged(FeatureMoments.of(features))
        for part in ("count", "mean", "scatter"):
            setattr(self, f"{side}_{part}", getattr(moments, part))

    def compute(self) -> Tensor:
        """Return the distance (float64 scalar).

        Raises:
            InputError: Fewer than two excerpts on a side.
        """
        return frechet_distance(self._moments("reference"), self._moments("generated"))

    def reset(self) -> None:
        """Forget what was seen."""
        kept = {f"reference_{part}": getattr(self, f"reference_{part}", None) for part in ("count", "mean", "scatter")}
        super().reset()
        if self.keep_reference:
            for name, value in kept.items():
                setattr(self, name, value)

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """Add moments exactly; torchmetrics would stack them, which goes once."""
        for side in SIDES:
            names = [f"{side}_{part}" for part in ("count", "mean", "scatter")]
            missing = [name for name in names if name not in incoming_state]
            if missing:
                raise ValueError(f"state {missing[0]} is missing in what is to be merged")
            merged = self._moments(side).merged(_joined(*(incoming_state[name] for name in names)))
            for name, value in zip(names, (merged.count, merged.mean, merged.scatter), strict=True):
                setattr(self, name, value)

    def _moments(self, side: str) -> FeatureMoments:
        """Moments of a side; those of several processes, which lie one behind the other, are merged."""
        return _joined(*(getattr(self, f"{side}_{part}") for part in ("count", "mean", "scatter")))


def _joined(count: Tensor, mean: Tensor, scatter: Tensor) -> FeatureMoments:
    """Moments of one process, or of several one behind the other."""
    if count.ndim == 0:
        return FeatureMoments(count, mean, scatter)
    shards = [FeatureMoments(*parts) for parts in zip(count, mean, scatter, strict=True)]
    return functools.reduce(FeatureMoments.merged, shards)


class FeatureSets(Mergeable):
    """Keeps the features of both sides (8 bytes each); a subclass compares them."""

    is_differentiable = False
    full_state_update = False
    reference: list[Tensor]
    generated: list[Tensor]

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        for side in SIDES:
            self.add_state(side, default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Add features (n, D) of real excerpts, or of generated ones."""
        (self.reference if real else self.generated).append(features.detach().double())

    def sets(self) -> tuple[Tensor, Tensor]:
        """Return all features of both sides.

        Raises:
            InputError: A side without any.
        """
        for side in SIDES:
            if isinstance(getattr(self, side), list) and not getattr(self, side):
                raise InputError(f"no excerpt of the {side} side has been added")
        return dim_zero_cat(self.reference), dim_zero_cat(self.generated)


class KernelDistance(FeatureSets):
    """Unbiased kernel distance, in median distances within the reference."""

    higher_is_better = False

    def compute(self) -> Tensor:
        """Return the distance (float64 scalar)."""
        return kernel_distance(*self.sets())


class DensityAndCoverage(FeatureSets):
    """Density and coverage."""

    higher_is_better = True

    def compute(self) -> dict[str, Tensor]:
        """Return both by name."""
        return density_coverage(*self.sets())._asdict()
