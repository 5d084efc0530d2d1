"""The network on waveforms: its maps, its padding and its clock."""

import pytest
import torch

from configs.schema import WaveformCNNConfig
from interpretability.layers.time_trace import layer_clocks
from models.backbones import measure
from models.waveform_cnn import WaveformCNN


def small():
    torch.manual_seed(0)
    return WaveformCNN(WaveformCNNConfig(width=4)).eval()


def test_maps_have_one_row_and_a_step_for_4_to_the_n_samples():
    shape = measure(small(), 1, 4096)
    assert shape.maps == {f"relu{n}": (4 * 2 ** (n - 1), 1, 4096 // 4**n) for n in range(1, 6)}
    assert shape.embedding == 64


@pytest.mark.parametrize("length", [4096, 3000, 1])
def test_padding_does_not_reach_the_embedding(length):
    net = small()
    clip = torch.randn(1, 1, 1, length)
    padded = torch.cat([clip, torch.ones(1, 1, 1, 8192 - length)], dim=-1)
    alone = net(clip, torch.tensor([length])).embedding
    torch.testing.assert_close(net(padded, torch.tensor([length])).embedding, alone)
    assert not torch.allclose(net(padded).embedding, alone, rtol=1e-2)


def test_its_layers_lie_on_the_clock_of_the_sound():
    class Heard(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small()

        def forward(self, x):
            return self.net(x[:, None, None]).embedding

    found = layer_clocks(Heard(), ["net.relu1", "net.relu3"], torch.zeros(1, 4096))
    assert not found.unheard
    assert [found.clocks[path].jump for path in ("net.relu1", "net.relu3")] == [4, 64]


def test_how_loud_a_sound_is_stays_in_every_layer():
    net = small()
    clip = torch.randn(1, 1, 1, 4096)
    with torch.no_grad():
        soft, loud = net(0.1 * clip).maps, net(clip).maps
    for name in soft:
        assert float(loud[name].abs().mean() / soft[name].abs().mean()) == pytest.approx(10, rel=0.01)
