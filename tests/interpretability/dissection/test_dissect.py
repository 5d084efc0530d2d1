"""Dissection of whole networks: planted units are found, shuffled labels name nothing, shards are the whole."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.concepts import Concepts, from_multi_label, one_hot
from interpretability.dissection.dissect import dissect
from interpretability.dissection.dissection import Dissection, LayerDissection
from interpretability.dissection.measurement import State
from interpretability.dissection.naming import NamingRules
from interpretability.dissection.probe_set import ProbeBatch, ProbeSet, WaveformProbes

STREAM = 0
"""`keep_bytes` at which nothing is kept."""


class Lookup(nn.Module):
    """A network whose layer gives each clip the map (U, T) of its number, which is the clip's first sample."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.register_buffer("maps", maps)
        self.layer = nn.Identity()
        self.evaluated: list[int] = []

    def forward(self, waveform: Tensor) -> Tensor:
        number = waveform[:, 0].long()
        self.evaluated += number.tolist()
        return self.layer(self.maps[number])


@dataclass
class Planted:
    """Units that respond to one class each, at one pole, with noise."""

    model: Lookup
    clips: WaveformProbes
    labels: Tensor
    own: Tensor
    sign: Tensor

    @property
    def concepts(self) -> Concepts:
        return one_hot(self.labels, [f"class {i}" for i in range(int(self.labels.max()) + 1)])


def planted(n: int = 200, classes: int = 10, units: int = 60, noise: float = 0.5, seed: int = 0) -> Planted:
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.arange(n) % classes)[torch.randperm(n, generator=generator)]
    own = torch.randint(classes, (units,), generator=generator)
    sign = 2 * torch.randint(2, (units,), generator=generator) - 1
    values = (labels[:, None] == own) * sign + noise * torch.randn(n, units, generator=generator)
    maps = values[:, :, None].repeat(1, 1, 4)
    numbers = torch.zeros(n, 40)
    numbers[:, 0] = torch.arange(n)
    return Planted(Lookup(maps), WaveformProbes(numbers, 40, batch_size=16), labels, own, sign)


def found(world: Planted, **options: object) -> LayerDissection:
    concepts = options.pop("concepts", world.concepts)
    return dissect(world.model, ["layer"], world.clips, concepts, **options).layers["layer"]  # type: ignore[arg-type]


def shares(world: Planted, layer: LayerDissection) -> tuple[float, float]:
    """Share of planted poles with the right name, and of the other poles with any."""
    names = layer.names
    mine = names.pole == world.sign[names.unit]
    right = names.concept == world.own[names.unit]
    return float(right[mine].float().mean()), float(names.named[~mine].float().mean())


@pytest.mark.parametrize("keep_bytes", [1 << 30, STREAM])
def test_planted_units_are_named_and_clips_are_evaluated_once(keep_bytes: int) -> None:
    world = planted()
    layer = found(world, keep_bytes=keep_bytes)
    right, others = shares(world, layer)
    assert right >= 0.95
    assert others <= 0.1
    look = world.model.evaluated[:6]  # at what the layer gives, for a longer clip too
    assert set(look) == {0, 1}
    assert sorted(world.model.evaluated[6:]) == list(range(200))
    named = layer.names.named
    assert bool((layer.names.q[named] <= 0.05).all())
    assert bool((layer.names.auprc[named] > layer.names.chance[named]).all())
    assert float(layer.names.stability[named].median()) > 0.9
    assert bool((layer.names.correlation[named] > 0).all())
    assert layer.summary["named_share"] == pytest.approx(float(named.sum()) / len(named))
    assert layer.summary["distinct"] == 10
    mine = layer.names.pole == world.sign[layer.names.unit]
    spread = layer.polysemanticity
    assert float(spread.polysemantic[mine].float().mean()) < 0.2 < spread.chance


@pytest.mark.parametrize("keep_bytes", [1 << 30, STREAM])
def test_shuffled_labels_name_nothing(keep_bytes: int) -> None:
    names = []
    for seed in range(8):
        world = planted(seed=seed)
        world.labels = world.labels[torch.randperm(200, generator=torch.Generator().manual_seed(100 + seed))]
        names.append(found(world, seed=seed, keep_bytes=keep_bytes).summary["named_share"])
    assert sum(names) / len(names) <= 0.05
    assert sum(share > 0 for share in names) <= 3


