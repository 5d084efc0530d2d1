"""Networks of the spectrogram GAN: the published sizes, and every layer against TensorFlow's SAME by hand."""

import pytest
import torch
from torch.nn import functional as F

from configs.errors import InputError
from models.spectrogram_gan import (
    BandScale,
    Down2d,
    SpectrogramCritic,
    SpectrogramGenerator,
    Up2d,
    grid_of,
    margins,
)


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_sizes_are_those_of_the_paper():
    generator, critic = SpectrogramGenerator(80, 115), SpectrogramCritic(80, 115)
    assert (count(generator), count(critic)) == (932_801, 1_086_720)
    assert generator.n_latents == 128
    shapes = []
    for number in range(1, 5):
        generator.get_submodule(f"conv{number}").register_forward_hook(lambda *given: shapes.append(given[2].shape[1:]))
        critic.get_submodule(f"conv{number}").register_forward_hook(lambda *given: shapes.append(given[2].shape[1:]))
    assert generator(torch.randn(2, 128)).shape == (2, 1, 80, 115)
    assert critic(torch.randn(2, 1, 80, 115)).shape == (2, 1)
    assert shapes[:4] == [(64, 10, 16), (32, 20, 32), (16, 40, 64), (8, 80, 128)]
    assert shapes[4:] == [(32, 40, 64), (64, 20, 32), (128, 10, 16), (256, 5, 8)]
    assert critic.output.bias is None
    assert critic.output.in_features == 10_240


@pytest.mark.parametrize(("bands", "frames"), [(64, 69), (40, 16), (17, 33)])
def test_any_number_of_bands_and_frames(bands, frames):
    generator, critic = SpectrogramGenerator(bands, frames, 6, 1), SpectrogramCritic(bands, frames, 1, 4)
    made = generator(torch.randn(3, 6))
    assert made.shape == (3, 1, bands, frames)
    assert critic(made).shape == (3, 4)


def test_margins_are_six_and_seven_frames_of_the_paper():
    assert margins(115) == (6, 7)
    assert margins(80) == (0, 0)
    assert margins(69) == (5, 6)
    assert grid_of(80, 115) == (5, 8)


def test_convolution_is_aligned_as_same():
    """TensorFlow pads the odd value at the end: output (i, j) is centred on input (2 i + 1, 2 j + 1)."""
    torch.manual_seed(0)
    layer, maps = Down2d(2, 3), torch.randn(1, 2, 6, 8)
    found = layer(maps)
    assert found.shape == (1, 3, 3, 4)
    for i, j in ((0, 0), (1, 2), (2, 3)):
        value = layer.bias.clone()
        for a in range(5):
            for b in range(5):
                row, column = 2 * i - 1 + a, 2 * j - 1 + b
                if 0 <= row < 6 and 0 <= column < 8:
                    value = value + layer.weight[:, :, a, b] @ maps[0, :, row, column]
        torch.testing.assert_close(found[0, :, i, j], value)


def test_transposed_convolution_is_the_adjoint_of_the_convolution():
    torch.manual_seed(0)
    down, up = Down2d(3, 2).double(), Up2d(2, 3).double()
    with torch.no_grad():
        up.weight.copy_(down.weight)
        up.bias.zero_()
        down.bias.zero_()
    small, large = torch.randn(1, 2, 3, 4).double(), torch.randn(1, 3, 6, 8).double()
    assert up(small).shape == large.shape
    assert (up(small) * large).sum().item() == pytest.approx((small * down(large)).sum().item(), rel=1e-10)


def test_generator_layer_by_layer():
    torch.manual_seed(0)
    generator, latents = SpectrogramGenerator(16, 20, 3, 1), torch.randn(2, 3)
    generator.scale.mean.fill_(2.0)
    generator.scale.deviation.fill_(3.0)
    maps = F.leaky_relu(generator.project(latents), 0.2).reshape(2, 1, 2, 16).permute(0, 3, 1, 2)
    for number in range(1, 5):
        maps = F.leaky_relu(generator.get_submodule(f"conv{number}")(maps), 0.2)
    whole = generator.output(maps) * 3 + 2
    torch.testing.assert_close(generator(latents), whole[..., 6:26])


def test_critic_layer_by_layer():
    torch.manual_seed(0)
    critic, excerpts = SpectrogramCritic(16, 20, 1), torch.randn(2, 1, 16, 20)
    maps = torch.zeros(2, 1, 16, 32)
    maps[..., 6:26] = excerpts
    for number in range(1, 5):
        maps = F.leaky_relu(critic.get_submodule(f"conv{number}")(maps), 0.2)
    torch.testing.assert_close(critic(excerpts), maps.permute(0, 2, 3, 1).flatten(1) @ critic.output.weight.T)


def test_features_do_not_fall_below_the_floor():
    torch.manual_seed(0)
    generator = SpectrogramGenerator(16, 16, 4, 1, floor=-0.01)
    assert generator(torch.randn(8, 4)).min().item() == pytest.approx(-0.01)


def test_bands_are_standardised_and_restored():
    torch.manual_seed(0)
    scale = BandScale(3)
    features = torch.randn(50, 1, 3, 40) * torch.tensor([[1.0], [5.0], [0.0]]) + torch.tensor([[2.0], [-7.0], [4.0]])
    assert torch.equal(scale.standardise(features), features)  # nothing is measured yet
    scale.measure(features)
    seen = scale.standardise(features)
    torch.testing.assert_close(seen[:, :, :2].mean(dim=(0, 1, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[:, :, :2].std(dim=(0, 1, 3)), torch.ones(2))
    assert seen[:, :, 2].abs().max() < 1e-4  # a band that does not vary is not blown up
    torch.testing.assert_close(scale.restore(seen), features)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"\(2, 5\).*\(clips, 128\)"):
        SpectrogramGenerator(80, 115)(torch.zeros(2, 5))
    with pytest.raises(InputError, match=r"\(2, 1, 64, 69\).*\(B, 1, 80, 115\)"):
        SpectrogramCritic(80, 115)(torch.zeros(2, 1, 64, 69))
    with pytest.raises(InputError, match="do not vary"):
        BandScale(4).measure(torch.ones(3, 1, 4, 5))
