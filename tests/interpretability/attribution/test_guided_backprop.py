import pytest
import torch
import torch.nn.functional as F

from interpretability.attribution.gradients import slopes
from interpretability.attribution.guided_backprop import GuidedReLUs, guided_backprop
from interpretability.attribution.settings import AttributionSettings


def by_hand(net, x, label):
    """Guided gradient (B, 1, F, T) of SmallNet, layer after layer, without autograd."""
    with torch.no_grad():
        scale = net.norm.weight / (net.norm.running_var + net.norm.eps).sqrt()
        before = net.norm(net.first(x))
        deep = net.second(before.relu())
        size = deep.shape[-2] * deep.shape[-1]
        gradient = (net.head.weight[label] / size)[None, :, None, None].expand_as(deep)
        gradient = gradient.clamp_min(0) * (deep > 0)
        pad = [before.shape[i] - ((deep.shape[i] - 1) * 2 - 2 + 3) for i in (2, 3)]
        gradient = F.conv_transpose2d(gradient, net.second.weight, stride=2, padding=1, output_padding=pad)
        gradient = gradient.clamp_min(0) * (before > 0)
        return F.conv_transpose2d(gradient * scale[:, None, None], net.first.weight, padding=1)


@pytest.mark.parametrize("modules", [True, False])
@pytest.mark.parametrize("inplace", [True, False])
def test_matches_the_gradient_by_hand(planted, modules, inplace):
    net = planted.SmallNet(modules, inplace).eval()
    f, S = planted.explained(net), planted.spectra(2)
    labels = torch.tensor([1, 1])
    found = guided_backprop(AttributionSettings(), f, S, labels)
    # explained() hears X through |S|; the slope of X in X is one where S is not silent
    expected = by_hand(net, S.abs().log1p()[:, None], 1)[:, 0].clamp_min(0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    plain = slopes(f, S.abs().log1p(), S, labels).clamp_min(0)
    assert (found - plain).abs().max() > 0.1 * plain.max()


def test_matches_captum_where_relus_are_modules(planted):
    attr = pytest.importorskip("captum.attr")
    net = planted.SmallNet(modules=True).eval()
    S = planted.spectra(2)
    labels = torch.tensor([0, 2])
    theirs = attr.GuidedBackprop(net).attribute(S.abs().log1p()[:, None].requires_grad_(), target=labels)
    ours = guided_backprop(AttributionSettings(), planted.explained(net), S, labels)
    torch.testing.assert_close(ours, theirs[:, 0].clamp_min(0).detach(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "relu",
    [torch.relu, F.relu, torch.Tensor.relu, torch.nn.ReLU(), lambda x: F.relu(x, True), lambda x: F.relu(input=x),
     lambda x: torch.relu_(x), lambda x: x.relu_(), lambda x: F.relu_(x), torch.nn.ReLU(inplace=True)],
)  # fmt: skip
def test_every_way_to_call_a_relu_is_guided(relu):
    x = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    with GuidedReLUs():
        y = relu(x * 1.0)
    torch.testing.assert_close(y.detach(), torch.tensor([0.0, 2.0, 3.0]))
    (gradient,) = torch.autograd.grad((y * torch.tensor([1.0, -1.0, 5.0])).sum(), x)
    torch.testing.assert_close(gradient, torch.tensor([0.0, 0.0, 5.0]))


def test_a_relu_in_place_changes_what_it_was_given():
    with GuidedReLUs():
        x = torch.tensor([-1.0, 2.0], requires_grad=True) * 1.0
        x.relu_()
    torch.testing.assert_close(x.detach(), torch.tensor([0.0, 2.0]))
    assert (torch.relu(torch.tensor([-1.0, 2.0])) == x).all()
