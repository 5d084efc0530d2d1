"""Halves, the permutation null, false discoveries and polysemanticity."""

import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control

from configs.errors import InputError
from interpretability.dissection.concepts import from_descriptors, from_multi_label, one_hot
from interpretability.dissection.false_discovery import benjamini_hochberg
from interpretability.dissection.halves import positives, split_halves
from interpretability.dissection.permutation_null import NullSample, permutation_p
from interpretability.dissection.polysemanticity import polysemanticity, spread, without_shared_cluster


def test_halves_and_groups_hold_every_class_alike() -> None:
    labels = torch.arange(200) % 10
    halves = split_halves(one_hot(labels, [f"c{i}" for i in range(10)]), seed=3)
    counts = torch.stack([torch.bincount(labels[side], minlength=10) for side in (halves.naming, ~halves.naming)])
    assert bool((counts == 10).all())
    groups = halves.groups(5)
    assert bool((groups[~halves.naming] == 5).all())
    for group in range(5):
        assert torch.bincount(labels[groups == group], minlength=10).tolist() == [2] * 10
    again = split_halves(one_hot(labels, [f"c{i}" for i in range(10)]), seed=4)
    assert not torch.equal(halves.place, again.place)


def test_clips_of_one_source_stay_together() -> None:
    labels = torch.arange(60) // 6 % 2
    sources = [f"recording {i // 3}" for i in range(60)]
    halves = split_halves(one_hot(labels, ["a", "b"]), 0, sources)
    sides = [{bool(halves.naming[i]) for i in range(60) if sources[i] == source} for source in set(sources)]
    assert all(len(side) == 1 for side in sides)
    assert int(halves.naming.sum()) == 30
    with pytest.raises(InputError, match="3 sources for a probe set of 60"):
        split_halves(one_hot(labels, ["a", "b"]), 0, ["x", "y", "z"])


def test_a_rare_label_is_in_both_halves() -> None:
    targets = torch.zeros(40, 2)
    targets[:30, 0] = 1
    targets[[5, 17], 1] = 1
    halves = split_halves(from_multi_label(targets, ["common", "rare"]), 0)
    assert sorted(halves.naming[[5, 17]].tolist()) == [False, True]


def test_too_few_clips_are_refused() -> None:
    with pytest.raises(InputError, match="3 clips of different sources; it needs at least 4"):
        split_halves(one_hot(torch.tensor([0, 1, 1]), ["a", "b"]))


def test_which_clips_have_a_concept() -> None:
    assert positives(one_hot(torch.tensor([1, 0]), ["a", "b"])).tolist() == [[False, True], [True, False]]
    descriptor = torch.arange(10.0)
    descriptor[9] = torch.nan
    found = positives(from_descriptors({"level": descriptor}))[:, 0]
    assert found.nonzero().flatten().tolist() == [7, 8]  # the highest fifth of nine


def test_q_values_are_those_of_scipy() -> None:
    p = torch.tensor([0.001, 0.2, 0.03, torch.nan, 0.03, 0.9, 0.0004], dtype=torch.float64)
    tested = ~p.isnan()
    assert np.allclose(benjamini_hochberg(p)[tested], false_discovery_control(p[tested].numpy()))
    assert bool(benjamini_hochberg(p)[3].isnan())
    assert bool(benjamini_hochberg(p[3:4]).isnan())


@pytest.mark.parametrize("pole", [1, -1])
@pytest.mark.parametrize("observed", [False, True])
def test_p_of_a_correlation_is_that_of_a_plain_permutation_test(pole: int, observed: bool) -> None:
    torch.manual_seed(0)
    values, scores = torch.randn(50, 20).exp(), (torch.rand(50, 3) < 0.2).float()
    known = torch.rand(50, 3) < 0.8 if observed else None
    rows = known[:, 1] if known is not None else torch.ones(50, dtype=torch.bool)
    random = np.random.default_rng(0)
    plain = [
        np.corrcoef(random.permutation(scores[rows, 1]), values[rows].numpy().T)[0, 1:] * pole for _ in range(2000)
    ]
    concept, r = torch.tensor([1, 1, 1, -1]), torch.tensor([0.1, 0.3, 0.45, 0.9], dtype=torch.float64)
    found = permutation_p(NullSample(values, scores, known), concept, torch.full((4,), pole), r, seed=0)
    for place in range(3):
        expected = float((np.stack(plain) >= float(r[place])).mean())
        assert float(found[place]) == pytest.approx(expected, rel=0.25, abs=2e-3)
    assert bool(found[3].isnan())


def test_p_of_chance_is_uniform() -> None:
    torch.manual_seed(1)
    values, scores = torch.randn(60, 400), (torch.arange(60)[:, None] % 4 == torch.arange(4)).float()
    concept = torch.randint(4, (400,))
    r = torch.tensor([np.corrcoef(values[:, u], scores[:, c])[0, 1] for u, c in enumerate(concept)])
    p = permutation_p(NullSample(values[:, :100], scores, None), concept, torch.ones(400), r, 0)
    for level in (0.05, 0.25, 0.5):
        assert float((p <= level).float().mean()) == pytest.approx(level, abs=0.075)


def test_a_concept_that_does_not_vary_has_p_one() -> None:
    sample = NullSample(torch.randn(20, 3), torch.zeros(20, 1), None)
    assert permutation_p(sample, torch.tensor([0]), torch.tensor([1]), torch.tensor([0.0]), 0).tolist() == [1]


def test_spread_by_hand() -> None:
    vectors = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 8.0]])
    found = spread(vectors, torch.tensor([[0, 1, 2], [0, 1, -1], [2, -1, -1]]))
    assert found[:2].tolist() == pytest.approx([(5 + 8 + 5) / 3, 5])
    assert bool(found[2].isnan())


def test_units_of_one_class_are_not_polysemantic_and_random_ones_are_as_often_as_chance_says() -> None:
    labels = torch.arange(400) % 10
    vectors = torch.nn.functional.one_hot(labels, 10).float()
    generator = torch.Generator().manual_seed(5)
    pure = torch.stack([(labels == c).nonzero().flatten()[:8] for c in range(10)])
    two = torch.cat([pure[:, :4], pure.roll(1, 0)[:, :4]], dim=1)
    random = torch.stack([torch.randperm(400, generator=generator)[:8] for _ in range(600)])
    found = polysemanticity(vectors, torch.cat([pure, two, random]), seed=0)
    assert not found.polysemantic[:20].any()
    assert bool((found.excess[:10] < found.excess[10:20]).all())
    assert bool((found.z[:20] < -3).all())
    assert float(found.z[20:].abs().mean()) < 1.2
    assert float(found.polysemantic[20:].float().mean()) == pytest.approx(found.chance, abs=0.03)
    assert 0.9 < found.chance <= 1
    with pytest.raises(InputError, match="compares clips with each other"):
        polysemanticity(vectors, pure[:, :1])


def test_the_published_test_by_hand() -> None:
    member = torch.tensor([[1, 0], [1, 0], [1, 1], [0, 1], [1, 0], [0, 1]]).bool()
    clips = torch.tensor([[0, 1, 2, 3, 4], [2, 3, 5, 0, 1]])  # 4 and 3 clips share the most common cluster
    assert without_shared_cluster(member, clips, 4).tolist() == [False, True]
    assert without_shared_cluster(member, clips, 3).tolist() == [False, False]
