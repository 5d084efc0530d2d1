"""Settings of explanation FID: which are tried at a point, and which cannot be used."""

import pytest
import torch

from callbacks.checkpointing import mode_of
from callbacks.explanation_fid_point import Kept, lanes_at
from configs.compose import compose
from configs.errors import InputError
from interpretability.generation.lanes import Lane, grid


def test_settings_are_tried_in_turn_beside_the_chosen_one():
    every = grid((0.3, 0.1, 0.03))
    assert lanes_at(every, None, 2) == every[:2]
    known = [Kept(torch.zeros(1), every[1], points) for points in (1, 2, 3)]
    assert [lanes_at(every, one, 2) for one in known] == [
        (every[1], every[0]), (every[1], every[2]), (every[1], every[0]),
    ]  # fmt: skip
    assert lanes_at(every, known[0], 1) == (every[1],)
    assert lanes_at((Lane(0.1),), Kept(torch.zeros(1), Lane(0.1)), 3) == (Lane(0.1),)


def test_distances_are_better_when_lower_for_monitors():
    assert mode_of("explanation_fid/kernel_distance") == mode_of("explanation_fid/dog/frechet_distance") == "min"
    assert mode_of("explanation_fid/coverage") == "max"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("latents=2", "callbacks.explanation_fid.latents=2 must be at least 3"),
        ("steps=0", "callbacks.explanation_fid.steps=0 must be at least 1"),
        ("generation.share=2", "callbacks.explanation_fid.generation.share=2"),
    ],
)
def test_settings_that_cannot_be_used_are_named(given, said):
    with pytest.raises(InputError, match=said):
        compose([f"callbacks.explanation_fid.{given}"])
