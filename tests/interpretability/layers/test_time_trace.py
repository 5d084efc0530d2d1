"""Clocks followed through whole networks: branches, spectrograms, plain functions, and what cannot be followed."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.data_schema import FrontEndConfig
from configs.errors import InputError
from interpretability.layers.time_base import TimeBase, strided_stack
from interpretability.layers.time_trace import analysis_time_bases, layer_clocks, synthesis_time_bases
from models.front_end import FrontEnd
from models.wavegan import WaveGANCritic, WaveGANGenerator


class Branches(nn.Module):
    """Two paths that are added: of the same clock, or shifted against each other."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 1, 5, 2, 2), nn.Conv1d(1, 1, 3, 2, 1)
        self.meet, self.shift = nn.Identity(), shift

    def forward(self, x: Tensor) -> Tensor:
        return self.meet(self.one(x)[..., :100] + self.two(F.pad(x, (self.shift, 0)))[..., :100])


def test_branches_that_agree_are_one_and_those_that_disagree_are_refused() -> None:
    base = analysis_time_bases(Branches(0), ["meet"], torch.zeros(1, 1, 400))["meet"]
    assert base == TimeBase(Fraction(2), Fraction(0), Fraction(5))
    with pytest.raises(InputError, match=r"layer 'meet'.*meet in `add` disagree.*from 0 against.*from -1"):
        analysis_time_bases(Branches(1), ["meet"], torch.zeros(1, 1, 400))


class Spectral(nn.Module):
    """A network on spectrograms, with transposes, a gate, a classifier and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.block, self.gate = nn.Identity(), nn.Conv2d(1, 3, (3, 5), (2, 3), (1, 2)), nn.Linear(3, 3)
        self.gated, self.pool, self.head = nn.Identity(), nn.MaxPool2d(2), nn.Linear(3, 2)
        self.attention = nn.MultiheadAttention(3, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        window = torch.hann_window(512, device=x.device)
        spectrum = torch.stft(x, 512, 128, window=window, return_complex=True).abs()
        mel = (spectrum.transpose(1, 2) @ torch.ones(257, 40)).transpose(1, 2)
        maps = torch.relu(self.block(self.features(mel.unsqueeze(1))))
        gate = self.gate(maps.mean(dim=(2, 3)))
        maps = self.pool(self.gated(maps * gate.sigmoid()[..., None, None]))
        steps = maps.mean(dim=2).transpose(1, 2)
        self.attention(steps, steps, steps)
        return self.head(steps.mean(dim=1))


def test_a_network_on_spectrograms() -> None:
    network, sound = Spectral(), torch.zeros(1, 16000)
    found = analysis_time_bases(network, ["features", "block", "gated", "pool"], sound)
    assert found["features"] == TimeBase(Fraction(128), Fraction(0), Fraction(512))
    assert found["block"] == found["gated"] == TimeBase(Fraction(384), Fraction(0), Fraction(512 + 4 * 128))
    assert found["pool"] == TimeBase(Fraction(768), Fraction(192), Fraction(512 + 4 * 128 + 384))
    for layer in ("head", "attention"):
        with pytest.raises(InputError, match=f"layer '{layer}' has no time base.*choose an earlier layer"):
            analysis_time_bases(network, [layer], sound)
    known = layer_clocks(network, ["features", "pool", "head"], sound)
    assert list(known.clocks) == ["features", "pool"]
    assert known.axes == {"features": 3, "pool": 3}
    assert "no axis of its output is time" in known.unheard["head"]
    with pytest.raises(InputError, match="no such layer"):
        analysis_time_bases(network, ["blok"], sound)


@pytest.mark.parametrize("alignment", ["torch", "tf_same"])
def test_generators_that_compute_in_phases(alignment: str) -> None:
    generator = WaveGANGenerator(width=2, alignment=alignment).eval()  # type: ignore[arg-type]
    layers = ["project_relu", "relu1", "relu2", "relu3", "relu4", "tanh"]
    with pytest.raises(InputError, match="layer 'project_relu'"):
        synthesis_time_bases(generator, layers[:1], lambda: generator(torch.zeros(1, 100)))
    found = synthesis_time_bases(generator, layers[1:], lambda: generator(torch.zeros(1, 100)))
    expected = [*reversed(strided_stack(4, convention=alignment)), TimeBase()]  # type: ignore[arg-type]
    assert list(found.values()) == expected
    critic = WaveGANCritic(width=2, alignment=alignment).eval()  # type: ignore[arg-type]
    names = [f"conv{number}" for number in range(1, 6)]
    heard = analysis_time_bases(critic, names, torch.zeros(1, 16384))
    assert list(heard.values()) == strided_stack(5, convention=alignment)  # type: ignore[arg-type]


def test_a_front_end_of_ours() -> None:
    class Hearing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front_end, self.end = FrontEnd(FrontEndConfig()), nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.end(self.front_end.features(self.front_end.stft(x)))

    network = Hearing()
    base = analysis_time_bases(network, ["end"], torch.zeros(1, 22050))["end"]
    hop, n_fft = network.front_end.config.hop_length, network.front_end.config.n_fft
    assert base == TimeBase(Fraction(2 * hop), Fraction(hop, 2), Fraction(n_fft + hop))


def test_nothing_is_left_behind() -> None:
    network = Spectral().train()
    with pytest.raises(InputError):
        analysis_time_bases(network, ["head"], torch.zeros(1, 16000))
    assert network.training
    assert not any(layer._forward_hooks for layer in network.modules())


@pytest.mark.parametrize(
    ("change", "base"),
    [
        (lambda x: F.interpolate(x, scale_factor=2), TimeBase(Fraction(1, 2), Fraction(-1, 4), Fraction(1))),
        (
            lambda x: F.interpolate(x, scale_factor=4, mode="linear"),
            TimeBase(Fraction(1, 4), Fraction(-3, 8), Fraction(2)),
        ),
        (lambda x: x[..., 3::2], TimeBase(Fraction(2), Fraction(3))),
        (lambda x: x.unfold(-1, 5, 4).mean(-1), TimeBase(Fraction(4), Fraction(2), Fraction(5))),
        (lambda x: F.adaptive_avg_pool1d(x, 25), TimeBase(Fraction(4), Fraction(3, 2), Fraction(4))),
        (lambda x: F.pad(x, (6, -2)), TimeBase(centre=Fraction(-6))),
        (lambda x: x.permute(2, 0, 1)[:, None].squeeze(1).permute(1, 2, 0), TimeBase()),
        (lambda x: torch.cat([x, x * 0.5], dim=1).amax(1, keepdim=True), TimeBase()),
    ],
)
def test_functions_that_are_no_layers(change: object, base: TimeBase) -> None:
    class Changes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.end = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.end(change(x))  # type: ignore[operator]

    ramp = torch.arange(100.0).view(1, 1, 100)
    network = Changes()
    assert analysis_time_bases(network, ["end"], ramp)["end"] == base
    inner = slice(8, 20)
    assert network(ramp)[0, 0, inner].tolist() == pytest.approx(base.positions(100)[inner].tolist(), abs=0.26)


@pytest.mark.parametrize("change", [lambda x: x.flip(-1), lambda x: x.roll(1, -1), lambda x: torch.cat([x, x], -1)])
def test_time_that_cannot_be_followed_is_said(change: object) -> None:
    class Changes(Branches):
        def forward(self, x: Tensor) -> Tensor:
            return self.meet(change(x))  # type: ignore[operator]

    with pytest.raises(InputError, match="layer 'meet' has no time base"):
        analysis_time_bases(Changes(0), ["meet"], torch.zeros(1, 1, 64))
