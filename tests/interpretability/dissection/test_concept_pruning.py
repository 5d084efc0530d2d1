"""Pruning as published: its strategies by hand, its table row by hand, its faults only where they are asked for."""

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from interpretability.dissection.ablation import ablated
from interpretability.dissection.ablation_effect import AblationEffect
from interpretability.dissection.answers import Answers
from interpretability.dissection.concept_pruning import by_similarity, by_words, confidence_drop, label_words
from interpretability.dissection.property_pruning import first_units, property_curve
from interpretability.dissection.replay import first_of


def test_units_by_their_best_concepts():
    similarity = {"a": torch.tensor([[0.9, 0.1, 0.5], [0.0, 0.8, 0.7], [0.3, 0.2, 0.1]])}
    assert by_similarity(similarity, 0, top=1) == {"a": [0, 2]}
    assert by_similarity(similarity, 2, top=2) == {"a": [0, 1]}


def test_whole_words_choose_and_letters_only_as_published():
    words = {"a": [["rain"], ["train", "loud"], ["use"], []]}
    assert by_words(words, "train") == {"a": [1]}
    assert by_words(words, "train", as_published=True) == {"a": [0, 1]}
    assert by_words(words, "mouse_click") == {"a": []}
    assert by_words(words, "mouse_click", as_published=True) == {"a": [2]}


def test_words_of_units_come_from_what_drives_them():
    target = torch.tensor([0, 0, 1, 1, 2, 2])
    values = torch.tensor([[5.0, 4.0, 1.0, 0.0, 2.0, 3.0], [0.0, 0.1, 9.0, 8.0, 5.0, 4.0]]).T
    assert label_words(values, target, ("sea waves", "dog", "rain"), k=2) == [["sea", "waves"], ["dog"]]


def test_the_papers_row_by_hand():
    target = torch.tensor([0, 1])
    before = Answers(torch.tensor([[4.0, 0.0], [0.0, 2.0]]), target)

    def effect(logits, units):
        return AblationEffect({"a": units}, "zero", before, Answers(torch.tensor(logits), target), (), 1.0)

    effects = {
        0: effect([[1.0, 0.0], [0.0, 1.5]], [0]),  # own -3.0, other -0.5
        1: effect([[4.5, 0.0], [0.0, 0.0]], [0, 1, 2]),  # own -2.0, other +0.5
    }
    row = confidence_drop(effects)
    assert row == pytest.approx({"ablated": -2.5, "remaining": 0.0, "difference": 2.5, "units": 2.0})


def test_a_share_is_one_unit_at_least_and_equals_come_in_any_order():
    values = {"a": torch.zeros(10)}
    drawn = {first_units(values, 0.01, seed)["a"][0] for seed in range(30)}
    assert len(drawn) > 5
    assert all(len(first_units(values, 0.01, seed)["a"]) == 1 for seed in range(5))


def test_units_are_removed_at_their_places_and_by_list_only_as_published():
    values = {"a": torch.tensor([0.0, 0.0, 5.0, 0.0]), "b": torch.tensor([0.0, 4.0, 0.0, 3.0])}
    assert first_units(values, 3 / 8) == {"a": [2], "b": [1, 3]}
    assert first_units(values, 3 / 8, as_published=True) == {"a": [0], "b": [0, 1]}


def test_a_property_that_matters_is_seen_and_the_published_order_hides_it():
    torch.manual_seed(0)
    target = torch.arange(60) % 3
    clips = torch.cat([5 * nn.functional.one_hot(target, 3), 0.1 * torch.randn(60, 37)], dim=1)
    clips = clips.roll(20, dims=1)  # the units that matter are 20 to 22 of 40
    network = nn.Sequential(nn.Identity(), nn.Linear(40, 3))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].weight[:, 20:23] = torch.eye(3)
        network[1].bias.zero_()
    matters = {"0": torch.zeros(40)}
    matters["0"][20:23] = 1

    def evaluate():
        return Answers(network(clips), target)

    (right,) = property_curve(network, evaluate, matters, shares=(3 / 40,), draws=8)
    (published,) = property_curve(network, evaluate, matters, shares=(3 / 40,), draws=8, as_published=True)
    assert right["units"] == published["units"] == 3
    assert right["having"] == 1.0
    assert published["having"] == 0.0
    assert right["beyond"] == pytest.approx(right["random"] - right["accuracy"])
    assert right["accuracy"] < 0.5
    assert right["z"] > 3
    assert published["accuracy"] == 1.0
    assert published["z"] <= 0


def test_layers_before_the_first_are_evaluated_once_and_nothing_changes():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    clips, target = torch.randn(30, 6), torch.arange(30) % 3
    calls = []
    network[0].register_forward_hook(lambda *_: calls.append(1))
    values = {"3": torch.rand(8), "2": torch.rand(8)}

    def evaluate():
        return Answers(network(clips), target)

    (row,) = property_curve(network, evaluate, values, shares=(0.25,), draws=6)
    assert first_of(network, ["3", "2"], evaluate) == "2"
    n_calls = len(calls)
    expected = []
    for seed in range(3):
        with ablated(network, first_units(values, 0.25, seed)):
            expected.append(evaluate().overall)
    assert row["accuracy"] == pytest.approx(sum(expected) / 3)
    assert len(calls) == n_calls + 3
    assert "forward" not in vars(network[0])


def test_many_labels_are_judged_by_mean_average_precision():
    torch.manual_seed(0)
    target = (torch.rand(40, 3) > 0.6).float()
    clips = 3 * target + 0.1 * torch.randn(40, 3)
    network = nn.Sequential(nn.Identity(), nn.Linear(3, 3))
    with torch.no_grad():
        network[1].weight.copy_(torch.eye(3))

    def evaluate():
        return Answers(network(clips), target)

    (row,) = property_curve(network, evaluate, {"0": torch.tensor([1.0, 0.0, 0.0])}, shares=(1 / 3,), draws=4)
    held = average_precision_score(target[:, 0], torch.zeros(40))
    assert row["accuracy"] == pytest.approx((held + 2) / 3, abs=1e-6)
