"""Which clips an epoch takes, in which order, on which rank: a function of seed and epoch, so resuming is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch.utils.data import Sampler

from datamodules.batch import clip_generator

_SHUFFLE_STREAM = 1

EpochIndex = tuple[int, int]


class EpochSampler(Sampler[EpochIndex]):
    """Every training clip once per epoch in shuffled order, as (epoch, index) pairs.

    The epoch is asked for when an iteration begins, not when the sampler is made: Lightning builds the iterator of a
    resumed run before it would call `set_epoch`. Ranks take turns through one common order; the uneven tail is dropped,
    so that all ranks make the same number of steps. With several passes in an epoch each counts as an epoch of its own
    for order and augmentation.
    """

    def __init__(
        self, n_clips: int, seed: int, epoch: Callable[[], int], rank: int = 0, world: int = 1, passes: int = 1
    ) -> None:
        self.n_clips, self.seed, self.epoch, self.rank, self.world = n_clips, seed, epoch, rank, world
        self.passes = passes

    def __iter__(self) -> Iterator[EpochIndex]:
        first = self.epoch() * self.passes
        taken = self.n_clips // self.world * self.world
        for epoch in range(first, first + self.passes):
            order = clip_generator(self.seed, epoch, 0, _SHUFFLE_STREAM).permutation(self.n_clips)
            for index in order[:taken][self.rank :: self.world]:
                yield epoch, int(index)

    def __len__(self) -> int:
        return self.n_clips // self.world * self.passes


class EvaluationSampler(Sampler[int]):
    """Every clip once in the order of the split; rank r takes r, r + world, ... and nothing is padded or repeated."""

    def __init__(self, n_clips: int, rank: int = 0, world: int = 1) -> None:
        self.indices = range(rank, n_clips, world)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
