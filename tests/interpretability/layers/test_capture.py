"""Maps of named layers are caught as they are, and nothing stays behind."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.layers.capture import LayerCapture, find_layer, time_axes


class Net(nn.Module):
    """Spectrograms (B, 1, F, T) -> logits; with a recurrent layer, which returns a tuple."""

    def __init__(self):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.head = nn.Linear(3, 2)
        self.unused = nn.Conv1d(1, 1, 1)

    def forward(self, x):
        series = self.front(x).mean(dim=2).transpose(1, 2)
        return self.head(self.recurrent(series)[0][:, -1])


def hooks(module):
    return sum(len(layer._forward_hooks) for layer in module.modules())


def test_captured_maps_are_those_of_the_layer():
    net, x = Net().eval(), torch.randn(2, 1, 8, 10)
    with LayerCapture(net, ["front", "front.0"]) as maps:
        net(x)
    torch.testing.assert_close(maps["front"], net.front(x))
    torch.testing.assert_close(maps["front.0"], net.front[0](x))
    assert hooks(net) == 0


def test_each_evaluation_fills_the_dictionary_anew_and_gradients_pass():
    net = Net()
    with LayerCapture(net, ["front"]) as maps:
        net(torch.randn(1, 1, 8, 10))
        net(torch.randn(3, 1, 8, 12))
    assert maps["front"].shape == (3, 4, 8, 12)
    maps["front"].sum().backward()
    assert net.front[0].weight.grad is not None


def test_reduction_inside_the_hook_keeps_only_its_result():
    net, x = Net().eval(), torch.randn(2, 1, 8, 10)
    with LayerCapture(net, ["front"], reduce=lambda m: m.amax(dim=(2, 3))) as maps:
        net(x)
    torch.testing.assert_close(maps["front"], net.front(x).amax(dim=(2, 3)))


def test_one_dimensional_maps_are_laid_out_with_one_frequency():
    net, x = nn.Sequential(nn.Conv1d(1, 5, 3)), torch.randn(2, 1, 12)
    with LayerCapture(net, ["0"]) as maps:
        net(x)
    assert maps["0"].shape == (2, 5, 1, 10)
    torch.testing.assert_close(maps["0"][:, :, 0], net(x))


def test_time_that_is_not_the_last_axis_is_found_and_moved_there():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Conv2d(1, 3, 1)
            self.tokens = nn.Linear(8, 6)

        def forward(self, x):
            return self.tokens(self.map(x.transpose(2, 3)).mean(dim=1))

    net, short, long = TimeFirst(), torch.randn(2, 1, 8, 10), torch.randn(2, 1, 8, 15)
    axes = time_axes(net, ["map", "tokens"], lambda: net(short), lambda: net(long))
    assert axes == {"map": 2, "tokens": 1}
    with LayerCapture(net, ["map", "tokens"], time_axes=axes) as maps:
        expected = net(short)
    assert maps["map"].shape == (2, 3, 8, 10)
    torch.testing.assert_close(maps["map"], net.map(short))
    torch.testing.assert_close(maps["tokens"], expected.transpose(1, 2).unsqueeze(2))


def test_a_missing_layer_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"layer 'frnt\.0': the network has no such layer, did you mean 'front\.0'\?"):
        find_layer(Net(), "frnt.0")
    with pytest.raises(InputError, match=r"no such layer; layers: .*head"):
        LayerCapture(Net(), ["xyzzy"])
    assert find_layer(Net(), "front.1").__class__ is nn.ReLU


@pytest.mark.parametrize(
    ("layer", "message"),
    [("recurrent", "layer 'recurrent' returns a tuple"), ("head", r"layer 'head' gives shape \(2, 2\).*no time axis")],
)
def test_what_is_no_map_is_refused_in_one_line_and_leaves_no_hook(layer, message):
    net = Net()
    with pytest.raises(InputError, match=message) as caught, LayerCapture(net, ["front", layer]):
        net(torch.randn(2, 1, 8, 10))
    assert "\n" not in str(caught.value)
    assert hooks(net) == 0


def test_hooks_go_after_any_exception():
    net = Net()
    with pytest.raises(ZeroDivisionError), LayerCapture(net, ["front"]):
        raise ZeroDivisionError
    assert hooks(net) == 0


def test_a_layer_that_does_not_grow_with_the_clip_has_no_time_axis():
    net = nn.Sequential(nn.Conv1d(1, 4, 3), nn.AdaptiveAvgPool1d(5), nn.Conv1d(4, 4, 3))
    with pytest.raises(InputError, match=r"layer '2' gives shape .* no time axis"):
        time_axes(net, ["2"], lambda: net(torch.randn(1, 1, 20)), lambda: net(torch.randn(1, 1, 30)))
