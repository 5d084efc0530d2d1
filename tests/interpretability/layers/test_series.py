"""Series of layers: reductions by hand, statistics against NumPy, and nothing left behind."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.series import (
    ChannelStatistics,
    SeriesCapture,
    channel_mean,
    channel_norm,
    channel_statistics,
    frequency_profile,
    positive_share,
    zscored_mean,
)

MAPS = torch.tensor([[[[1.0, -1.0, 0.0]], [[3.0, 1.0, -2.0]]]])  # (1, 2, 1, 3)


class Shuffle(nn.Module):
    """A stochastic layer that knows no eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(int(torch.randint(1, 3, ())), -1)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(1, 4, 5, 2, 2), nn.ReLU(), Shuffle(), nn.Dropout(0.5), nn.Conv1d(4, 3, 5, 2, 2), nn.LeakyReLU(0.2)
    )


def test_reductions_by_hand() -> None:
    assert channel_mean(MAPS).tolist() == [[2, 0, -1]]
    assert channel_norm(MAPS)[0].tolist() == pytest.approx([5**0.5, 1, 2**0.5])
    assert positive_share(MAPS).tolist() == [[1, 0.5, 0]]
    assert frequency_profile(torch.stack([MAPS[:, :, 0], MAPS[:, :, 0] * 3], dim=2))[0].tolist() == pytest.approx(
        [1 / 3, 1]
    )
    dead = ChannelStatistics(torch.tensor([1.0, 9.0]), torch.tensor([2.0, 0.0]))
    assert zscored_mean(dead)(MAPS).tolist() == [[0, -1, -0.5]]


def test_capture_is_repeatable_and_leaves_nothing() -> None:
    net = network().train()
    clips = torch.randn(3, 1, 64)
    with SeriesCapture(
        net, "auto", ("mean", "norm", "positive"), silent=(Shuffle,), example=lambda: net(clips)
    ) as found:
        net(clips)
        first = {path: dict(series) for path, series in found.items()}
        net(clips)
        assert list(found) == ["1", "5"]
        for path, series in found.items():
            for name, values in series.items():
                assert torch.equal(values, first[path][name])
                assert not values.requires_grad
    by_hand = torch.relu(net[0](clips))
    assert torch.allclose(first["1"]["mean"], by_hand.mean(dim=1), atol=1e-6)
    after = nn.functional.leaky_relu(net[4](by_hand), 0.2)
    assert torch.allclose(first["5"]["positive"], (after > 0).float().mean(dim=1))
    assert net.training
    assert net[3].training
    assert not any(layer._forward_hooks for layer in net.modules())
    assert torch.is_grad_enabled()
    assert not torch.equal(net(clips), net(clips))  # the shuffle and the dropout are back


def test_an_error_inside_removes_the_hooks() -> None:
    net = network().train()
    with pytest.raises(RuntimeError), SeriesCapture(net, ["1"]):
        net(torch.zeros(1, 9, 9))
    assert net.training
    assert not any(layer._forward_hooks for layer in net.modules())


def test_sums_are_float32_under_autocast() -> None:
    net = nn.Sequential(nn.Conv1d(1, 600, 1), nn.ReLU())
    nn.init.constant_(net[0].weight, 0.0)
    with torch.no_grad():
        net[0].bias.copy_(torch.arange(600) / 600)
    with SeriesCapture(net, ["1"], ("mean", "norm")) as found, torch.autocast("cpu", dtype=torch.bfloat16):
        net(torch.zeros(1, 1, 4))
    rounded = net[0].bias.detach().bfloat16().double()
    assert found["1"]["mean"].dtype == torch.float32
    assert found["1"]["mean"][0].tolist() == pytest.approx([float(rounded.mean())] * 4, abs=1e-6)
    assert found["1"]["norm"][0].tolist() == pytest.approx([float(rounded.square().mean().sqrt())] * 4, abs=1e-6)


def test_channel_statistics_over_batches() -> None:
    net = network().eval()
    net[2] = nn.Identity()
    batches = [torch.randn(5, 1, 64), torch.randn(2, 1, 64) * 3]
    found = channel_statistics(net, ["1", "5"], [lambda clips=clips: net(clips) for clips in batches])
    with torch.no_grad():
        maps = torch.relu(net[0](torch.cat(batches)))
    values = maps.movedim(1, 0).flatten(1).numpy()
    assert np.allclose(found["1"].mean, values.mean(axis=1), atol=1e-6)
    assert np.allclose(found["1"].std, values.std(axis=1), atol=1e-6)
    with SeriesCapture(net, ["1"], ("zscored",), found) as series:
        net(batches[0])
    expected = (maps[:5] - maps.mean(dim=(0, 2))[:, None]) / maps.std(dim=(0, 2), correction=0)[:, None]
    assert torch.allclose(series["1"]["zscored"], expected.mean(dim=1), atol=1e-5)


def test_maps_with_a_frequency_axis() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU())
    clips = torch.randn(2, 1, 8, 10)
    with SeriesCapture(net, ["1"], ("mean", "profile")) as found:
        maps = net(clips)
    assert torch.allclose(found["1"]["mean"], maps.mean(dim=(1, 2)))
    assert torch.allclose(found["1"]["profile"], maps.mean(dim=(1, 3)))


def test_bad_input() -> None:
    net = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(12, 3), nn.ReLU())
    with pytest.raises(InputError, match="needs the statistics"):
        SeriesCapture(net, ["0"], ("zscored",))
    with pytest.raises(InputError, match="name the layers"):
        SeriesCapture(net, "auto")
    with pytest.raises(InputError, match="no such layer"), SeriesCapture(net, ["7"]):
        pass
    with pytest.raises(InputError, match=r"layer '3' gives shape .* no time axis"), SeriesCapture(net, ["3"]):
        net(torch.zeros(1, 1, 8))
    linear = nn.Sequential(nn.Linear(8, 3), nn.ReLU())
    with pytest.raises(InputError, match="no layer of the network has maps"):
        SeriesCapture(linear, "auto", example=lambda: linear(torch.zeros(1, 8)))
