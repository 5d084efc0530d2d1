"""The published network: its size, its shapes, and the same answers frame by frame as excerpt by excerpt."""

import pytest
import torch
from torch import nn

from configs.compose import compose
from configs.errors import InputError
from configs.jamendo_schema import SingingVoiceBackboneConfig
from models.backbones import measure
from models.cost import count_parameters
from models.singing_voice import SingingVoiceClassifier
from models.singing_voice_network import SingingVoiceNetwork, middle

NAMES = ("no voice", "voice")


def small(width: int = 4) -> SingingVoiceNetwork:
    torch.manual_seed(0)
    net = SingingVoiceNetwork(SingingVoiceBackboneConfig(width=width), 80).eval()
    net.mean.normal_()
    net.std.uniform_(0.5, 2)
    return net


@pytest.mark.parametrize(("outputs", "parameters"), [(1, 1_408_225), (2, 1_408_290)])
def test_the_network_has_the_published_number_of_parameters(outputs: int, parameters: int) -> None:
    config = compose(["experiment=jamendo_singing_voice", "data.root=x", f"model.outputs={outputs}"])
    model = SingingVoiceClassifier(config, NAMES)
    assert count_parameters(model) == parameters
    assert measure(model.backbone, 80).maps == {
        "conv1": (64, 78, 113),
        "conv2": (32, 76, 111),
        "conv4": (128, 23, 35),
        "conv5": (64, 21, 33),
    }
    assert measure(model.backbone, 80).embedding == 64


def test_weights_are_orthogonal_and_biases_zero() -> None:
    for layer in small(8).children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.flatten(1)
            square = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
            torch.testing.assert_close(square, torch.eye(len(square)), atol=1e-5, rtol=0)
            assert layer.bias is not None
            assert not bool(layer.bias.any())


def test_every_frame_is_what_the_excerpts_give_one_by_one() -> None:
    net = small()
    features = torch.randn(1, 1, 80, 115 + 23)
    with torch.no_grad():
        one_by_one = torch.cat([net(features[..., t : t + 115]).embedding for t in range(24)])
        torch.testing.assert_close(net.every_frame(features)[0].T, one_by_one, atol=1e-5, rtol=1e-4)


def test_a_long_excerpt_is_heard_in_its_middle() -> None:
    net, features = small(), torch.randn(2, 1, 80, 169)
    torch.testing.assert_close(net(features).embedding, net(features[..., 27:142]).embedding)
    assert middle(torch.arange(5), 3).tolist() == [1, 2, 3]


def test_bands_are_standardised_by_their_statistics() -> None:
    net = small()
    features = torch.randn(1, 1, 80, 115)
    expected = net(features).embedding
    shifted = features * 2 + 5
    net.mean.copy_(net.mean * 2 + 5)
    net.std.mul_(2)
    torch.testing.assert_close(net(shifted).embedding, expected, atol=1e-5, rtol=1e-4)


def test_too_short_excerpts_are_refused() -> None:
    for heard in (small(), small().every_frame):
        with pytest.raises(InputError, match="at least 115 frames, got 114"):
            heard(torch.zeros(1, 1, 80, 114))
