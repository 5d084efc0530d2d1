"""Units removed for good answer as ablated ones do, whatever stands after their weights, or are refused."""

import copy

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.dissection.ablation import ablated
from interpretability.dissection.permanent import remove_units


class Block(nn.Module):
    """Ends in what `after` says, with or without normalisation before it."""

    def __init__(self, after, norm):
        super().__init__()
        self.first, self.second = nn.Conv1d(2, 6, 3), nn.Conv1d(6, 6, 3, bias=not norm)
        self.norm = nn.BatchNorm1d(6) if norm else nn.Identity()
        self.after = after

    def forward(self, x):
        return self.after(self.norm(self.second(torch.relu(self.first(x)))))


def network_of(after, norm):
    torch.manual_seed(0)
    network = nn.Sequential(Block(after, norm), nn.Flatten(), nn.Linear(6 * 12, 3))
    if norm:
        network(torch.randn(8, 2, 16))  # running statistics that are not 0 and 1
        nn.init.normal_(network[0].norm.bias)
    return network.eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("after", [torch.relu, nn.functional.softplus, nn.functional.gelu, nn.Identity()])
def test_pruned_answers_as_ablated(after, norm):
    network, clips = network_of(after, norm), torch.randn(4, 2, 16)
    units = {"0": [1, 4]}
    with ablated(network, units):
        expected = network(clips)
    assert not torch.allclose(network(clips), expected, atol=1e-3)
    remove_units(network, units, lambda: network(clips[:2]))
    assert torch.allclose(network(clips), expected, atol=1e-6)


@pytest.mark.parametrize("after", [torch.relu, nn.functional.softplus])
def test_units_can_be_held_at_their_mean(after):
    network, clips = network_of(after, True), torch.randn(4, 2, 16)
    means = {"0": network[0](clips).mean(dim=(0, 2)).detach()}
    with ablated(network, {"0": [0, 5]}, "mean", means):
        expected = network(clips)
    remove_units(network, {"0": [0, 5]}, lambda: network(clips), means)
    assert torch.allclose(network(clips), expected, atol=1e-5)


def test_what_cannot_be_removed_is_refused_and_leaves_the_network_as_it_was():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            y = self.inner(x)
            return y + y.roll(1, dims=-1)

    torch.manual_seed(0)
    network, clips = nn.Sequential(nn.Linear(4, 4), Mixed()), torch.randn(3, 4)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(InputError, match=r"layer '1' \(Mixed\): no weights in it"):
        remove_units(network, {"0": [1], "1": [2]}, lambda: network(clips))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(InputError, match="has no unit 7"):
        remove_units(network, {"0": [7]}, lambda: network(clips))
    with pytest.raises(InputError, match="no such layer"):
        remove_units(network, {"7": [0]}, lambda: network(clips))
