"""Classifiers made by hand, whose reasons are known."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from interpretability.listening.explained_classifier import ExplainedClassifier

BINS, FRAMES = 33, 40
HOP, N_FFT = 32, 64


def explained(module, n_classes=2):
    """A module that takes X (B, 1, F, T) as the classifier it is."""
    window = torch.hann_window(N_FFT)
    return ExplainedClassifier(
        class_names=tuple(f"class {i}" for i in range(n_classes)),
        multi_label=False,
        respond=lambda S: module(torch.log1p((torch.view_as_real(S).square().sum(-1) + 1e-20).sqrt())[:, None]),
        stft=lambda w: torch.stft(w, N_FFT, HOP, window=window, return_complex=True),
        istft=lambda S, n: torch.istft(S, N_FFT, HOP, window=window, length=n),
        normalize=lambda w: w,
        module=module,
    )


class Linear(nn.Module):
    """Logits are sums over X with given weights (C, F, T)."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        return torch.einsum("bft,cft->bc", x[:, 0], self.weights)


class Rectangles(nn.Module):
    """Class c hears its own rectangle only: X outside is hidden, a convolution and a ReLU follow, then the mean."""

    def __init__(self, rectangles):
        super().__init__()
        self.register_buffer("templates", torch.stack(rectangles).float())
        n = len(rectangles)
        self.conv = nn.Conv2d(n, n, 3, padding=1, groups=n)
        nn.init.uniform_(self.conv.weight, 0.05, 0.15)
        nn.init.constant_(self.conv.bias, -0.02)

    def forward(self, x):
        return 30 * F.relu(self.conv(x * self.templates)).mean(dim=(2, 3))


class SmallNet(nn.Module):
    """Three layers of random weights; `modules=True` has its ReLUs as modules, the other calls the function."""

    def __init__(self, modules=False, inplace=False, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, padding=1, stride=2)
        self.head = nn.Linear(6, 3)
        self.inplace = inplace
        self.relus = nn.ModuleList(nn.ReLU(inplace) for _ in range(2)) if modules else None

    def relu(self, x, place):
        return F.relu(x, inplace=self.inplace) if self.relus is None else self.relus[place](x)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x)), 0)
        x = self.relu(self.second(x), 1)
        return self.head(x.mean(dim=(2, 3)))


def rectangle(bins, frames):
    inside = torch.zeros(BINS, FRAMES, dtype=torch.bool)
    inside[bins, frames] = True
    return inside


def spectra(n_clips=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_clips, BINS, FRAMES, dtype=torch.complex64, generator=generator)


@pytest.fixture
def planted():
    """What tests build classifiers of known reasons from."""
    return SimpleNamespace(
        explained=explained,
        Linear=Linear,
        Rectangles=Rectangles,
        SmallNet=SmallNet,
        rectangle=rectangle,
        spectra=spectra,
        shape=(BINS, FRAMES),
    )
