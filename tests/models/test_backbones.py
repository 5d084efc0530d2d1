"""Every backbone keeps the contract: named maps, an embedding, and no trace of padding."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from configs.schema import SmallCNNConfig, VGGConfig
from models.backbones import SmallCNN, measure, pool_time
from models.cost import count_parameters
from models.vgg import VGG


def small():
    return SmallCNN(SmallCNNConfig(), 64).eval()


def test_shapes_are_measured_without_leaving_a_trace():
    net = small().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    shape = measure(net, 64)
    assert shape.maps["stem"] == (16, 32, 108)
    assert shape.maps["blocks.2"] == (128, 8, 27)
    assert shape.embedding == 128
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def test_embedding_of_a_padded_clip_is_that_of_the_clip():
    net = small()
    clip = torch.randn(1, 1, 64, 104)
    padded = nn.functional.pad(clip, (0, 96), value=-5.0)
    lengths = torch.tensor([104])
    torch.testing.assert_close(net(clip).embedding, net(padded, lengths).embedding, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(net(clip).embedding, net(padded).embedding, rtol=1e-2)


def test_pool_time_ignores_masked_steps():
    series = torch.tensor([[[1.0, 3.0, 100.0]]])
    mask = torch.tensor([[True, True, False]])
    assert pool_time(series, mask).item() == 3.0 + 2.0


def test_vgg_has_the_published_size_and_maps():
    net = VGG(VGGConfig(), 128)
    trunk = count_parameters(net) - count_parameters(net.adapt) + 1024 * 527 + 527
    assert trunk == pytest.approx(5.00e6, rel=0.01)
    shape = measure(net, 128, n_frames=431)
    assert [shape.maps[f"blocks.{i}"] for i in (3, 4, 5)] == [(128, 16, 53), (256, 8, 26), (512, 4, 13)]
    assert shape.embedding == 256


def test_vgg_refuses_what_it_cannot_halve_six_times():
    with pytest.raises(InputError, match="n_mels"):
        VGG(VGGConfig(), 64)
    with pytest.raises(InputError, match="128 frames"):
        VGG(VGGConfig(), 128)(torch.zeros(1, 1, 128, 100))
