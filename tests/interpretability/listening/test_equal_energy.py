import pytest
import torch

from interpretability.listening.equal_energy import equal_energy_masks
from interpretability.listening.mask_shape import let_through


def spectra(n_clips=3, bins=20, frames=15, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_clips, bins, frames, dtype=torch.complex64, generator=generator)


def energy_of(masks, spectrum):
    return (masks * spectrum).abs().double().square().sum(dim=(1, 2))


def test_by_hand():
    # powers 4, 1, 1, 4; R = 1, 1/2, 1/4, 0. At c = 2: M = 1, 1, 1/2, 0 -> 4 + 1 + 1/4
    spectrum = torch.tensor([[[2.0, 1.0], [1.0, 2.0]]], dtype=torch.complex64)
    relevance = torch.tensor([[[4.0, 2.0], [1.0, 0.0]]])
    masks = equal_energy_masks(relevance, spectrum, torch.tensor([5.25]))
    torch.testing.assert_close(masks, torch.tensor([[[1.0, 1.0], [0.5, 0.0]]]))
    torch.testing.assert_close(let_through(masks, spectrum), torch.tensor([0.525]).double())


def test_nothing_saturates_at_low_energy():
    spectrum = torch.ones(1, 2, 1, dtype=torch.complex64)
    masks = equal_energy_masks(torch.tensor([[[2.0], [1.0]]]), spectrum, torch.tensor([0.05]))
    torch.testing.assert_close(masks, torch.tensor([[[0.2], [0.1]]]))


@pytest.mark.parametrize("share", [1e-4, 0.03, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("power", [0.2, 1, 12])
def test_the_energy_is_reached_and_the_map_only_scaled(share, power):
    spectrum = spectra()
    relevance = torch.rand(3, 20, 15, generator=torch.Generator().manual_seed(1)).clamp_min(1e-3) ** power
    energy = share * energy_of(torch.ones(1), spectrum)
    masks = equal_energy_masks(relevance, spectrum, energy.float())
    torch.testing.assert_close(energy_of(masks, spectrum), energy, rtol=1e-5, atol=0)
    assert masks.min() >= 0
    assert masks.max() <= 1
    for mask, r in zip(masks, relevance, strict=True):
        free = mask < 1
        if free.any():
            ratio = mask[free].double() / r[free].double()
            torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-4, atol=0)
            assert r[~free].min() >= r[free].max() if (~free).any() else True


def test_agrees_with_bisection():
    spectrum = spectra(1)
    relevance = torch.rand(1, 20, 15, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) ** 3
    energy = 0.3 * energy_of(torch.ones(1), spectrum)
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        below = energy_of((middle * relevance).clamp(0, 1), spectrum) < energy
        low, high = (middle, high) if below else (low, middle)
    torch.testing.assert_close(equal_energy_masks(relevance, spectrum, energy), (low * relevance).clamp(0, 1))


def test_support_bounds_the_energy_and_negative_relevance_is_dropped():
    spectrum = spectra(2)
    relevance = torch.zeros(2, 20, 15)
    relevance[:, :5], relevance[:, 5:] = 0.3, -0.7
    masks = equal_energy_masks(relevance, spectrum, 0.9 * energy_of(torch.ones(1), spectrum).float())
    assert (masks[:, :5] == 1).all()
    assert (masks[:, 5:] == 0).all()


def test_equal_relevance_is_one_level():
    spectrum = spectra(1)
    energy = 0.25 * energy_of(torch.ones(1), spectrum).float()
    masks = equal_energy_masks(torch.full((1, 20, 15), 0.01), spectrum, energy)
    torch.testing.assert_close(masks, torch.full((1, 20, 15), 0.5))


def test_no_relevance_no_energy_and_silence_give_finite_masks():
    spectrum = spectra(1)
    whole = energy_of(torch.ones(1), spectrum).float()
    assert (equal_energy_masks(torch.zeros(1, 20, 15), spectrum, whole) == 0).all()
    assert (equal_energy_masks(torch.ones(1, 20, 15), spectrum, torch.zeros(1)) == 0).all()
    silent = torch.zeros(1, 20, 15, dtype=torch.complex64)
    masks = equal_energy_masks(torch.rand(1, 20, 15), silent, torch.ones(1))
    assert masks.isfinite().all()
    assert let_through(torch.ones(1, 20, 15), silent).isnan().all()


def test_batched_equals_one_by_one():
    spectrum, relevance = spectra(4), torch.rand(4, 20, 15)
    energy = energy_of(torch.ones(1), spectrum).float() * torch.tensor([0.1, 0.4, 0.8, 0.0])
    single = torch.cat(
        [equal_energy_masks(relevance[i : i + 1], spectrum[i : i + 1], energy[i : i + 1]) for i in range(4)]
    )
    torch.testing.assert_close(equal_energy_masks(relevance, spectrum, energy), single)


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        equal_energy_masks(torch.full((1, 20, 15), torch.nan), spectra(1), torch.ones(1))
