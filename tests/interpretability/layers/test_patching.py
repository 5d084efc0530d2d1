"""Activations of one setting put into another: channels that hand an effect on are told from those that do not."""

import math

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.generator_run import generate
from interpretability.layers.patching import patched_sound, patching, settings

BURST = slice(140, 310)


def loudness(sound: Tensor) -> Tensor:
    return sound[:, BURST].square().mean(dim=1).sqrt()


def test_all_channels_of_a_plain_stack_bring_the_whole_sound(generator: nn.Module, bases: Tensor) -> None:
    into, source = settings(bases, {0: -0.8}), settings(bases, {0: 0.8})
    assert torch.allclose(patched_sound(generator, "fine", into, source), generate(generator, source), atol=1e-6)
    assert torch.allclose(patched_sound(generator, "fine", into, source, []), generate(generator, into), atol=1e-6)
    # the ripple of latent 4 comes in after the first layer: patching that one leaves it out
    ripple = settings(bases, {4: 0.9})
    assert torch.allclose(patched_sound(generator, "coarse", bases, ripple), generate(generator, bases), atol=1e-6)


def test_the_channel_that_carries_an_effect_is_found(generator: nn.Module, bases: Tensor) -> None:
    into, source = settings(bases, {0: -0.8}), settings(bases, {0: 0.8})
    found = patching(generator, ["coarse", "fine"], into, source, loudness, shares=(0.25, 1.0))
    assert [(entry.layer, len(entry.channels)) for entry in found] == [
        ("coarse", 1),
        ("coarse", 4),
        ("fine", 1),
        ("fine", 4),
    ]
    for entry in found:
        assert entry.channels[0] == 1
        assert entry.share.mean == pytest.approx(1, abs=0.01)
        if len(entry.channels) == 4:
            assert entry.random_share.mean == pytest.approx(1, abs=0.01)
    by_hand = loudness(patched_sound(generator, "coarse", into, source, [0, 2, 3])) - loudness(
        generate(generator, into)
    )
    assert float(by_hand.abs().max()) < 1e-6
    assert not any(layer._forward_hooks for layer in generator.modules())


def test_undefined_items_and_bad_input(generator: nn.Module, bases: Tensor) -> None:
    into, source = settings(bases, {0: -0.8}), settings(bases, {0: 0.8})

    def pitch(sound: Tensor) -> Tensor:
        return torch.where(torch.arange(len(sound)) % 2 == 0, loudness(sound), math.nan)

    half = patching(generator, ["coarse"], into, source, pitch, shares=(0.25,))[0]
    assert half.share.mean == pytest.approx(1, abs=0.01)
    with pytest.raises(InputError, match="no effect to hand on"):
        patching(generator, ["coarse"], into, into, loudness)
    with pytest.raises(InputError, match="of one shape"):
        patched_sound(generator, "coarse", into, source[:3])
    with pytest.raises(InputError, match="no channel 4"):
        patched_sound(generator, "coarse", into, source, [4])
    with pytest.raises(InputError, match="no such layer"):
        patched_sound(generator, "corse", into, source)
    flat = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 20))
    with pytest.raises(InputError, match="layer '0' has no channels over time"):
        patched_sound(flat, "0", into, source)
    assert not any(layer._forward_hooks for layer in flat.modules())
