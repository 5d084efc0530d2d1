import pytest

from datamodules.sampling import EpochSampler, EvaluationSampler


def test_every_clip_once_per_epoch_in_an_order_of_its_own():
    epoch = 0
    sampler = EpochSampler(50, 1, lambda: epoch)
    orders = []
    for epoch in range(3):
        pairs = list(sampler)
        assert {e for e, _ in pairs} == {epoch}
        assert sorted(i for _, i in pairs) == list(range(50))
        orders.append([i for _, i in pairs])
    assert orders[0] != orders[1] != orders[2]
    epoch = 1
    assert [i for _, i in sampler] == orders[1]
    assert [i for _, i in EpochSampler(50, 2, lambda: 1)] != orders[1]


def test_the_epoch_is_asked_for_when_the_iteration_begins():
    asked = []
    sampler = EpochSampler(4, 0, lambda: asked.append(1) or 7)
    assert not asked
    assert next(iter(sampler))[0] == 7


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_share_the_training_clips_and_drop_the_uneven_tail(world):
    shares = [[i for _, i in EpochSampler(10, 0, lambda: 0, rank, world)] for rank in range(world)]
    assert {len(share) for share in shares} == {10 // world}
    assert len({i for share in shares for i in share}) == 10 // world * world
    whole = [i for _, i in EpochSampler(10, 0, lambda: 0)]
    assert [i for step in zip(*shares, strict=True) for i in step] == whole[: 10 // world * world]


@pytest.mark.parametrize("n_clips", [0, 1, 7, 8])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_evaluation_takes_every_clip_exactly_once(n_clips, world):
    samplers = [EvaluationSampler(n_clips, rank, world) for rank in range(world)]
    assert sorted(i for sampler in samplers for i in sampler) == list(range(n_clips))
    assert all(len(sampler) == len(list(sampler)) for sampler in samplers)


def test_several_passes_are_as_many_epochs_in_one() -> None:

    single = [list(EpochSampler(7, 3, lambda epoch=epoch: epoch)) for epoch in range(6)]
    double = [list(EpochSampler(7, 3, lambda epoch=epoch: epoch, passes=3)) for epoch in range(2)]
    assert double == [[key for part in single[:3] for key in part], [key for part in single[3:] for key in part]]
    shards = [list(EpochSampler(7, 3, lambda: 0, rank, 2, passes=2)) for rank in (0, 1)]
    assert [len(shard) for shard in shards] == [6, 6] == [len(EpochSampler(7, 3, lambda: 0, 0, 2, 2))] * 2
    assert not set(shards[0]) & set(shards[1])
