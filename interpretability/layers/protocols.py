"""The papers' latent sweeps as ready settings: which latents, over which values, in which steps, from how many starts.

Sources: [T] Begus & Zhou 2022 (TASLP), [R] Begus 2021 (TACL), [S] Begus & Zhou 2022 (Interspeech), [C] Begus 2021
(Neural Networks). A latent's number belongs to one trained model: in another, `controlling_variable` finds it first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from configs.errors import InputError

SIZE = 100
"""Latents of all published models; codes come first."""


@dataclass(frozen=True)
class Protocol:
    """A path of some latents; all others stay at a draw from U(-1, 1)."""

    latents: tuple[int, ...]
    points: tuple[tuple[float, ...], ...]
    """Values of the latents at the corners of the path."""
    step: float
    """Between two settings, of the latent that moves most."""
    bases: int
    """Starting points: of the paper, or at least 64 where it has fewer."""
    codes: int
    """Latents at the front that are a code of the model."""
    published_bases: int
    source: str

    @property
    def path(self) -> Tensor:
        """Return the settings (S, k), corners included."""
        rows = [torch.tensor(self.points[0], dtype=torch.float64)]
        for corner in self.points[1:]:
            end = torch.tensor(corner, dtype=torch.float64)
            count = max(1, round(float((end - rows[-1]).abs().max()) / self.step))
            start = rows[-1]
            rows += [start + (end - start) * i / count for i in range(1, count + 1)]
        return torch.stack(rows).float()

    def starting_points(self, size: int = SIZE, seed: int = 0, bases: int | None = None) -> Tensor:
        """Return starting points (K, size): codes 0, the others from U(-1, 1).

        Raises:
            InputError: A model with fewer latents than the protocol moves.
        """
        if max(self.latents) >= size:
            raise InputError(f"the protocol moves latent {max(self.latents)}, the generator has {size}, counted from 0")
        random = torch.Generator().manual_seed(seed)
        out = torch.rand(bases or self.bases, size, generator=random) * 2 - 1
        out[:, : self.codes] = 0
        return out

    def of_latents(self, *latents: int) -> "Protocol":
        """Return the same path for other latents, those that control the property in one's own model.

        Raises:
            InputError: Another number of latents.
        """
        if len(latents) != len(self.latents):
            raise InputError(f"the protocol moves {len(self.latents)} latents together, {len(latents)} were given")
        return replace(self, latents=latents)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "frication": Protocol((11,), ((-15.0,), (5.0,)), 2.0, 64, 0, 1, "[T] Fig. 9: z11, WaveGAN on TIMIT"),
        "general": Protocol((11,), ((-5.0,), (5.0,)), 0.5, 64, 0, 1, "[T] II-B: the general example"),
        "reduplication": Protocol(
            (0, 1), ((0.0, 0.0), (0.0, 2.0)), 0.25, 64, 2, 1, "[T] Fig. 10: the codes of a ciwGAN"
        ),
        "reduplication_both_ways": Protocol(
            (0, 1), ((1.5, 0.0), (0.0, 0.0), (0.0, 1.5)), 0.125, 100, 2, 100, "[R]: 25 outputs in each of 100 sets"
        ),
        "features": Protocol(
            (2, 3, 5), ((0.0, 0.0, 0.0), (3.0, 3.0, 3.0)), 0.2, 64, 9, 20, "[S]: three of the nine features of a fiwGAN"
        ),
        "lexical": Protocol(
            (0,), ((0.0,), (2.0,)), 0.25, 100, 5, 100, "[C]: a code set to 2, beyond its training value of 1"
        ),
    }
)
"""Name -> sweep."""
