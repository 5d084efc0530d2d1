"""Agreement against SciPy, cascading randomisation on a network by hand, and the band of untrained networks."""

import copy

import pytest
import scipy.stats
import torch
from torch import nn

from interpretability.listening.agreement import cosine, ranks, spearman
from interpretability.listening.sanity import (
    cascade,
    centred_cosine,
    layers_from_output,
    likeness,
    permuted_atoms,
    replaced,
    untrained_band,
)
from interpretability.listening.seed_stability import component_similarity, match, rank_agreement, top_overlap


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_spearman_is_that_of_scipy_with_ties():
    first, second = random(6, 40), random(6, 40, seed=1)
    first[:, :15] = first[:, :15].round()
    second[:, 5:30] = second[:, 5:30].round()
    expected = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    assert spearman(first, second).tolist() == pytest.approx(expected)
    assert ranks(torch.tensor([[3.0, 1.0, 3.0, 2.0]])).tolist() == [[2.5, 0.0, 2.5, 1.0]]


def test_what_has_no_direction_is_undefined():
    flat, other = torch.ones(1, 4), random(1, 4)
    assert torch.isnan(spearman(flat, other)).all()
    assert torch.isnan(cosine(torch.zeros(1, 4), other)).all()
    assert cosine(other, -2 * other).item() == pytest.approx(-1)


class Network(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.second = nn.Linear(4, 2)  # registered before it is used, so that the order must come from the run
        self.first = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.second(self.first(x).relu())


def test_layers_go_from_output_to_input():
    network = Network(0).eval()
    assert layers_from_output(network, lambda m: m(random(2, 3))) == ["second", "first.1", "first.0"]
    assert not any(part._forward_hooks for part in network.modules())


def test_each_step_of_the_cascade_untrains_one_more_layer_in_a_copy():
    with torch.random.fork_rng():
        trained, fresh = Network(0).eval(), Network(1).eval()
    trained.first[1].running_mean.fill_(3.0)
    before = copy.deepcopy(trained.state_dict())
    names = ["second", "first.1", "first.0"]
    steps = dict(cascade(trained, fresh, names))
    assert list(steps) == names
    assert torch.equal(steps["second"].second.weight, fresh.second.weight)
    assert torch.equal(steps["second"].first[0].weight, trained.first[0].weight)
    assert torch.equal(steps["second"].first[1].running_mean, trained.first[1].running_mean)
    assert torch.equal(steps["first.1"].first[1].running_mean, fresh.first[1].running_mean)
    x = random(2, 3)
    torch.testing.assert_close(steps["first.0"](x), fresh(x))
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
    torch.testing.assert_close(replaced(trained, fresh, [])(x), trained(x))


def test_likeness_of_an_explanation_with_itself_is_one():
    found = likeness((random(3, 8), random(3, 4, 5).abs()), (random(3, 8), random(3, 4, 5).abs()))
    for value in found:
        assert value.tolist() == pytest.approx([1.0] * 3)
    masks = random(2, 50, 50).abs(), random(2, 50, 50, seed=1).abs()
    assert cosine(*masks).min() > 0.5  # non-negative masks look alike
    assert centred_cosine(*masks).abs().max() < 0.1


def test_no_atom_stays_where_it_was():
    atoms = torch.eye(6)
    moved = permuted_atoms(atoms, torch.Generator().manual_seed(0))
    assert moved.diagonal().sum() == 0
    assert torch.equal(moved.sum(dim=0), torch.ones(6))
    assert torch.equal(moved.sum(dim=1), torch.ones(6))


def test_the_band_holds_another_untrained_network_and_not_the_same_explanation():
    untrained = [random(20, 64, seed=seed) for seed in range(8)]
    band = untrained_band(untrained)
    assert band.pairs == 28
    assert band.low < 0 < band.high
    assert not band.holds(float(cosine(untrained[0], untrained[0]).mean()))
    shared = random(20, 64, seed=99)
    assert not band.holds(float(cosine(untrained[0] + shared, untrained[1] + shared).mean()))
    with pytest.raises(ValueError, match="three"):
        untrained_band(untrained[:2])


def test_permuted_components_are_matched_and_their_ranks_agree():
    W, H = random(30, 6).abs(), random(4, 6, 20, seed=1).abs()
    order = torch.tensor([3, 5, 0, 1, 4, 2])
    matching = match(component_similarity((W, W[:, order]), (H, H[:, order])))
    assert order[matching.second].tolist() == matching.first.tolist()
    assert matching.similarity.tolist() == pytest.approx([1.0] * 6)
    relevance = random(4, 6, seed=2)
    assert rank_agreement(matching, relevance, relevance[:, order]).tolist() == pytest.approx([1.0] * 4)
    assert top_overlap(matching, relevance, relevance[:, order], 2).tolist() == [1.0] * 4
    assert rank_agreement(matching, relevance, -relevance[:, order]).tolist() == pytest.approx([-1.0] * 4)


def test_atoms_that_are_alike_are_told_apart_by_when_they_sound():
    W = torch.ones(5, 2)
    H = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]])
    matching = match(component_similarity((W, W), (H, H.flip(1))))
    assert matching.second.tolist() == [1, 0]
