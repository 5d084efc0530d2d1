"""Units of a planted class are found and removed, others are left; no class is forgotten that no unit carries."""

import pytest
import torch
from torch import nn

from interpretability.dissection.ablation_effect import ablation_effect
from interpretability.dissection.answers import Answers
from interpretability.dissection.unlearning import (
    Removal,
    choose,
    find_removal,
    greedy_choice,
    logit_effects,
    try_removals,
)

CARRIERS = {0: [2, 9], 1: [4, 11, 17], 2: [6], 3: [1, 20]}


@pytest.fixture
def planted():
    """A network of 24 units in which a few carry each of four classes and the others carry noise."""
    torch.manual_seed(0)
    weight = 0.1 * torch.randn(24, 8)
    for label, units in CARRIERS.items():
        weight[units] = 0
        weight[units, label] = 1.0
    first, head = nn.Linear(8, 24), nn.Linear(24, 4, bias=False)
    with torch.no_grad():
        first.weight.copy_(weight)
        first.bias.zero_()
        head.weight.copy_(0.05 * torch.randn(4, 24))
        for label, units in CARRIERS.items():
            head.weight[:, units] = 0
            head.weight[label, units] = 6 / len(units)
    network = nn.Sequential(first, nn.ReLU(), head).eval().requires_grad_(False)

    def clips_of(n, seed):
        generator = torch.Generator().manual_seed(seed)
        target = torch.arange(n) % 4
        clips = 0.3 * torch.randn(n, 8, generator=generator)
        clips[torch.arange(n), target] += 1
        return lambda: Answers(network(clips), target)

    return network, clips_of


@pytest.mark.parametrize("label", CARRIERS)
def test_the_planted_units_are_found_and_the_class_is_forgotten(planted, label):
    network, clips_of = planted
    learned = {"1": logit_effects(network, clips_of(200, 0), "1", 24)}
    removal, tried = find_removal(network, clips_of(120, 1), learned, label)
    assert set(CARRIERS[label]) <= set(removal.units["1"])
    assert not set(removal.units["1"]) & {unit for other, units in CARRIERS.items() if other != label for unit in units}
    assert len(tried) > 1
    row = ablation_effect(network, clips_of(200, 2), removal.units).classes()[label]["accuracy"]
    assert row["forget"]["z"] > 3
    assert row["forget"]["after"] < 0.3
    assert row["retain"]["before"] - row["retain"]["after"] < 0.05


def test_effects_of_single_units_are_those_of_ablation(planted):
    network, clips_of = planted
    before, effects = logit_effects(network, clips_of(12, 0), "1", 24)
    total = before.logits - effects.sum(dim=2)  # the head has no bias: without any unit all logits are zero
    assert torch.allclose(total, torch.zeros_like(total), atol=1e-5)


def test_no_class_to_forget_removes_only_what_does_harm(planted):
    network, clips_of = planted
    before, effects = logit_effects(network, clips_of(200, 0), "1", 24)
    with torch.no_grad():
        network[2].weight[3, 13] = 40.0  # a unit that carries noise now shouts for class 3
    spoiled, harm = logit_effects(network, clips_of(200, 0), "1", 24)
    assert 13 in greedy_choice(spoiled, harm, None)
    assert not set(greedy_choice(before, effects, None)) & {unit for units in CARRIERS.values() for unit in units}


def test_many_labels(planted):
    network, clips_of = planted

    def labelled(seed):
        said = clips_of(200, seed)

        def evaluate():
            answers = said()
            return Answers(answers.logits - 3, nn.functional.one_hot(answers.target, 4).float())

        return evaluate

    learned = {"1": logit_effects(network, labelled(0), "1", 24)}
    removal, _ = find_removal(network, labelled(1), learned, 2)
    assert 6 in removal.units["1"]
    assert removal.forget > 0.3
    assert removal.retain < 0.05


def test_the_best_within_the_budget_is_chosen():
    cheap = Removal({"a": [1]}, forget=0.5, retain=0.0, contrast=1.0)
    dear = Removal({"a": [1, 2]}, forget=0.9, retain=0.2, contrast=3.0)
    same = Removal({"a": [3, 4]}, forget=0.5, retain=0.0, contrast=9.0)
    assert choose([dear, cheap, same]) is cheap
    assert choose([dear, cheap, same], budget=0.3) is dear
    assert choose([dear], budget=0.1) is dear


def test_equal_choices_are_tried_once(planted):
    network, clips_of = planted
    found = try_removals(network, clips_of(40, 0), [{"1": [6, 3]}, {"1": [3, 6]}, {"1": []}], 2)
    assert [removal.count for removal in found] == [2, 0]
    assert found[1].forget == 0
    assert found[1].retain == 0
