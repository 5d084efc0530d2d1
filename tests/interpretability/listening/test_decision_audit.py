"""Hand-worked cases and a plain loop over masks."""

import torch

from interpretability.listening.decision_audit import audible_share, component_energy, relative_error


def test_energy_equals_that_of_the_masked_spectra():
    torch.manual_seed(0)
    spectrum = torch.randn(2, 9, 7, dtype=torch.complex64)
    dictionary, activations = torch.rand(9, 4), torch.rand(2, 4, 7)
    found = component_energy(spectrum, dictionary, activations)
    for b in range(2):
        for k in range(4):
            mask = torch.outer(dictionary[:, k], activations[b, k]) / (dictionary @ activations[b])
            expected = (mask * spectrum[b]).abs().square().sum() / spectrum[b].abs().square().sum()
            torch.testing.assert_close(found[b, k], expected)


def test_energy_of_silence_is_zero():
    energy = component_energy(torch.zeros(1, 5, 3, dtype=torch.complex64), torch.rand(5, 2), torch.zeros(1, 2, 3))
    assert torch.equal(energy, torch.zeros(1, 2))


def test_share_counts_only_what_can_be_heard():
    relevance = torch.tensor([[3.0, -1.0, 1.0], [0.0, 0.0, 0.0]])
    energy = torch.tensor([[0.5, 2e-4, 1e-5], [0.5, 0.5, 0.5]])
    assert torch.allclose(audible_share(relevance, energy), torch.tensor([0.8, 1.0]))
    assert torch.allclose(audible_share(relevance, energy, threshold_db=-20), torch.tensor([0.6, 1.0]))


def test_relative_error_leaves_padding_out():
    target = torch.tensor([[[3.0, 4.0, 9.0]]])
    rebuilt = torch.tensor([[[3.0, 3.0, 0.0]]])
    assert torch.allclose(relative_error(target, rebuilt, torch.tensor([[True, True, False]])), torch.tensor([1 / 25]))
