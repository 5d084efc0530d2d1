"""Masks against a plain loop, their sum, and what happens where W H vanishes."""

import pytest
import torch

from interpretability.listening.masks import apply_masks, component_masks, group_masks, rebuilt


def factors(n=2, bins=17, components=6, frames=11):
    generator = torch.Generator().manual_seed(0)
    dictionary = torch.rand(bins, components, generator=generator)
    activations = torch.rand(n, components, frames, generator=generator) ** 4 * 1e3
    return dictionary / dictionary.norm(dim=0), activations


def test_group_masks_equal_a_plain_loop():
    dictionary, activations = factors()
    gains = torch.rand(2, 3, 6)
    masks = group_masks(dictionary, activations, gains)
    for b in range(2):
        for g in range(3):
            parts = [gains[b, g, k] * torch.outer(dictionary[:, k], activations[b, k]) for k in range(6)]
            torch.testing.assert_close(masks[b, g], sum(parts) / (dictionary @ activations[b]))


@pytest.mark.parametrize("chunk", [1, 4, 16])
def test_masks_of_single_components_equal_groups_of_one(chunk):
    dictionary, activations = factors()
    one_by_one = torch.cat([m for _, m in component_masks(dictionary, activations, torch.arange(6), chunk)], dim=1)
    torch.testing.assert_close(one_by_one, group_masks(dictionary, activations, torch.eye(6).expand(2, -1, -1)))
    chosen = torch.tensor([[5, 0], [2, 2]])
    picked = torch.cat([m for _, m in component_masks(dictionary, activations, chosen, chunk)], dim=1)
    torch.testing.assert_close(picked[0], one_by_one[0, chosen[0]])
    torch.testing.assert_close(picked[1], one_by_one[1, chosen[1]])


@pytest.mark.parametrize("level", [1e-30, 1e-10, 1.0, 1e10])
def test_masks_sum_to_one_at_any_level_also_where_nothing_is_active(level):
    dictionary, activations = factors()
    activations = activations * level
    activations[0, :, 3:5] = 0.0  # silent frames
    dictionary[8] = 0.0  # a frequency no component holds
    chosen = torch.rand(2, 6) > 0.5
    masks = group_masks(dictionary, activations, torch.stack([chosen, ~chosen], dim=1).float(), remainder=1)
    assert (masks.sum(dim=1) - 1).abs().max() <= 1e-5
    assert masks.min() >= 0
    nothing = rebuilt(dictionary, activations)[1]
    assert nothing[0, :, 3:5].all()
    assert nothing[:, 8].all()
    assert torch.equal(masks[:, 1][nothing], torch.ones_like(masks[:, 1][nothing]))


def test_components_alone_leave_only_what_none_of_them_holds():
    dictionary, activations = factors()
    dictionary[8] = 0.0
    total = sum(masks.sum(dim=1) for _, masks in component_masks(dictionary, activations, torch.arange(6)))
    assert torch.equal(total[:, 8], torch.zeros(2, 11))
    assert (total[:, :8] - 1).abs().max() <= 1e-5


def test_published_masks_act_on_the_logarithm():
    spectrum = torch.tensor([[[3.0 + 4.0j, 0.0]]])
    found = apply_masks(spectrum, torch.full((1, 1, 1, 2), 0.5), "as_published")
    expected = (6.0**0.5 - 1) * (0.6 + 0.8j)  # exp(0.5 log(1 + 5)) - 1, same phase
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([expected, 0.0]))
    assert torch.equal(apply_masks(spectrum, torch.ones(1, 1, 1, 2))[0, 0], spectrum[0])


def test_a_published_mask_of_one_gives_the_clip_back():
    spectrum = torch.randn(1, 9, 7, dtype=torch.complex64)
    torch.testing.assert_close(apply_masks(spectrum, torch.ones(1, 1, 9, 7), "as_published")[:, 0], spectrum)