def test_streaming_finds_what_keeping_finds() -> None:
    world = planted(400, 8, 50)
    kept, streamed = found(world), found(world, keep_bytes=STREAM)
    for name in ("concept", "candidate", "unit", "pole", "p", "q", "stability", "chance"):
        assert torch.equal(getattr(kept.names, name), getattr(streamed.names, name)), name
    assert float((kept.names.auprc - streamed.names.auprc).abs().max()) < 0.04
    assert float((kept.names.f1 - streamed.names.f1).abs().max()) < 0.08
    assert torch.equal(kept.polysemanticity.spread, streamed.polysemanticity.spread)
    same_statistics(kept, streamed)


def same_statistics(first: LayerDissection, second: LayerDissection) -> None:
    a, b = first.statistics, second.statistics
    assert (a.n_clips, a.layer, a.read_out) == (b.n_clips, b.layer, b.read_out)
    assert torch.equal(a.histogram, b.histogram)
    for side in ("top", "bottom"):
        assert torch.equal(getattr(a, side).clips, getattr(b, side).clips)
        assert torch.equal(getattr(a, side).seconds, getattr(b, side).seconds)
    for name in ("mean", "std", "correlation"):
        assert float((getattr(a, name) - getattr(b, name)).abs().max()) < 1e-9


@dataclass
class Shard:
    """Every n-th clip of a probe set, under its own position."""

    source: ProbeSet
    rank: int
    world: int

    @property
    def names(self) -> tuple[str, ...]:
        return self.source.names

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    def batches(self) -> Iterator[ProbeBatch]:
        for batch in self.source.batches():
            yield batch.rows(batch.index % self.world == self.rank)


class NoShard(Shard):
    """The first process has all clips."""

    def batches(self) -> Iterator[ProbeBatch]:
        return self.source.batches() if self.rank == 0 else iter(())


def in_turns(world: Planted, n_processes: int, shard: type[Shard] = Shard, **options: object) -> Dissection:
    """Dissect in several processes, acted out one after the other until all know what each has gathered."""
    known: list[list[State]] = []

    class NotYetError(Exception):
        pass

    def of(rank: int, rounds: list[list[State]], into: list[State]) -> Dissection:
        turn = iter(range(100))

        def gather(state: State) -> list[State]:
            number = next(turn)
            if number < len(rounds):
                return rounds[number]
            into.append({name: value.clone() for name, value in state.items()})
            raise NotYetError

        clips = shard(world.clips, rank, n_processes)
        return dissect(world.model, ["layer"], clips, world.concepts, gather=gather, **options)  # type: ignore[arg-type]

    while True:
        states: list[State] = []
        results = []
        for rank in range(n_processes):
            try:
                results.append(of(rank, known, states))
            except NotYetError:
                continue
        if results:
            assert len(results) == n_processes
            return results[-1]
        known.append(states)


@pytest.mark.parametrize("keep_bytes", [1 << 30, STREAM])
@pytest.mark.parametrize("n_processes", [2, 3])
def test_shards_find_what_one_process_finds(keep_bytes: int, n_processes: int) -> None:
    world = planted(90, 5, 20)
    whole = found(world, keep_bytes=keep_bytes)
    joined = in_turns(world, n_processes, keep_bytes=keep_bytes).layers["layer"]
    same_statistics(whole, joined)
    for name in ("concept", "candidate", "p", "q", "stability", "auprc", "f1", "chance"):
        assert torch.allclose(getattr(whole.names, name), getattr(joined.names, name), atol=1e-6, equal_nan=True), name


def test_a_process_without_clips_takes_part() -> None:
    world = planted(90, 5, 20)
    joined = in_turns(world, 2, shard=NoShard, keep_bytes=STREAM).layers["layer"]
    same_statistics(found(world), joined)


