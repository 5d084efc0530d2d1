"""Dissection of a network that knows nothing of this project."""

import torch
from torch import Tensor, nn

from interpretability.dissection.concepts import Concepts, one_hot
from interpretability.dissection.dissect import dissect
from interpretability.dissection.probe_set import WaveformProbes
from interpretability.dissection.read_out import TOKENS


class Small(nn.Module):
    """Two resolutions of a 1-D network and tokens, with dropout that must be off."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(1, 6, 9, stride=4, padding=4), nn.ReLU(), nn.Dropout(0.9))
        self.second = nn.Sequential(nn.Conv1d(6, 8, 9, stride=4, padding=4), nn.GELU())
        self.block = nn.Linear(8, 5)

    def forward(self, waveform: Tensor, length: Tensor) -> Tensor:
        assert bool((length <= waveform.shape[-1]).all())
        return self.block(self.second(self.first(waveform[:, None])).transpose(1, 2)).mean(dim=1)


def tones(n: int = 40) -> tuple[WaveformProbes, Concepts]:
    torch.manual_seed(0)
    labels = torch.arange(n) % 2
    seconds = torch.arange(1600) / 1600
    clips = [torch.sin(2 * torch.pi * (40.0 + 300 * int(c)) * seconds[: 1000 + 15 * i]) for i, c in enumerate(labels)]
    return WaveformProbes(clips, 1600, batch_size=8), one_hot(labels, ["low", "high"])


def test_any_network_in_five_lines() -> None:
    torch.manual_seed(0)
    model = Small().train()
    clips, labels = tones()
    result = dissect(model, "auto", clips, labels)
    assert list(result.layers) == ["first", "second", "block"]
    assert result.layers["block"].statistics.n_units == 5  # (B, T, U): found with a longer clip
    assert model.training
    assert model.first[2].training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    names = result.layers["second"].names
    assert bool(names.named.any())
    row = int(names.named.nonzero()[0])
    assert result.name("second", row) in ("low", "high")
    blank = int((~names.named).nonzero()[0]) if bool((~names.named).any()) else None
    assert blank is None or result.name("second", blank) is None
    tokens = dissect(model, ["block"], clips, labels, "p95", axes={"block": TOKENS}).layers["block"]
    assert tokens.statistics.n_units == 5
    assert bool((tokens.statistics.top.seconds[~tokens.statistics.dead] < 1).all())
