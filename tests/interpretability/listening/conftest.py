"""A small classifier whose every answer can be worked out by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from interpretability.listening.explained_classifier import ExplainedClassifier

N_FFT, HOP = 64, 32


class BandEnergies(nn.Module):
    """Logits: the root-mean-square magnitude of three bands of the spectrum, times ten."""

    edges = ((0, 11), (11, 22), (22, 33))

    def forward(self, spectrum: Tensor) -> Tensor:
        power = torch.view_as_real(spectrum).square().sum(-1)
        return torch.stack([10 * (power[:, a:b].mean(dim=(1, 2)) + 1e-12).sqrt() for a, b in self.edges], dim=1)


@pytest.fixture
def bands() -> Callable[..., ExplainedClassifier]:
    """Make the classifier; `multi_label` and `respond` may be chosen."""

    def make(multi_label: bool = False, respond: Callable[[Tensor], Tensor] | None = None) -> ExplainedClassifier:
        module, window = BandEnergies(), torch.hann_window(N_FFT)

        def stft(x: Tensor) -> Tensor:
            return torch.stft(x, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)

        def istft(spectrum: Tensor, length: int) -> Tensor:
            flat = spectrum.reshape(-1, *spectrum.shape[-2:])
            return torch.istft(flat, N_FFT, HOP, window=window, length=length).reshape(*spectrum.shape[:-2], length)

        return ExplainedClassifier(
            class_names=("low", "middle", "high"),
            multi_label=multi_label,
            respond=respond or module,
            stft=stft,
            istft=istft,
            normalize=lambda x: x / x.abs().amax(dim=-1, keepdim=True).clamp_min(1e-4),
            module=module,
        )

    return make


@pytest.fixture
def noise() -> Callable[..., Tensor]:
    """Clips (B, N) of noise that repeat with their seed."""

    def make(clips: int = 3, n: int = 640, seed: int = 0) -> Tensor:
        return torch.randn(clips, n, generator=torch.Generator().manual_seed(seed)) * 0.2

    return make
