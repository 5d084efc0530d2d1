"""A planted hum in spectra made by hand: who finds it, who does not, and which components carry it."""

import pytest
import torch

from interpretability.listening.mask_shape import let_through
from interpretability.listening.shortcut import (
    area_over_bins,
    enrichment,
    shortcut_scores,
    shortcut_share,
)


def planted(seed=0):
    """Noise (2, 64, 40) with a hum in bins 3 and 6, and the hum alone."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, 64, 40, dtype=torch.complex64, generator=generator)
    hum = torch.zeros_like(noise)
    hum[:, [3, 6]] = 10
    return noise + hum, hum


def scores(masks, seed=1):
    return shortcut_scores(masks, *planted(), torch.Generator().manual_seed(seed))


def test_the_share_let_through_by_hand():
    spectrum = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]], dtype=torch.complex64)
    assert let_through(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), spectrum).item() == pytest.approx(9 / 25)
    assert let_through(torch.full((1, 2, 2), 0.5), spectrum).item() == pytest.approx(0.25)
    assert torch.isnan(let_through(torch.ones(1, 2, 2), torch.zeros_like(spectrum))).all()


def test_a_mask_of_the_hum_reveals_it():
    masks = torch.zeros(2, 64, 40)
    masks[:, [3, 6]] = 1
    found = scores(masks)
    assert found.captured.tolist() == pytest.approx([1, 1])
    assert (found.enrichment > 1).all()
    assert (found.area > 0.99).all()
    assert found.revealed.tolist() == [1, 1]


def test_masks_that_know_nothing_do_not():
    flat = scores(torch.full((2, 64, 40), 0.5))
    assert flat.enrichment.tolist() == pytest.approx([1, 1])
    assert flat.area.tolist() == pytest.approx([0.5, 0.5])
    assert flat.revealed.tolist() == [0, 0]
    elsewhere = torch.zeros(2, 64, 40)
    elsewhere[:, 30:40] = 1
    assert scores(elsewhere).revealed.tolist() == [0, 0]
    assert scores(elsewhere).captured.tolist() == [0, 0]


def test_random_masks_rarely_reveal_anything():
    found = []
    for seed in range(30):
        masks = torch.rand(2, 64, 1, generator=torch.Generator().manual_seed(seed)).expand(2, 64, 40)
        found.append(scores(masks, seed).revealed)
    assert torch.cat(found).mean() < 0.2


def test_what_is_undefined_is_said():
    spectrum, hum = planted()
    generator = torch.Generator().manual_seed(0)
    empty = shortcut_scores(torch.zeros(2, 64, 40), spectrum, hum, generator)
    assert torch.isnan(empty.enrichment).all()
    assert torch.isnan(empty.revealed).all()
    no_hum = shortcut_scores(torch.ones(2, 64, 40), spectrum, torch.zeros_like(hum), generator)
    assert torch.isnan(no_hum.revealed).all()
    assert torch.isnan(area_over_bins(torch.ones(2, 64, 40), torch.zeros_like(hum), spectrum)).all()
    assert enrichment(torch.ones(2, 64, 40), hum, spectrum).tolist() == pytest.approx([1, 1])


def test_the_component_that_carries_the_hum_is_found():
    spectrum, hum = planted()
    W = torch.full((64, 3), 1e-4)
    W[[3, 6], 0] = 1
    W[20:40, 1] = 1
    W[40:, 2] = 1
    share = shortcut_share(W, torch.ones(2, 3, 40), spectrum, hum)
    assert share[0] > 0.9
    assert share[1:].max() < 0.01
    silent = torch.ones(2, 3, 40)
    silent[:, 0] = 0
    assert shortcut_share(W, silent, spectrum, hum)[0] == 0
