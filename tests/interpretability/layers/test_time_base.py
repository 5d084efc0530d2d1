"""Clocks of layers: the published table, and impulses through random stacks, to the sample."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interpretability.layers.time_base import TimeBase, conv, same_padding, strided_stack, transposed
from interpretability.layers.time_trace import analysis_time_bases, synthesis_time_bases

N_STACKS = 200
LENGTH = 32768


class Padded(nn.Module):
    """Pads as TensorFlow's SAME does, then convolves; cuts after transposed convolutions."""

    def __init__(self, inner: nn.Conv1d | nn.ConvTranspose1d) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        k, s, d = (int(value[0]) for value in (self.inner.kernel_size, self.inner.stride, self.inner.dilation))
        if isinstance(self.inner, nn.Conv1d):
            return self.inner(F.pad(x, same_padding(x.shape[-1], k, s, d)))
        before, _ = same_padding(x.shape[-1] * s, k, s, d)
        return self.inner(x)[..., before : before + x.shape[-1] * s]


def draw(random: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=random))


def ones(layer: nn.Module) -> nn.Module:
    for weights in layer.parameters():
        nn.init.constant_(weights, 1.0)
    return layer.double()


def down(random: torch.Generator) -> nn.Module:
    """A random layer that keeps or shortens its input."""
    kernel, stride, kind = draw(random, 1, 9), draw(random, 1, 4), draw(random, 0, 3)
    if kind == 0:
        return nn.AvgPool1d(kernel, stride, padding=draw(random, 0, kernel // 2))
    dilation = draw(random, 1, 3)
    if kind == 1:
        return Padded(nn.Conv1d(1, 1, kernel, stride, dilation=dilation, bias=False))
    if kind == 2:
        return nn.Conv1d(1, 1, kernel, padding="same", dilation=dilation, bias=False)
    return nn.Conv1d(1, 1, kernel, stride, draw(random, 0, kernel * dilation), dilation=dilation, bias=False)


def up(random: torch.Generator) -> nn.Module:
    """A random layer that keeps or lengthens its input."""
    stride = draw(random, 1, 4)
    kernel, dilation = draw(random, stride, 9), draw(random, 1, 2)
    inner = nn.ConvTranspose1d(1, 1, kernel, stride, dilation=dilation, bias=False)
    if draw(random, 0, 1):
        return Padded(inner)
    extra = draw(random, 0, max(stride, dilation) - 1)
    return nn.ConvTranspose1d(
        1, 1, kernel, stride, draw(random, 0, kernel), output_padding=extra, dilation=dilation, bias=False
    )


def stack(seed: int, kind: str) -> nn.Sequential:
    random = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(draw(random, 2, 5)):
        layers += [ones(down(random) if kind == "analysis" else up(random)), nn.ReLU()]
    return nn.Sequential(*layers)


def middle_and_width(response: Tensor) -> tuple[float, int]:
    """Centroid of a response (N,) and samples from its first to its last."""
    at = torch.arange(len(response), dtype=torch.float64)
    (where,) = torch.nonzero(response.abs() > 1e-9, as_tuple=True)
    return float((response * at).sum() / response.sum()), int(where[-1] - where[0]) + 1


@pytest.mark.parametrize("first", range(0, N_STACKS // 2, 10))
def test_what_a_layer_sees_is_centred_where_its_clock_says(first: int) -> None:
    for seed in range(first, first + 10):
        network = stack(seed, "analysis")
        last = str(len(network) - 1)
        sound = torch.ones(1, 1, LENGTH, dtype=torch.float64, requires_grad=True)
        output = network(sound)
        base = analysis_time_bases(network, [last], sound)[last]
        step = output.shape[-1] // 2
        (seen,) = torch.autograd.grad(output[0, 0, step], sound)
        centre, width = middle_and_width(seen[0, 0])
        assert centre == pytest.approx(float(base.centre + base.jump * step), abs=1e-6), (seed, network)
        assert width == base.span


@pytest.mark.parametrize("first", range(0, N_STACKS // 2, 10))
def test_an_impulse_in_a_layer_is_heard_where_its_clock_says(first: int) -> None:
    for seed in range(first, first + 10):
        network = stack(seed, "synthesis")
        start = nn.Sequential(nn.Identity(), network)
        steps = 64
        impulse = torch.zeros(1, 1, steps, dtype=torch.float64)
        impulse[..., steps // 2] = 1
        base = synthesis_time_bases(start, ["0"], lambda start=start, impulse=impulse: start(impulse))["0"]
        centre, width = middle_and_width(network(impulse)[0, 0].detach())
        assert centre == pytest.approx(float(base.centre + base.jump * (steps // 2)), abs=1e-6), (seed, network)
        assert width <= base.span


def smooth(layer: nn.Conv1d | nn.ConvTranspose1d) -> nn.Module:
    """Weights that weigh all phases of the stride alike: two boxes convolved."""
    kernel, stride = int(layer.kernel_size[0]), int(layer.stride[0])
    boxes = F.conv1d(torch.ones(1, 1, stride).double(), torch.ones(1, 1, kernel - stride + 1).double(), padding=kernel)
    layer.weight = nn.Parameter(boxes[boxes > 0].view(1, 1, kernel).contiguous())
    return layer.double()


@pytest.mark.parametrize("seed", range(30))
def test_down_and_up_again_is_right_over_one_period_of_impulses(seed: int) -> None:
    # A transposed convolution after a convolution answers each phase of the stride differently: none of the responses
    # is symmetric, all of a period together are.
    random = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    strides = [draw(random, 1, 3) for _ in range(2)]
    for stride in strides:
        kernel = stride + draw(random, 0, 5)
        layers.append(smooth(nn.Conv1d(1, 1, kernel, stride, draw(random, 0, kernel), bias=False)))
    for stride in reversed(strides):
        kernel = stride + draw(random, 0, 5)
        padding, extra = draw(random, 0, kernel - 1), draw(random, 0, stride - 1)
        layers.append(smooth(nn.ConvTranspose1d(1, 1, kernel, stride, padding, extra, bias=False)))
    network = nn.Sequential(*layers)
    period = strides[0] * strides[1]
    impulses = torch.zeros(period, 1, 512, dtype=torch.float64)
    for i in range(period):
        impulses[i, 0, 252 + i] = 1
    base = analysis_time_bases(network, ["3"], impulses)["3"]
    response = network(impulses).detach().sum(dim=(0, 1))
    heard = (response * base.positions(len(response))).sum() / response.sum()
    assert float(heard) == pytest.approx(252 + (period - 1) / 2, abs=1e-6)
    assert base.jump == 1


def test_the_published_table() -> None:
    torch_clocks, tf_clocks = strided_stack(5), strided_stack(5, convention="tf_same")
    assert [clock.centre for clock in torch_clocks] == [1, 5, 21, 85, 341]
    assert [clock.centre for clock in tf_clocks] == [2, 10, 42, 170, 682]
    assert [clock.span for clock in torch_clocks] == [25, 121, 505, 2041, 8185]
    assert [clock.jump for clock in torch_clocks] == [4, 16, 64, 256, 1024]
    assert torch_clocks[0].nyquist(16000) == 2000
    assert strided_stack(1, kernel=9, stride=1)[0] == TimeBase(Fraction(1), Fraction(0), Fraction(9))


def test_published_generator_and_discriminator() -> None:
    def generator(convention: str) -> nn.Sequential:
        up = [
            nn.ConvTranspose1d(2, 2, 25, 4, 11, 1) if convention == "torch" else Padded(nn.ConvTranspose1d(2, 2, 25, 4))
            for _ in range(5)
        ]
        return nn.Sequential(nn.Unflatten(1, (2, 16)), *(part for layer in up for part in (layer, nn.ReLU())))

    layers = ["0", "2", "4", "6", "8", "10"]
    for convention in ("torch", "tf_same"):
        network = generator(convention)
        found = synthesis_time_bases(network, layers, lambda network=network: network(torch.zeros(1, 32)))
        expected = [*reversed(strided_stack(5, convention=convention)), TimeBase()]  # type: ignore[arg-type]
        assert list(found.values()) == expected
    hearing = nn.Sequential(*(nn.Conv1d(1, 1, 25, 4, 11) for _ in range(5)))
    heard = analysis_time_bases(hearing, [str(i) for i in range(5)], torch.zeros(1, 1, 16384))
    assert list(heard.values()) == strided_stack(5)


def test_by_hand() -> None:
    assert conv(TimeBase(), 3, 2, 1) == TimeBase(Fraction(2), Fraction(0), Fraction(3))
    assert conv(TimeBase(), 4) == TimeBase(Fraction(1), Fraction(3, 2), Fraction(4))
    assert transposed(TimeBase(), 4, 2, 1) == TimeBase(Fraction(1, 2), Fraction(-1, 4), Fraction(5, 2))
    base = TimeBase(Fraction(4), Fraction(1), Fraction(25))
    assert base.positions(3).tolist() == [1, 5, 9]
    assert base.seconds(2, 16000).tolist() == [1 / 16000, 5 / 16000]
    assert base.step(torch.tensor([9.0, 11.0])).tolist() == [2, 2.5]
    assert same_padding(16384, 25, 4) == (10, 11)
    assert same_padding(7, 1, 4) == (0, 0)
