"""Sparseness, complexity and energy: by hand, against formulas in loops, and against Quantus."""

import math

import numpy as np
import pytest
import torch

from interpretability.listening.mask_shape import complexity, energy_kept, sparseness


def test_by_hand():
    masks = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 0.0, 0.0]])
    assert sparseness(masks).values.tolist() == pytest.approx([0.75, 0.0, (1 * 1 + 3 * 3) / 16])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert complexity(masks).values.tolist() == pytest.approx([0.0, math.log(4), entropy])


def test_the_gini_index_is_the_mean_difference_of_all_pairs():
    mask = torch.rand(7, 9, generator=torch.Generator().manual_seed(0)).double()
    flat = mask.flatten()
    pairs = sum(abs(float(a - b)) for a in flat for b in flat)
    assert sparseness(mask[None]).mean == pytest.approx(pairs / (2 * len(flat) ** 2 * float(flat.mean())))


def test_signs_and_level_do_not_matter():
    masks = torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(0))
    for score in (sparseness, complexity):
        torch.testing.assert_close(score(-2.5 * masks).values, score(masks.abs()).values, rtol=1e-5, atol=1e-6)


def test_empty_masks_are_undefined_and_silence_has_no_energy_to_keep():
    masks = torch.stack([torch.zeros(4, 5), torch.ones(4, 5)])
    assert sparseness(masks).values.isnan().tolist() == [True, False]
    assert complexity(masks).undefined == 1
    spectrum = torch.ones(2, 4, 5, dtype=torch.complex64)
    assert energy_kept(0.5 * masks, spectrum).values.tolist() == [0, 0.25]
    assert energy_kept(masks, 0 * spectrum).undefined == 2
    half = torch.ones(1, 4, 5)
    half[:, :2] = 0
    assert energy_kept(half, torch.arange(20).reshape(1, 4, 5) * 1j).mean == pytest.approx(
        sum(i * i for i in range(10, 20)) / sum(i * i for i in range(20))
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_quantus_says_the_same(seed):
    quantus = pytest.importorskip("quantus")
    masks = np.random.default_rng(seed).random((4, 12, 15)).astype(np.float32) ** 4
    ours = {"Sparseness": sparseness(torch.from_numpy(masks)), "Complexity": complexity(torch.from_numpy(masks))}
    for name, found in ours.items():
        metric = getattr(quantus, name)(disable_warnings=True, abs=True, normalise=False)
        theirs = metric.evaluate_batch(x_batch=masks[:, None], a_batch=masks.copy())
        np.testing.assert_allclose(found.values.numpy(), theirs, rtol=2e-4)
