"""Units silenced one by one: equal to plain ablation, cheaper, and no trace left; a planted unit is found."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.dissection.ablation import ablated
from interpretability.dissection.ablation_effect import ablation_effect
from interpretability.dissection.answers import Answers
from interpretability.dissection.replay import replayed
from interpretability.dissection.unit_ablation import nearest, unit_effects


class Counted(nn.Module):
    """A convolution that counts its calls."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.inner = nn.Conv1d(n_in, n_out, 3, padding=1)
        self.calls = 0

    def forward(self, x, gain=1.0):
        self.calls += 1
        return self.inner(x).relu() * gain


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = Counted(1, 6), Counted(6, 8), Counted(8, 5)
        self.shared = nn.ReLU()
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        x = self.shared(self.first(x[:, None]))
        x = self.third(self.shared(self.second(x, gain=0.5)) + 0.1)
        return self.head(x.mean(dim=-1))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network().eval()


@pytest.fixture
def clips():
    return torch.randn(30, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("layer", ["first", "second", "second.inner", "third", "head"])
def test_replay_gives_the_same_numbers_and_computes_less(network, clips, layer):
    with ablated(network, {layer: [1]}):
        expected = network(clips)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    with replayed(network, layer, lambda: network(clips)):
        before = network.first.calls
        assert torch.equal(network(clips), network(clips))
        with ablated(network, {layer: [1]}):
            assert torch.equal(network(clips), expected)
        assert network.first.calls == before
    assert not any("forward" in vars(module) for module in network.modules())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not torch.equal(network(clips), expected)


@torch.no_grad()
def test_nothing_is_left_of_it_after_an_error_and_shared_layers_are_computed(network, clips):
    with pytest.raises(RuntimeError, match="stop"), replayed(network, "second", lambda: network(clips)):
        raise RuntimeError("stop")
    assert not any("forward" in vars(module) for module in network.modules())
    with replayed(network, "shared", lambda: network(clips)):  # called twice: nothing may be replayed
        assert not any("forward" in vars(module) for module in network.modules())
    with pytest.raises(InputError, match="no such layer"), replayed(network, "none", lambda: network(clips)):
        pass


def test_effects_are_those_of_plain_ablation(network, clips):
    target = torch.arange(30) % 3

    def evaluate():
        return Answers(network(clips), target)

    found = unit_effects(network, "second", [3, 0], evaluate, draws=4)
    assert list(found) == [3, 0]
    for unit, effect in found.items():
        alone = ablation_effect(network, evaluate, {"second": [unit]}, draws=0)
        assert torch.equal(effect.after.logits, alone.after.logits)
        assert torch.equal(effect.before.logits, alone.before.logits)
        assert len(effect.draws) == 4
    rows = found[3].classes()
    assert {row["n"] for row in rows} == {10}
    assert rows[0]["log_probability"]["forget"]["z"] is not None


def test_the_unit_that_carries_a_class_stands_out_and_others_do_not(network, clips):
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.zero_()
        network.head.weight[1, 2] = 50.0
        network.third.inner.bias[2] += 1.0
    target = torch.ones(30, dtype=torch.int64)
    found = unit_effects(network, "third", range(5), lambda: Answers(network(clips), target))
    z = {unit: effect.classes()[1]["log_probability"]["forget"]["z"] for unit, effect in found.items()}
    change = {
        unit: effect.classes()[1]["log_probability"]["forget"]["after"]
        - effect.classes()[1]["log_probability"]["forget"]["before"]
        for unit, effect in found.items()
    }
    assert max(change, key=lambda unit: -change[unit]) == 2
    assert all(abs(change[unit]) < 1e-6 for unit in change if unit != 2)
    assert z[2] is None or z[2] > 3
    assert all(value is None or value < 3 for unit, value in z.items() if unit != 2)


def test_units_are_compared_with_those_of_nearest_norm():
    norms = torch.tensor([1.0, 8.0, 1.1, 2.0, 0.5, 0.0])
    assert nearest(norms, 0, 2) == [2, 3]
    assert nearest(norms, 0, 99) == [2, 3, 4, 1, 5]
    assert nearest(norms[:1], 0, 3) == []