def test_dead_units_have_no_name_and_no_test() -> None:
    world = planted()
    world.model.maps[:, 3] = 0.25
    layer = found(world)
    rows = layer.names.unit == 3
    assert layer.statistics.dead.nonzero().flatten().tolist() == [3]
    assert int(rows.sum()) == 1  # never negative: no low pole
    assert layer.names.concept[rows].tolist() == layer.names.candidate[rows].tolist() == [-1]
    assert layer.names.p[rows].tolist() == [1]
    assert bool(layer.names.q[rows].isnan())
    assert layer.summary["dead"] == 1
    world.model.maps[:] = 1.0
    all_dead = found(world)
    assert not all_dead.names.named.any()
    assert all_dead.summary["named_share"] == 0


def test_rectified_units_have_one_pole() -> None:
    world = planted()
    world.model.maps.relu_()
    names = found(world).names
    assert (len(names), set(names.pole.tolist())) == (60, {1})


def test_partially_labelled_clips() -> None:
    world = planted(300, 6, 40)
    targets = torch.nn.functional.one_hot(world.labels, 6).float()
    observed = torch.rand(300, 6, generator=torch.Generator().manual_seed(1)) < 0.7
    concepts = from_multi_label(targets, [f"class {i}" for i in range(6)], observed)
    kept = found(world, concepts=concepts)
    streamed = found(world, concepts=concepts, keep_bytes=STREAM)
    assert shares(world, kept)[0] >= 0.95
    assert torch.equal(kept.names.concept, streamed.names.concept)


def test_scores_without_a_threshold() -> None:
    world = planted()
    scores = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    world.model.maps[:, :4] = (3 * scores + torch.randn(200, 4))[:, :, None]
    layer = found(world, concepts=Concepts(("a", "b", "c", "d"), scores, "score", "descriptors"))
    high = (layer.names.pole > 0) & (layer.names.unit < 4)
    assert layer.names.concept[high].tolist() == [0, 1, 2, 3]
    assert bool((layer.names.chance[high] < 0.35).all())


def test_a_name_may_have_to_be_worth_giving() -> None:
    world = planted(noise=0.8)
    every, few = found(world), found(world, rules=NamingRules(least_correlation=0.4))
    assert int(few.names.named.sum()) < int(every.names.named.sum())
    assert bool((few.names.correlation[few.names.named] > 0.4).all())


def test_the_same_seed_finds_the_same() -> None:
    world = planted(noise=3.0)
    first, again = found(world, seed=5), found(world, seed=5)
    for name in ("concept", "p", "q", "stability", "auprc"):
        assert torch.equal(getattr(first.names, name), getattr(again.names, name))


@dataclass
class Silent:
    """A probe set that promises clips and yields none."""

    sample_rate = 40
    names = tuple(f"clip {i}" for i in range(200))

    def batches(self) -> Iterator[ProbeBatch]:
        return iter(())


def test_bad_input_is_one_line() -> None:
    world = planted()
    with pytest.raises(InputError, match="the probe set is empty: it yields no clip"):
        dissect(world.model, ["layer"], Silent(), world.concepts)
    with pytest.raises(InputError, match="all 200 clips are 'a'"):
        one_hot(torch.zeros(200, dtype=torch.long), ["a", "b"])
    with pytest.raises(InputError, match="scores of 40 clips, the probe set 200"):
        dissect(world.model, ["layer"], world.clips, one_hot(torch.arange(40) % 2, ["a", "b"]))
    with pytest.raises(InputError, match="40 Hz, the model wants 16000 Hz"):
        dissect(world.model, ["layer"], world.clips, world.concepts, sample_rate=16000)
    with pytest.raises(InputError, match="layer 'lyaer': the network has no such layer, did you mean 'layer'"):
        dissect(world.model, ["lyaer"], world.clips, world.concepts)
    with pytest.raises(InputError, match="no layer to dissect"):
        dissect(world.model, [], world.clips, world.concepts)
    with pytest.raises(InputError, match="k=1: keep at least two"):
        dissect(world.model, ["layer"], world.clips, world.concepts, k=1)
    with pytest.raises(InputError, match="yields 100 of its 200 clips"):
        dissect(world.model, ["layer"], Shard(world.clips, 0, 2), world.concepts)
    assert not world.model.layer._forward_hooks
