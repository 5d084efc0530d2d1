"""The rule that chooses components, and that of the authors' code."""

import torch

from interpretability.listening.selection import chosen_components


def test_the_rule_by_hand_and_what_the_code_makes_of_it():
    relevance = torch.tensor([[4.0, -5.0, 1.5, 0.0], [-1.0, -4.0, -2.0, -0.1]])
    assert chosen_components(relevance, 0.2).tolist() == [[True, False, True, False], [False] * 4]
    by_maximum = chosen_components(relevance, 0.35, ("relevance_by_maximum",))
    # 1.5 / 4 passes though 1.5 / 5 does not; where all speak against the class, all seem to speak for it.
    assert by_maximum.tolist() == [[True, False, True, False], [True] * 4]
    assert chosen_components(relevance, 0.35).tolist() == [[True, False, False, False], [False] * 4]


def test_the_cap_keeps_the_five_most_relevant():
    relevance = torch.tensor([[1.0, 0.9, 0.3, 0.8, 0.7, 0.6, 0.5, 0.1]])
    assert int(chosen_components(relevance, 0.2).sum()) == 7
    capped = chosen_components(relevance, 0.2, ("at_most_five",))
    assert capped.tolist() == [[True, True, False, True, True, True, False, False]]
    assert int(chosen_components(relevance, 0.65, ("at_most_five",)).sum()) == 4
    assert int(chosen_components(relevance[:, :3], 0.2, ("at_most_five",)).sum()) == 3


def test_nothing_relevant_chooses_nothing():
    for as_published in ((), ("relevance_by_maximum", "at_most_five")):
        assert not chosen_components(torch.zeros(2, 8), 0.2, as_published).any()
