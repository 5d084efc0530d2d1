"""Doses in the layers of a classifier: the layer that hears a change answers it, a deaf one does not."""

import pytest
import torch
from torch import Tensor, nn

from callbacks.layer_probes_doses import clips_of, doses, heard_copies
from callbacks.layer_probes_subject import ProbeInput, Subject
from interpretability.layers.time_base import TimeBase

RATE = 8000
STEP = TimeBase(jump=TimeBase().jump * 64, centre=TimeBase().centre + 32)


class Ear(nn.Module):
    """Layer `loud` follows the level, `deaf` nothing."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.loud, self.deaf, self.gain = nn.AvgPool1d(64), nn.Identity(), gain

    def forward(self, x: Tensor, length: Tensor | None = None) -> Tensor:
        return self.deaf(0 * self.loud(self.gain * x.abs()[:, None]) + 1)


def ear(count: int = 6) -> tuple[Subject, ProbeInput]:
    sound = 0.1 * torch.randn(count, 6000, generator=torch.Generator().manual_seed(3))
    names = tuple(f"clip {i}" for i in range(count))
    given = ProbeInput(sound, torch.full((count,), 6000), names, None, (), names)
    return Subject("classifier", Ear(), ("loud", "deaf"), dict.fromkeys(("loud", "deaf"), STEP), {}, {}, RATE), given


def test_doses_are_answered_by_the_layer_that_hears_them_and_not_by_the_deaf_one():
    subject, given = ear()
    rows, notes = doses(subject, Ear(3.0), given, 0.6)
    found = {row["name"]: {layer["layer"]: layer for layer in row["layers"]} for row in rows}
    assert not notes
    assert {row["name"] for row in rows if row["kind"] == "stimuli"} >= {"tones", "click_trains", "noise_bands"}
    assert {row["name"] for row in rows if row["kind"] == "edit"} >= {"gain", "pitch", "tempo", "noise", "low_pass"}
    gain = next(row for row in rows if row["name"] == "gain")
    assert gain["doses"] == [-24, -12, -6, 0, 6, 12]
    assert gain["reference"] == 3
    loud = found["gain"]["loud"]
    assert loud["level"]["rank"][0] == pytest.approx(1)
    assert loud["share"][0][3] == 0
    assert loud["share"][0][5] == pytest.approx(10 ** (12 / 20) - 1, rel=0.05)
    assert loud["share"][0] == pytest.approx(loud["untrained_share"][0], rel=1e-4)  # a share knows no gain
    assert loud["against_sham"] is None
    assert abs(found["low_pass"]["loud"]["against_sham"][0]) < 0.05  # the sham is as loud, and loud hears no more
    assert found["tempo"]["deaf"]["against_sham"][0] != found["tempo"]["deaf"]["against_sham"][0]
    assert next(row for row in rows if row["name"] == "low_pass")["doses"] == [4, 2, 1, 0.5]
    assert found["low_pass"]["loud"]["level"]["curve"][0][0] > found["low_pass"]["loud"]["level"]["curve"][0][-1]
    assert all(value == 0 for row in rows for value in found[row["name"]]["deaf"]["change"]["curve"][0])
    assert all(layer["level"]["slope"][1] != layer["level"]["slope"][1] for layer in found["tones"].values())


def test_silent_clips_cannot_be_edited_and_this_is_said():
    subject, given = ear()
    given.given[1:] = 0
    assert len(clips_of(given, RATE)) == 1
    given.given[:] = 0
    rows, notes = doses(subject, Ear(), given, 0.6)
    assert notes == ["All clips are silent: none can be edited."]
    assert all(row["kind"] == "stimuli" for row in rows)


def test_a_syllable_said_twice_is_a_copy_and_two_syllables_are_none():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 12, 65, 8, 32), nn.ReLU(), nn.AvgPool1d(8))
    clock = TimeBase(jump=TimeBase().jump * 64, centre=TimeBase().centre + 28)
    (row,) = heard_copies(Subject("classifier", network, ("3",), {"3": clock}, {}, {}, RATE))["rows"]
    assert row["copied"][1] > 0.2
    assert row["other_words"][2] < 0.2
