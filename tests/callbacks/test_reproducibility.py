import random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from callbacks.reproducibility import EpochSeeds, make_reproducible


def draws(seed: int, epoch: int, rank: int = 0) -> tuple[float, ...]:
    trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
    EpochSeeds(seed).on_train_epoch_start(cast(Any, trainer), cast(Any, None))
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_an_epoch_draws_the_same_numbers_whatever_came_before() -> None:
    first = draws(0, 3)
    torch.rand(17), np.random.rand(3), random.random()
    assert draws(0, 3) == first


@pytest.mark.parametrize("other", [(1, 3, 0), (0, 4, 0), (0, 3, 1)])
def test_seed_epoch_and_process_all_count(other: tuple[int, int, int]) -> None:
    assert all(a != b for a, b in zip(draws(0, 3), draws(*other), strict=True))


def test_make_reproducible_seeds_and_sets_threads() -> None:
    before = torch.get_num_threads()
    make_reproducible(5, deterministic=True, threads=1)
    first = torch.rand(3)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 1
    make_reproducible(5, deterministic=False, threads=before)
    assert torch.equal(torch.rand(3), first)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
