"""WaveGAN has the published sizes, both alignments, and says what it cannot take."""

import pytest
import torch
import torch.nn.functional as F

from configs.errors import InputError
from interpretability.layers.time_base import strided_stack
from models.gan_convolution import Down, Up
from models.phase_shuffle import PhaseShuffle
from models.wavegan import WaveGANCritic, WaveGANGenerator


def test_published_parameter_counts():
    networks = WaveGANGenerator(), WaveGANCritic(), WaveGANCritic(n_outputs=10)
    sizes = [sum(weights.numel() for weights in network.parameters()) for network in networks]
    assert sizes == [19_065_345, 17_427_969, 17_575_434]


@pytest.mark.parametrize(
    ("samples", "shapes"),
    [
        (4096, [(4, 128), (16, 64), (64, 32), (256, 16), (1024, 8), (4096, 1)]),
        (16384, [(16, 128), (64, 64), (256, 32), (1024, 16), (4096, 8), (16384, 1)]),
        (32768, [(16, 256), (64, 128), (256, 64), (1024, 32), (4096, 16), (16384, 8), (32768, 1)]),
        (65536, [(16, 256), (64, 128), (256, 64), (1024, 32), (4096, 16), (16384, 8), (65536, 1)]),
    ],
)
@pytest.mark.parametrize("alignment", ["torch", "tf_same"])
def test_maps_have_the_published_sizes(samples, shapes, alignment):
    generator = WaveGANGenerator(samples, 8, alignment=alignment)
    critic = WaveGANCritic(samples, 8, 3, alignment=alignment)
    seen = {"g": [generator.first[::-1]], "d": []}
    for net, name in ((generator, "g"), (critic, "d")):
        for path, layer in net.named_modules():
            if path.startswith("conv"):
                layer.register_forward_hook(lambda m, i, o, name=name: seen[name].append((o.shape[2], o.shape[1])))
    sound = generator(torch.rand(2, 100))
    assert sound.shape == (2, samples)
    assert critic(sound).shape == (2, 3)
    assert seen["g"] == shapes
    if samples != 32768:
        assert seen["d"] == shapes[-2::-1]
    else:  # the critic's layer of stride 2 is its last, the generator's too
        assert seen["d"] == [(8192, 8), (2048, 16), (512, 32), (128, 64), (32, 128), (16, 256)]


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("alignment", ["torch", "tf_same"])
def test_convolutions_in_phases_are_the_strided_ones(stride, alignment):
    torch.manual_seed(0)
    total = 25 - stride
    before = total // 2 if alignment == "tf_same" else total - total // 2
    after = total - before if alignment == "tf_same" else before
    down, maps = Down(3, 5, stride, alignment).double(), torch.randn(2, 3, 12 * stride, dtype=torch.float64)
    expected = F.conv1d(F.pad(maps, (before, after)), down.weight, down.bias, stride)
    torch.testing.assert_close(down(maps), expected)
    up, maps = Up(3, 5, stride, alignment).double(), torch.randn(2, 3, 12, dtype=torch.float64, requires_grad=True)
    whole = F.conv_transpose1d(maps, up.weight, up.bias, stride)  # as TensorFlow: everything, then cropped
    expected = whole[..., before : before + 12 * stride]
    torch.testing.assert_close(up(maps), expected)
    ours, theirs = (torch.autograd.grad(y.square().sum(), [maps, up.weight]) for y in (up(maps), expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("alignment", ["torch", "tf_same"])
def test_an_impulse_lands_where_the_table_of_centres_says(alignment):
    clocks = strided_stack(5, convention=alignment)
    published = [1, 5, 21, 85, 341] if alignment == "torch" else [2, 10, 42, 170, 682]
    assert [int(clock.centre) for clock in clocks] == published
    generator = WaveGANGenerator(16384, 1, alignment=alignment)
    for number, clock in zip((5, 4, 3), clocks, strict=False):
        maps = torch.zeros(1, 2 ** (5 - number), 4 * 4**number)
        maps[0, 0, 20] = 1.0
        for layer in range(number, 6):
            conv = generator.get_submodule(f"conv{layer}")
            torch.nn.init.ones_(conv.weight)
            torch.nn.init.zeros_(conv.bias)
            maps = conv(maps)
        touched = maps[0, 0].nonzero().flatten().tolist()
        assert (touched[0] + touched[-1]) / 2 == clock.centre + 20 * clock.jump
        assert touched[-1] - touched[0] + 1 == clock.span


def test_projection_has_a_relu_and_shuffles_stand_after_the_first_four_layers():
    generator, critic = WaveGANGenerator(4096, 2), WaveGANCritic(65536, 2)
    caught = []
    generator.conv1.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    generator(torch.randn(8, 100))
    assert caught[0].min() == 0
    assert (caught[0] == 0).float().mean() > 0.2
    names = [name for name, module in critic.named_modules() if isinstance(module, PhaseShuffle)]
    assert names == ["shuffle1", "shuffle2", "shuffle3", "shuffle4"]
    assert {layer.negative_slope for layer in critic.modules() if isinstance(layer, torch.nn.LeakyReLU)} == {0.2}


def test_eval_mode_repeats_and_training_does_not():
    torch.manual_seed(0)
    critic, sound = WaveGANCritic(4096, 2), torch.randn(2, 4096)
    assert any(not torch.equal(critic(sound), critic(sound)) for _ in range(5))
    critic.eval()
    assert torch.equal(critic(sound), critic(sound))


@pytest.mark.parametrize("latents", [torch.zeros(2, 99), torch.zeros(100), torch.zeros(2, 100, 1)])
def test_latents_of_a_wrong_size_are_refused(latents):
    with pytest.raises(InputError, match=r"the generator takes \(clips, 100\)"):
        WaveGANGenerator(4096, 1)(latents)


def test_clips_and_sizes_without_a_network_are_refused():
    with pytest.raises(InputError, match=r"hears \(clips, 4096\) samples"):
        WaveGANCritic(4096, 1)(torch.zeros(2, 4095))
    with pytest.raises(InputError, match="no WaveGAN of 8192 samples"):
        WaveGANGenerator(8192, 1)


def test_weights_start_as_tensorflow_starts_them():
    torch.manual_seed(0)
    for network in (WaveGANGenerator(16384, 8), WaveGANCritic(16384, 8)):
        for layer in network.modules():
            if not isinstance(layer, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
                continue
            bound = (6 / (25 * (layer.in_channels + layer.out_channels))) ** 0.5
            assert 0.9 * bound < layer.weight.abs().max() <= bound
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.12)
            assert not layer.bias.any()
