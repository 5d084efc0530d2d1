"""Edits move units that hear what is edited, and no others."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.stimuli.edit_effects import edit_effects, sign_test
from interpretability.stimuli.edit_list import expected_sign, usual_edits
from interpretability.stimuli.edits import Edit
from interpretability.stimuli.word_test import WordTest, check_word

RATE = 8_000


class Hearing(nn.Module):
    """Unit 0: share of energy above 1 kHz; unit 1: level in dB; unit 2: a random number of each sound; unit 3: none."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Identity()

    def forward(self, waveform: Tensor) -> Tensor:
        power = torch.fft.rfft(waveform).abs().square()
        bright = power[:, power.shape[1] // 4 :].sum(dim=1) / power.sum(dim=1)
        level = 10 * waveform.square().mean(dim=1).log10()
        chance = torch.frac(1e4 * waveform[:, ::7].abs().sum(dim=1))
        found: Tensor = self.out(torch.stack([bright, level, chance, torch.zeros_like(level)], dim=1))
        return found


def clips(count: int = 24) -> Tensor:
    """Noise of many slopes and levels."""
    generator = torch.Generator().manual_seed(9)
    spectrum = torch.fft.rfft(torch.randn(count, RATE, generator=generator))
    slope = torch.linspace(0, 2, count)[torch.randperm(count, generator=generator)][:, None]
    shaped = torch.fft.irfft(spectrum * torch.linspace(0.01, 1, spectrum.shape[1]) ** -slope, RATE)
    level = 10 ** (-torch.rand(count, 1, generator=generator) - 1)
    sounds: Tensor = shaped / shaped.square().mean(dim=1, keepdim=True).sqrt() * level
    return sounds


def test_units_follow_their_own_edits_only() -> None:
    sounds, edits = clips(), usual_edits(1000, RATE)
    network = Hearing()
    top = network(sounds).topk(16, dim=0).indices.T
    found = edit_effects(network, {"out": (torch.arange(4), top)}, sounds, RATE, edits)["out"]
    names = {edit.name: place for place, edit in enumerate(edits)}
    for place, edit in enumerate(edits):  # brightness: what is predicted is found; level edits do nothing
        expected = expected_sign(edit, "centroid", more=True)
        if edit.family == "low_pass" or (edit.family == "noise" and edit.dose <= 10):
            assert int(found.sign[place, 0]) == expected
        if edit.family == "gain":
            assert int(found.sign[place, 0]) == 0
            assert int(found.sign[place, 1]) == (1 if edit.dose > 0 else -1)
    assert int(found.sign[names["pitch -12 st"], 0]) == -1
    assert int(found.sign[names["reversal 1"], 1]) == 0
    for family in ("low_pass", "high_pass", "harmonic", "percussive"):  # a sham has the level of its edit
        rows = [place for place, edit in enumerate(edits) if edit.family == family]
        assert (found.sign[rows, 1] == 0).all()
    assert not found.sign[:, 2:].any()
    doses, effects = found.dose_response(1)["gain"]
    assert doses == sorted(doses)
    assert all(a < b for a, b in itertools.pairwise(effects))
    gain = found.of_layer()["gain"]  # one of four units is moved by the level
    assert [share for _, share, _ in gain] == [0.25] * 5
    assert [dose for dose, _, _ in gain] == doses


def test_changes_are_in_deviations_of_the_unit() -> None:
    sounds, network = clips(), Hearing()
    gain = [edit for edit in usual_edits(1000, RATE) if edit.name == "gain -12 dB"]
    rows = torch.arange(8)[None]
    found = edit_effects(network, {"out": (torch.tensor([1]), rows)}, sounds, RATE, gain)["out"]
    expected = -12 / float(network(sounds)[:, 1].std(correction=0))
    assert float(found.difference[0, 0]) == pytest.approx(expected, rel=1e-3)
    assert float(found.sham[0, 0]) == pytest.approx(0, abs=1e-4)
    assert found.n.tolist() == [8]


def test_a_sham_that_moves_a_unit_is_no_effect_of_the_edit() -> None:
    sounds, network = clips(), Hearing()
    idle = Edit("gain", 0.0, "dB", lambda x, rate: x, lambda x, rate: 0.5 * x)
    rows = torch.arange(16)[None]
    found = edit_effects(network, {"out": (torch.tensor([1]), rows)}, sounds, RATE, [idle])["out"]
    assert float(found.sham[0, 0]) < 0 < float(found.difference[0, 0])
    assert float(found.p[0, 0]) == 1.0


def test_absent_clips_are_left_out_and_too_few_refused() -> None:
    sounds, network = clips(), Hearing()
    gain = [edit for edit in usual_edits(1000, RATE) if edit.family == "gain"]
    rows = torch.cat([torch.arange(8), torch.tensor([-1, -1])])[None]
    found = edit_effects(network, {"out": (torch.tensor([1]), rows)}, sounds, RATE, gain)["out"]
    assert found.n.tolist() == [8]
    assert float(found.p.max()) == pytest.approx(2 / 2**8)
    with pytest.raises(InputError, match="unit 1 of 'out' has fewer than 6"):
        edit_effects(network, {"out": (torch.tensor([1]), rows[:, :5])}, sounds, RATE, gain)
    with pytest.raises(InputError, match="none given"):
        edit_effects(network, {"out": (torch.tensor([1]), rows)}, sounds, RATE, [])


def test_the_sign_test_is_the_binomial_one() -> None:
    draws = torch.tensor([[1.0, 1, 1, 1, 1, 1, 1, -1], [1, 1, 1, 1, 0, 0, math.nan, -1], [0, 0, 0, 0, 0, 0, 0, 0]])
    by_hand = [2 * (1 + 8) / 2**8, 2 * (1 + 5) / 2**5, 1.0]
    assert sign_test(draws).tolist() == pytest.approx(by_hand)


def test_a_true_word_is_confirmed_and_a_false_one_is_not() -> None:
    sounds, edits, network = clips(), usual_edits(1000, RATE), Hearing()
    top = network(sounds).topk(16, dim=0).indices.T
    found = edit_effects(network, {"out": (torch.arange(4), top)}, sounds, RATE, edits)["out"]
    assert check_word(found, 1, "level", more=True).verdict == "confirmed"
    assert check_word(found, 1, "level", more=False).verdict == "contradicted"
    assert check_word(found, 1, "level", more=True, pole=-1).verdict == "contradicted"
    assert check_word(found, 0, "level", more=True).verdict == "not seen"
    assert check_word(found, 0, "rolloff_95", more=True).verdict == "confirmed"
    assert check_word(found, 0, "rolloff_95", more=False).verdict == "contradicted"
    for unit in (2, 3):
        assert check_word(found, unit, "centroid", more=True).verdict == "not seen"
    assert check_word(found, 0, "duration", more=True).verdict == "no prediction"
    loud = check_word(found, 1, "level", more=True)
    assert loud.predicted == len(loud.agree) == 5
    assert WordTest("level", True, 2, ("a",), ("b",)).verdict == "mixed"
