"""Real excerpts that excite a unit: spaced in time, few of each recording, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import as_rows
from interpretability.generation.search_settings import SearchSettings

LEAST = 20
"""Excerpts below which no score is given."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Excerpts that what is generated is compared with.

    Attributes:
        places: (n,) int64 positions among the excerpts that were offered, most exciting first.
        activation: (n,) float64 of the unit.
        recordings: of each excerpt.
        lowest: whether these are the excerpts of least activation.
    """

    places: Tensor
    activation: Tensor
    recordings: tuple[object, ...]
    lowest: bool = False

    @property
    def n(self) -> int:
        """Number of excerpts."""
        return len(self.places)

    @property
    def n_recordings(self) -> int:
        """Number of recordings that they are of."""
        return len(set(self.recordings))

    @property
    def described(self) -> str:
        """What every figure says of its reference."""
        return f"n = {self.n} excerpts of {self.n_recordings} recordings"

    @property
    def band(self) -> tuple[float, float]:
        """From the 5 % to the 99.9 % quantile of the activations; from 0.1 % to 95 % where the lowest are wanted."""
        edges = (0.001, 0.95) if self.lowest else (0.05, 0.999)
        low, high = self.activation.quantile(torch.tensor(edges, dtype=self.activation.dtype)).tolist()
        return low, high

    @property
    def stop(self) -> float:
        """The 99 % quantile, at which an example is as strong as it should be; 1 % where the lowest are wanted."""
        return float(self.activation.quantile(0.01 if self.lowest else 0.99))

    def settings(self, **changes: Any) -> SearchSettings:  # noqa: ANN401 - the fields of SearchSettings
        """Return search settings with this band and early stop."""
        return replace(SearchSettings(band=self.band, stop=self.stop), **changes)


def choose_excerpts(
    activation: Tensor,
    recordings: Sequence[object],
    seconds: Tensor,
    length: float,
    share: float = 0.01,
    most: int = 400,
    per_recording: int = 3,
    least: int = LEAST,
    lowest: bool = False,
) -> Reference:
    """Choose the most exciting of held-out excerpts, none overlapping another (near duplicates are one example).

    Args:
        activation: (N,) of the unit, for excerpts that trained neither the network nor the prior.
        recordings: of each excerpt.
        seconds: (N,) where each begins in its recording.
        length: of an excerpt in seconds; chosen ones of a recording begin at least so far apart.
        share: of the excerpts that count as exciting, from the most exciting on.
        most: excerpts that are chosen at most.
        per_recording: excerpts of one recording at most.
        least: excerpts that are needed.
        lowest: choose the least exciting instead.

    Raises:
        InputError: Constant activations, lists of different lengths, or fewer excerpts than needed (says how many).
    """
    values = as_rows(activation)[:, 0].cpu()
    if not len(values) == len(recordings) == len(seconds):
        raise InputError(
            f"{len(values)} activations, {len(recordings)} recordings and {len(seconds)} times: one of each per excerpt"
        )
    if not 0 < share <= 1 or length <= 0 or per_recording < 1:
        raise InputError(f"share={share}, length={length}, per_recording={per_recording}: all above 0, share at most 1")
    if len(values) > 1 and not float(values.max() - values.min()) > 1e-6 * float(values.abs().max()):
        raise InputError(
            f"all {len(values)} excerpts give the activation {float(values[0]):.4g}: none excites the unit more than "
            "another; choose another unit or read_out"
        )
    order = values.sort(descending=not lowest, stable=True).indices[: max(1, round(share * len(values)))].tolist()
    taken: dict[object, list[float]] = {}
    places: list[int] = []
    for place in order:
        starts, at = taken.setdefault(recordings[place], []), float(seconds[place])
        # Times in float32 are a few microseconds off.
        if len(starts) < per_recording and all(abs(at - other) >= length - 1e-4 for other in starts):
            starts.append(at)
            places.append(place)
        if len(places) == most:
            break
    if len(places) < least:
        raise InputError(
            f"{len(places)} reference excerpts of {len({recordings[i] for i in places})} recordings, and {least} are "
            f"needed: {len(order)} of {len(values)} excerpts are the most exciting ones (share={share:g}), at least "
            f"{length:g} s apart and at most {per_recording} per recording; raise share or per_recording, or offer more"
        )
    chosen = torch.tensor(places)
    return Reference(chosen, values[chosen], tuple(recordings[i] for i in places), lowest)
