import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.attribution.grad_cam import deepest_layer, grad_cam, on_stft_grid
from interpretability.attribution.settings import AttributionSettings

LABELS = torch.tensor([0, 2, 1])


def test_matches_captum_on_a_named_layer(planted):
    attr = pytest.importorskip("captum.attr")
    net = planted.SmallNet().eval()
    f, S = planted.explained(net), planted.spectra()
    theirs = attr.LayerGradCam(net, net.second).attribute(
        S.abs().log1p()[:, None].requires_grad_(), target=LABELS, relu_attributions=True
    )
    theirs = attr.LayerAttribution.interpolate(theirs, planted.shape, "bilinear")[:, 0]
    ours = grad_cam(AttributionSettings(layer="second"), f, S, LABELS)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-7)


def test_a_relu_in_place_does_not_change_the_map_that_is_read(planted):
    maps = []
    for inplace in (False, True):
        f = planted.explained(planted.SmallNet(modules=True, inplace=inplace).eval())
        maps.append(grad_cam(AttributionSettings(layer="second"), f, planted.spectra(), LABELS))
    torch.testing.assert_close(maps[0], maps[1])
    assert maps[0].max() > 0


def test_the_deepest_map_is_found_in_any_network_and_in_a_backbone(planted):
    f, S = planted.explained(planted.SmallNet(modules=True).eval()), planted.spectra(1)
    assert deepest_layer(f, S) == "relus.1"
    whole = nn.Module()
    whole.backbone, whole.later = planted.SmallNet().eval(), nn.Conv2d(1, 1, 1)
    whole.forward = lambda x: whole.backbone(whole.later(x))
    assert deepest_layer(planted.explained(whole), S) == "backbone.second"


def test_a_wrong_layer_is_refused_with_the_nearest(planted):
    f = planted.explained(planted.SmallNet().eval())
    with pytest.raises(InputError, match="did you mean 'second'"):
        grad_cam(AttributionSettings(layer="secnd"), f, planted.spectra(), LABELS)
    with pytest.raises(InputError, match="no time axis"):
        grad_cam(AttributionSettings(layer="head"), f, planted.spectra(), LABELS)
    assert not any(m._forward_hooks for m in f.module.modules())


def test_mel_rows_reach_the_bins_that_they_hear():
    filters = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0], [0.0, 0.5], [0.0, 0.0]])  # five bins, two bands
    maps = torch.tensor([[[1.0, 1.0], [5.0, 5.0]]])
    found = on_stft_grid(maps, filters, (5, 2))
    torch.testing.assert_close(found[0, :, 0], torch.tensor([0.0, 1.0, 0.25 * 1 + 0.75 * 5, 5.0, 0.0]))
    plain = on_stft_grid(maps, None, (4, 2))
    torch.testing.assert_close(plain[0, :, 0], torch.tensor([1.0, 2.0, 4.0, 5.0]))


def test_maps_with_time_before_frequency_are_turned(planted):
    class Turned(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net, self.turn = net, Turn()

        def forward(self, x):
            deep = self.turn(self.net.second(self.net.norm(self.net.first(x)).relu()))
            return self.net.head(deep.relu().mean(dim=(2, 3)))

    class Turn(nn.Module):
        def forward(self, x):
            return x.transpose(2, 3)

    f, S = planted.explained(Turned(planted.SmallNet().eval())), planted.spectra()
    plain = grad_cam(AttributionSettings(layer="net.second"), f, S, LABELS)
    torch.testing.assert_close(grad_cam(AttributionSettings(layer="turn"), f, S, LABELS), plain)
    assert plain.max() > 0


def test_a_layer_that_is_never_called_is_refused(planted):
    net = planted.SmallNet().eval()
    net.idle = nn.Conv2d(1, 1, 1)
    with pytest.raises(InputError, match="never called"):
        grad_cam(AttributionSettings(layer="idle"), planted.explained(net), planted.spectra(), LABELS)
