"""The alarm rings for a generator that collapsed, and not before, and not for one that did not."""

import math

import pytest
import torch

from models.gan_collapse import CollapseAlarm, CollapseError, Signs
from models.gan_scores import nearness

ALIKE, GOOD = Signs(0.01), Signs(0.9, 0.8, 0.1)


def test_rings_at_the_third_collapsed_validation_in_a_row():
    alarm = CollapseAlarm(distance=0.1, after=100, patience=3)
    for signs in (ALIKE, ALIKE, GOOD, ALIKE, ALIKE):
        alarm.look(signs, 100)
    with pytest.raises(
        CollapseError, match=r"collapsed after 100 steps.*0\.010 times.*try a lower model\.learning_rate"
    ):
        alarm.look(ALIKE, 100)


def test_rings_for_codes_that_nobody_reads():
    alarm = CollapseAlarm(distance=0.1, after=0, patience=2)
    alarm.look(Signs(0.9, 0.12, 0.1), 5)
    with pytest.raises(CollapseError, match=r"reads 0\.120 of them, guessing 0\.100.*information_weight"):
        alarm.look(Signs(0.9, 0.12, 0.1), 6)


def test_waits_for_the_first_steps_and_can_be_switched_off():
    early, off = CollapseAlarm(0.1, after=100, patience=1), CollapseAlarm(0.1, after=0, patience=0)
    for _ in range(10):
        early.look(ALIKE, 99)
        off.look(ALIKE, 1000)


def test_a_spread_that_is_no_number_counts_as_none():
    with pytest.raises(CollapseError):
        CollapseAlarm(0.1, 0, 1).look(Signs(math.nan), 1)


def test_a_resumed_run_goes_on_counting():
    alarm, other = CollapseAlarm(0.1, 0, 2), CollapseAlarm(0.1, 0, 2)
    alarm.look(ALIKE, 1)
    other.load_state_dict(alarm.state_dict())
    with pytest.raises(CollapseError):
        other.look(ALIKE, 2)


def test_planted_generators_are_told_apart():
    """One clip with a trace of noise is a collapse; as varied clips of another distribution are none."""
    torch.manual_seed(0)
    real = torch.randn(64, 20)
    same, other = torch.randn(1, 20) + 0.01 * torch.randn(64, 20), torch.randn(64, 20) + 3
    with pytest.raises(CollapseError):
        CollapseAlarm(0.1, 0, 1).look(Signs(nearness(real, same).spread), 1)
    CollapseAlarm(0.1, 0, 1).look(Signs(nearness(real, other).spread), 1)
