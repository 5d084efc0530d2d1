"""Work that all processes of a training share: what each has gathered is handed to all, and none is left waiting."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch.distributed as dist

from callbacks.instrument import InstrumentError

T = TypeVar("T")
S = TypeVar("S")


class Shards:
    """Exchange between the processes of a training; with one process, none.

    Inside `together`, every process makes the same exchanges in the same order. One that fails says so in the place of
    its next exchange, and all others raise there.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        self.rank, self.world = trainer.global_rank, trainer.world_size

    def together(self, work: Callable[[], T]) -> T:
        """Do `work`, in which `gather` and `from_first` may be called.

        Raises:
            InstrumentError: It failed on another process.
            Exception: What `work` raised on this one.
        """
        if self.world == 1:
            return work()
        try:
            found = work()
        except InstrumentError:
            raise  # the others know
        except Exception:
            self._exchange(None, failed=True)
            raise
        self._exchange(None)
        return found

    def gather(self, item: S) -> list[S]:
        """Return the items of all processes, in their order."""
        return [item] if self.world == 1 else self._exchange(item)

    def from_first(self, make: Callable[[], S]) -> S:
        """Let the first process make something and return it on all."""
        return self.gather(make() if self.rank == 0 else None)[0]  # type: ignore[return-value]

    def _exchange(self, item: Any, failed: bool = False) -> list[Any]:  # noqa: ANN401
        items: list[Any] = [None] * self.world
        dist.all_gather_object(items, (failed, item))
        if not failed and any(other for other, _ in items):
            raise InstrumentError("it failed on another process")
        return [item for _, item in items]
