"""The distances as torchmetrics Metrics: they take batches, and join what several processes saw."""

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


class FrechetDistance(Metric):
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

    def _moments(self, side: str) -> FeatureMoments:
        """Moments of a side; those of several processes, which lie one behind the other, are merged."""
        count, mean, scatter = (getattr(self, f"{side}_{part}") for part in ("count", "mean", "scatter"))
        if count.ndim == 0:
            return FeatureMoments(count, mean, scatter)
        shards = [FeatureMoments(*parts) for parts in zip(count, mean, scatter, strict=True)]
        total = shards[0]
        for shard in shards[1:]:
            total = total.merged(shard)
        return total


class FeatureSets(Metric):
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
