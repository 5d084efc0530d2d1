"""Which clips of a probe set choose names, and which score them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.concepts import Concepts

FEWEST = 4
"""Clips below which nothing can be said: two in each half."""
TOP_SHARE = 0.2
"""Share of the clips that count as having a concept whose scores have no threshold of their own."""


@dataclass(frozen=True, eq=False)
class Halves:
    """The two halves of a probe set.

    Attributes:
        place: (N,) int64 place of a clip in the naming half, in an order in which neighbours have different concepts;
            -1 for clips that score.
    """

    place: Tensor

    @property
    def naming(self) -> Tensor:
        """(N,) bool: clips that choose names."""
        return self.place >= 0

    def groups(self, n_groups: int) -> Tensor:
        """(N,) int64: the naming half in groups 0 ... G - 1 alike in their concepts; the scoring half is group G."""
        return torch.where(self.naming, self.place % n_groups, n_groups)


def positives(concepts: Concepts) -> Tensor:
    """(N, M) bool: clips that have a concept; of scores without a threshold the highest fifth of each concept."""
    if concepts.kind != "score":
        return concepts.known & (concepts.scores >= 0.5)
    known = concepts.known
    ranked = concepts.scores.masked_fill(~known, -torch.inf).sort(dim=0, descending=True).values
    count = (TOP_SHARE * known.sum(dim=0)).round().long().clamp_min(1)
    return known & (concepts.scores >= ranked.gather(0, count[None] - 1))


def split_halves(concepts: Concepts, seed: int = 0, sources: Sequence[Hashable] | None = None) -> Halves:
    """Share the clips out to two halves at random, so that each concept is in both wherever it can be.

    Args:
        concepts: of the clips.
        seed: of the draw.
        sources: what each of the N clips was cut from; clips of one source stay in one half.

    Raises:
        InputError: Fewer than four clips or sources, or sources of another number of clips.
    """
    n = concepts.n_clips
    sources = list(range(n)) if sources is None else list(sources)
    if len(sources) != n:
        raise InputError(f"{len(sources)} sources for a probe set of {n} clips; give one for each clip")
    numbers = {source: number for number, source in enumerate(dict.fromkeys(sources))}
    if len(numbers) < FEWEST:
        raise InputError(f"the probe set has {len(numbers)} clips of different sources; it needs at least {FEWEST}")
    of_clip = torch.tensor([numbers[source] for source in sources])
    held = torch.zeros(len(numbers), len(concepts)).index_add_(0, of_clip, positives(concepts).float())
    rarity = torch.where(held > 0, held.sum(dim=0), torch.inf)
    kind = torch.where((held > 0).any(dim=1), rarity.argmin(dim=1), len(concepts))  # the rarest concept of a source
    shuffled = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))
    order = shuffled[kind[shuffled].argsort(stable=True)]
    side = torch.empty_like(order)
    side[order] = torch.arange(len(order)) % 2
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    place = torch.full((n,), -1)
    naming = (side[of_clip] == 0).nonzero().flatten()
    place[naming[rank[of_clip[naming]].argsort(stable=True)]] = torch.arange(len(naming))
    return Halves(place)
