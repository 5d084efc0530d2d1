"""Scores of generated clips: by hand, against brute force, and on codes that were planted."""

import itertools
import math

import pytest
import torch

from configs.errors import InputError
from models.gan_codes import BinaryCodes, OneHotCodes
from models.gan_scores import code_scores, confusion, mean_distance, nearness


def test_distances_by_brute_force():
    torch.manual_seed(0)
    a, b = torch.randn(6, 3), torch.randn(5, 3)
    pairs = [(x - y).norm() for x, y in itertools.combinations(a, 2)]
    torch.testing.assert_close(mean_distance(a), torch.stack(pairs).mean())
    across = [(x - y).norm() for x in a for y in b]
    torch.testing.assert_close(mean_distance(a, b), torch.stack(across).mean())


def test_nearness_by_hand():
    real, made = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]])
    near = nearness(real, made)  # across: (1 + 5 + 1 + 3) / 4 = 2.5
    assert near.energy == pytest.approx((5 - 2 - 4) / 2)
    assert near.spread == pytest.approx(2)


def test_energy_is_near_zero_for_one_distribution_and_grows_with_the_shift():
    torch.manual_seed(0)
    real = torch.randn(300, 8)
    found = [nearness(real, torch.randn(300, 8) + shift).energy for shift in (0, 0.3, 1.0)]
    assert abs(found[0]) < 0.01
    assert found[0] + 0.01 < found[1] < found[2]


def test_a_permuted_code_is_found_and_a_random_one_is_chance():
    torch.manual_seed(0)
    codes, set_to = OneHotCodes(5), torch.randint(5, (2000,))
    heard = torch.tensor([3, 1, 4, 0, 2])[set_to]
    found = code_scores(codes, set_to, heard, 5)
    assert found.accuracy == 1.0
    assert (found.heard, found.n, found.bits) == (5, 1000, None)
    assert found.aic == pytest.approx(2 * 20)
    assert found.aic_empty > 2 * 2000 * math.log(5) * 0.99
    chance = code_scores(codes, set_to, torch.randint(5, (2000,)), 5)
    assert 0.15 < chance.accuracy < 0.26
    assert chance.aic > chance.aic_empty - 40


def test_noise_of_ten_percent_is_an_accuracy_of_ninety():
    torch.manual_seed(0)
    set_to = torch.randint(4, (20000,))
    wrong = torch.rand(20000) < 0.1
    heard = torch.where(wrong, (set_to + 1) % 4, set_to)
    assert code_scores(OneHotCodes(4), set_to, heard, 4).accuracy == pytest.approx(0.9, abs=0.01)


def test_two_codes_of_one_class_cannot_both_be_right():
    set_to = torch.arange(3).repeat(100)
    heard = torch.tensor([0, 0, 1])[set_to]
    assert code_scores(OneHotCodes(3), set_to, heard, 3).accuracy == pytest.approx(2 / 3, abs=0.01)


def test_bits_that_are_wrong_alone_count_alone():
    torch.manual_seed(0)
    codes, set_to = BinaryCodes(3), torch.randint(8, (8000,))
    flipped = torch.where(torch.rand(8000) < 0.2, set_to ^ 4, set_to)
    found = code_scores(codes, set_to, torch.randperm(8)[flipped], 8)
    assert found.accuracy == pytest.approx(0.8, abs=0.02)
    assert found.bits == pytest.approx(1 - 0.2 / 3, abs=0.01)


def test_more_classes_than_codes_and_fewer():
    set_to = torch.arange(4).repeat(50)
    assert code_scores(OneHotCodes(4), set_to, set_to + 3, 10).accuracy == 1.0
    few = code_scores(BinaryCodes(2), set_to, set_to.clamp_max(2), 3)
    assert few.accuracy == pytest.approx(0.75, abs=0.01)


def test_confusion_by_hand():
    counts = confusion(torch.tensor([0, 1, 1, 1]), torch.tensor([2, 0, 0, 1]), 2, 3)
    assert counts.tolist() == [[0, 0, 1], [2, 1, 0]]


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(InputError, match="need two of them"):
        nearness(torch.zeros(1, 2), torch.zeros(2, 2))
    with pytest.raises(InputError, match="all real clips are the same"):
        nearness(torch.zeros(3, 2), torch.rand(3, 2))
    with pytest.raises(InputError, match="needs two clips"):
        code_scores(OneHotCodes(2), torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long), 2)
