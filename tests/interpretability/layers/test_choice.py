"""Of an unknown network the last activation of each of the last resolutions is read."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from configs.errors import InputError
from configs.schema import SmallCNNConfig
from interpretability.layers.choice import auto_layers
from models.backbones import SmallCNN, measure


def layers(net, *shape, count=3):
    net.eval()
    return auto_layers(net, lambda: net(torch.randn(*shape)), count)


def conv_block(n_in, n_out, inplace=False):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU(inplace))


@pytest.mark.parametrize("inplace", [False, True])
def test_blocks_are_taken_after_their_non_linearity_and_before_pooling(inplace):
    net = nn.Sequential(
        conv_block(1, 4, inplace),
        nn.MaxPool2d(2),
        conv_block(4, 8, inplace),
        nn.Dropout(),
        nn.MaxPool2d(2),
        conv_block(8, 8, inplace),
        conv_block(8, 8, inplace),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    assert layers(net, 2, 1, 16, 24) == ["0", "2", "6"]
    assert layers(net, 2, 1, 16, 24, count=2) == ["2", "6"]


def test_a_convolution_without_activation_behind_the_last_block_is_passed_over():
    net = nn.Sequential(conv_block(1, 4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    assert layers(net, 1, 1, 8, 8) == ["0"]


def test_functional_non_linearities_leave_the_layers_before_them():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv1d(1, 4, 5, stride=2), nn.BatchNorm1d(4)
            self.conv2 = nn.Conv1d(4, 8, 5, stride=2)
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            x = F.relu(self.norm1(self.conv1(x)))
            return self.head(F.relu(self.conv2(x)).mean(dim=-1))

    assert layers(Net(), 2, 1, 64) == ["conv1", "conv2"]


def test_what_comes_before_the_first_weights_is_input():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.stft(x, 16, 8, window=torch.ones(16), return_complex=True).abs().unsqueeze(1)

    net = nn.Sequential(Spectrum(), nn.Upsample(scale_factor=2), conv_block(1, 4))
    assert layers(net, 2, 256) == ["2"]


def test_the_small_network_is_read_where_the_by_design_model_reads_it():
    net = SmallCNN(SmallCNNConfig(), 64)
    assert layers(net, 1, 1, 64, 216) == list(measure(net, 64).maps)[-3:] == ["blocks.0", "blocks.1", "blocks.2"]


def test_a_network_without_a_time_axis_is_refused():
    with pytest.raises(InputError, match="no layer of the network has maps with a time axis"):
        layers(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), 2, 8)
