"""The energy of complex spectra."""

import pytest
import torch

from interpretability.power_spectrum import power_spectrum


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 5), (0, 4), (2, 513, 9)])
def test_energy_is_the_square_of_the_magnitude(dtype, shape):
    spectrum = torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    before = spectrum.clone()
    found = power_spectrum(spectrum)
    torch.testing.assert_close(found, spectrum.abs().square())
    found.zero_()
    assert torch.equal(spectrum, before)


def test_views_of_memory_are_read_as_they_lie():
    spectrum = torch.randn(4, 6, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    for view in (spectrum.T, spectrum[:, ::2], spectrum.conj()):
        torch.testing.assert_close(power_spectrum(view), view.abs().square())


def test_slope_is_twice_the_value_and_finite_at_silence():
    spectrum = torch.tensor([3 + 4j, 0j], requires_grad=True)
    power_spectrum(spectrum).sum().backward()
    assert spectrum.grad.tolist() == [6 + 8j, 0j]
