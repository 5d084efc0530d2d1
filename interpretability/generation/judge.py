"""Scores of what was generated, setting by setting, in the explained network and in an independent one."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.density_coverage import density_coverage
from interpretability.generation.feature_moments import as_rows
from interpretability.generation.frechet import frechet_distance, gaps
from interpretability.generation.frechet_uncertainty import (
    Band,
    Extrapolation,
    bootstrap_band,
    floor_band,
    frechet_infinity,
)
from interpretability.generation.kernel_distance import kernel_distance, median_distance
from interpretability.generation.kernel_uncertainty import kernel_band
from interpretability.generation.lane_scores import NORMAL, LaneScore
from interpretability.generation.lanes import Lane
from interpretability.generation.listener import Listener
from interpretability.generation.prior import Prior
from interpretability.generation.readings import device_of, measuring
from interpretability.generation.reference import Reference
from interpretability.generation.search_result import Search, Snapshot

PRINCIPAL = 16
"""Dimensions that features are reduced to where there are not ten excerpts for each: a Fréchet distance of fewer is
mostly bias."""
RECORDINGS = 10
"""Recordings of a reference below which there is no Fréchet distance of features; the kernel distance stands alone."""
LINE = PRINCIPAL
"""Sounds below which their distance is not extrapolated to endless ones: of fewer than there are components, it is no
line, and ends at about thrice what it should."""
UNKNOWN = float("nan")


class Floors(NamedTuple):
    """Distances of real excerpts to other real ones; None for too few recordings."""

    kernel: Band | None
    frechet: Band | None


class Judge:
    """Real excerpts heard once, and what is generated measured against them.

    Example:
        judge = Judge(Listener(model, target, Target(0, "fc8")), prior, excerpts[reference.places], reference)
        choice = choose(judge.scores(search))
    """

    def __init__(
        self,
        listener: Listener,
        prior: Prior,
        excerpts: Tensor,
        reference: Reference,
        independent: Listener | None = None,
        seed: int = 0,
    ) -> None:
        """Hear the reference.

        Args:
            listener: the explained network.
            prior: decodes what is generated.
            excerpts: (n, ...) of the reference, in its order.
            reference: what they are.
            independent: another network; None leaves its scores NaN.
            seed: of floors and intervals.

        Raises:
            InputError: Another number of excerpts than the reference has.
        """
        if len(excerpts) != reference.n:
            raise InputError(f"{len(excerpts)} excerpts for a reference of {reference.n}: offer excerpts[places]")
        self.listener, self.prior, self.independent = listener, prior, independent
        self.reference, self.seed = reference, seed
        self.activation, features, _ = listener.hears(excerpts)
        self.features = as_rows(features)
        self._elsewhere = None if independent is None else independent.hears(excerpts)
        self._floors: dict[int, Band] = {}

    def scores(self, search: Search) -> list[LaneScore]:
        """Measure every snapshot of a search."""
        usual = float(search.prior.log_prior(search.start).mean())
        return [self.score(snapshot, usual) for snapshot in search.snapshots]

    def ceiling(self, search: Search) -> LaneScore:
        """Measure the latents that the search began with: what a score is without any search."""
        n, lane = len(search.start), Lane(1.0)
        nothing = torch.zeros(n, dtype=torch.long)
        start = Snapshot(lane, 0, search.start, search.start_activation, nothing, nothing.bool())
        return self.score(start, float(search.prior.log_prior(search.start).mean()))

    def rank(self, snapshots: Sequence[Snapshot]) -> Tensor:
        """Return kernel distances (L,): quick, and right for few examples of many features; halving goes by them."""
        features = (self.listener.hears(self.decoded(snapshot.latent))[1] for snapshot in snapshots)
        return torch.stack([kernel_distance(self.features, found) for found in features])

    def decoded(self, latent: Tensor) -> Tensor:
        """Return the excerpts of latents (B, ...), without a trace."""
        with measuring(self.listener.model, self.prior):
            return self.prior.decode(latent.to(device_of(self.listener.model)))

    def score(self, snapshot: Snapshot, usual: float) -> LaneScore:
        """Measure one setting; `usual` is the mean log prior of latents that were only drawn."""
        excerpts = self.decoded(snapshot.latent)
        activation, features, _ = self.listener.hears(excerpts)
        real, made = reduced(self.features, as_rows(features))
        kernel, near = kernel_band(self.features, features), density_coverage(real, made)
        layer, floor, half = self._frechet(real, made)
        mean_gap, spread_gap = gaps(self.activation, activation)
        transfer, recognised, independent = self._transfer(excerpts)
        low, high = self.reference.band
        median = float(activation.median())
        return LaneScore(
            lane=snapshot.lane.name if snapshot.step else f"{self.prior.name}, not searched",
            step=snapshot.step,
            n=len(made),
            median=median,
            in_range=low <= median <= high,
            scalar=float(frechet_distance(self.activation, activation)),
            mean_gap=float(mean_gap),
            spread_gap=float(spread_gap),
            layer=layer,
            floor=floor,
            excess=layer - floor,
            low=layer - floor - half,
            high=layer - floor + half,
            error=half / NORMAL,
            kernel=kernel.mean,
            kernel_low=kernel.low,
            kernel_high=kernel.high,
            density=float(near.density),
            coverage=float(near.coverage),
            transfer=transfer,
            recognised=recognised,
            independent=independent,
            deviation=abs(float(self.prior.log_prior(snapshot.latent).mean()) - usual),
            steps=float(snapshot.at_step.double().mean()),
        )

    def floors(self, n: int) -> Floors:
        """Return what `n` sounds of a perfect generator would score, in bands of 90 % of the draws."""
        if self.reference.n_recordings < 2:
            return Floors(None, None)
        random = torch.Generator().manual_seed(self.seed)
        far = functools.partial(kernel_distance, unit=median_distance(self.features))
        kernel = floor_band(self.features, n, random, self.reference.recordings, distance=far)
        return Floors(kernel, None if self.reference.n_recordings < RECORDINGS else self._frechet_floor(n))

    def endless(self, snapshot: Snapshot) -> Extrapolation | None:
        """Return what the Fréchet distance of a setting would be for endless sounds; None for too few as it is."""
        if self.reference.n_recordings < RECORDINGS or len(snapshot.latent) < LINE:
            return None
        features = self.listener.hears(self.decoded(snapshot.latent))[1]
        real, made = reduced(self.features, as_rows(features))
        return frechet_infinity(real, made, torch.Generator().manual_seed(self.seed))

    def _frechet(self, real: Tensor, made: Tensor) -> tuple[float, float, float]:
        """Distance, floor, and half the width of the interval; NaN for too few recordings."""
        if self.reference.n_recordings < RECORDINGS:
            return UNKNOWN, UNKNOWN, UNKNOWN
        # Draws with replacement have a smaller spread than the set and lie off its value: only their width counts.
        boot = bootstrap_band(real, made, torch.Generator().manual_seed(self.seed))
        return float(frechet_distance(real, made)), self._frechet_floor(len(made)).mean, (boot.high - boot.low) / 2

    def _frechet_floor(self, n: int) -> Band:
        if n not in self._floors:
            random = torch.Generator().manual_seed(self.seed)
            self._floors[n] = floor_band(self.features, n, random, self.reference.recordings, distance=reduced_frechet)
        return self._floors[n]

    def _transfer(self, excerpts: Tensor) -> tuple[float, float, float]:
        """Activation, share recognised and kernel distance in the independent network; NaN without one."""
        if self.independent is None or self._elsewhere is None:
            return UNKNOWN, UNKNOWN, UNKNOWN
        real_activation, real_features, _ = self._elsewhere
        activation, features, units = self.independent.hears(excerpts)
        strongest = (units.argmax(dim=1) == self.independent.target.number).double().mean()
        return (
            float(gaps(real_activation, activation)[0]),
            float(strongest),
            float(kernel_distance(real_features, features)),
        )


def reduced_frechet(real: Tensor, made: Tensor) -> Tensor:
    """Return the Fréchet distance of features, reduced as those of generated sounds: by the real ones alone."""
    return frechet_distance(*reduced(real, made))


def reduced(real: Tensor, made: Tensor, principal: int = PRINCIPAL) -> tuple[Tensor, Tensor]:
    """Return features (n, D) and (m, D), or the principal components of the real ones where n or m is below 10 D."""
    if min(len(real), len(made)) >= 10 * real.shape[1] or real.shape[1] <= principal:
        return real, made
    mean = real.mean(dim=0)
    axes = torch.linalg.svd(real - mean, full_matrices=False).Vh[:principal].T
    return (real - mean) @ axes, (made - mean) @ axes
