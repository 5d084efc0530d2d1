"""What a search finds for one unit, and where a later one goes on."""

from dataclasses import dataclass

from torch import Tensor

from callbacks.generation_units import Unit
from interpretability.generation.frechet_uncertainty import Extrapolation
from interpretability.generation.judge import Floors
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Lane
from interpretability.generation.reference import Reference
from interpretability.generation.score_agreement import share_of_way
from interpretability.generation.search_result import Search
from interpretability.generation.selection import By, Choice


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Where a search goes on: latents (n, ...) of an earlier one, and the settings that are tried from there."""

    latent: Tensor
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, eq=False)
class UnitGenerations:
    """What one unit asks for.

    Attributes:
        unit: which.
        aim: maximise, minimise or reach.
        scores: of all settings, each a lane after some steps.
        ceiling: of the latents that the search began with.
        floors: distances of as many real excerpts to other real ones.
        endless: Fréchet distance of the chosen setting for endless sounds (FID-infinity), on a line through those of
            fewer; None after a refresh, for fewer than 16 sounds, and for fewer than ten recordings.
        by: the distance that chose: frechet, or kernel where there are too few recordings for it.
        choice: the setting whose sounds explain the unit best, and why.
        lane: the setting as such.
        search: everything that was searched, with the trace of activations.
        reference: the real excerpts that excite the unit; its places count among `ground.excerpts`.
        latent: (n, ...) of the chosen setting, on the CPU; what a warm start takes.
        activation: (n,) of the unit for them.
        features: (n, *sound.shape) decoded.
        start_features: (n, *sound.shape) of the latents that the search began with.
        waveform: (n, N) as heard.
        vocoding: how features became sound.
        sample_rate: in Hz.
        nearest: (n,) for each sound the place of the nearest real excerpt of the reference, in the compared features.
        warm: whether the search went on from an earlier one.
        seconds: that the search took.
    """

    unit: Unit
    aim: str
    scores: tuple[LaneScore, ...]
    ceiling: LaneScore
    floors: Floors
    endless: Extrapolation | None
    by: By
    choice: Choice
    lane: Lane
    search: Search
    reference: Reference
    latent: Tensor
    activation: Tensor
    features: Tensor
    start_features: Tensor
    waveform: Tensor
    vocoding: str
    sample_rate: int
    nearest: Tensor
    warm: bool
    seconds: float

    @property
    def key(self) -> str:
        """The unit as it was typed."""
        return self.unit.key

    def share_of_way(self, score: LaneScore) -> float:
        """Return where the kernel distance of a setting lies between real sounds (0) and no search (1).

        NaN for a reference of one recording.
        """
        floor = self.floors.kernel
        return share_of_way(score.kernel, float("nan") if floor is None else floor.mean, self.ceiling.kernel)


def refreshed(found: UnitGenerations) -> WarmStart:
    """Return where a small refresh of a search begins: its latents, with the chosen setting alone."""
    return WarmStart(found.latent, (found.lane,))
