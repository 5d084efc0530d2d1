"""Pruning as published: its strategies by hand, its table row by hand, its faults only where they are asked for."""

import pytest
import torch
from torch import nn

from interpretability.dissection.ablation_effect import AblationEffect
from interpretability.dissection.answers import Answers
from interpretability.dissection.concept_pruning import by_similarity, by_words, confidence_drop, label_words
from interpretability.dissection.property_pruning import first_units, property_curve


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
    assert right["accuracy"] < 0.5
    assert right["z"] > 3
    assert published["accuracy"] == 1.0
    assert published["z"] <= 0
