"""A generator of spectrograms with its vocoder: clocks against brute force and planted frames, sounds, derivatives."""

import math

import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.vocoding import mel_griffin_lim
from interpretability.layers.capture import find_layer
from interpretability.layers.forward_derivative import forward_derivative
from interpretability.layers.generator_run import SOUND, generate, generator_clocks, run_generator
from interpretability.layers.sounding_generator import SoundingGenerator
from models.spectrogram_gan import SpectrogramGenerator

HOP, WINDOW, BANDS, FRAMES = 32, 128, 16, 76
LAYERS = tuple(f"generator.relu{number}" for number in range(1, 5))


class OneFrame(nn.Module):
    """Frame z of features is loud, all others are silent."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        loud = nn.functional.one_hot(z[:, 0].long(), FRAMES).float()
        return self.map(10 * loud[:, None, None].expand(-1, 1, BANDS, -1) - 10)  # type: ignore[no-any-return]


def sounding(generator: nn.Module) -> SoundingGenerator:
    mel = torch.rand(WINDOW // 2 + 1, BANDS, generator=torch.Generator().manual_seed(0))
    vocoder = mel_griffin_lim(mel, WINDOW, HOP, iterations=8)
    return SoundingGenerator(generator, vocoder.invert, HOP, WINDOW, vocoder.name)


@pytest.fixture(scope="module")
def network() -> SoundingGenerator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = SpectrogramGenerator(BANDS, FRAMES, 4, width=1)
        for weights in generator.parameters():
            nn.init.normal_(weights, std=0.3)
    return sounding(generator).double().eval().requires_grad_(False)


def latents(n: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_clock_is_where_a_push_of_one_step_is_found_in_the_frames(network: SoundingGenerator, layer: str) -> None:
    clock = generator_clocks(network, LAYERS, latents(1))[layer]
    steps: list[int] = []
    before = network.features(latents(1))

    def push(part: nn.Module, inputs: object, output: Tensor) -> Tensor:
        steps.append(output.shape[-1])
        at = steps[-1] // 2
        return torch.cat([output[..., :at], output[..., at : at + 1] + 0.1, output[..., at + 1 :]], dim=-1)

    handle = find_layer(network, layer).register_forward_hook(push)
    change = (network.features(latents(1)) - before).abs().amax(dim=(0, 1, 2))
    handle.remove()
    (touched,) = torch.nonzero(change > 0, as_tuple=True)
    first, last = int(touched[0]), int(touched[-1])
    assert first > 0
    assert last < FRAMES - 1
    assert float(clock.positions(steps[0])[steps[0] // 2]) == HOP * (first + last) / 2
    assert float(clock.span) == HOP * (last - first) + WINDOW
    assert clock.jump == HOP * 2 ** (4 - int(layer[-1]))


@pytest.mark.parametrize("frame", [8, 37, 66])
def test_a_loud_frame_sounds_where_its_clock_says(frame: int) -> None:
    network = sounding(OneFrame())
    z = torch.tensor([[float(frame)]])
    clocks = generator_clocks(network, ["generator.map"], z)
    run = run_generator(network, ["generator.map"], z)
    assert run.sound.shape == (1, (FRAMES - 1) * HOP)
    assert int(run.series["generator.map"].argmax()) == frame
    power = run.sound[0].double().square()
    middle = float((power * torch.arange(len(power))).sum() / power.sum())
    place = float(clocks["generator.map"].positions(FRAMES)[frame])
    assert abs(middle - place) < HOP / 2
    assert abs(middle - (place + WINDOW / 2)) > HOP
    assert clocks[SOUND].jump == 1


def test_a_sound_is_that_of_its_latents_whatever_else_is_made_and_has_no_gradient(network: SoundingGenerator) -> None:
    z = latents(3)
    together = generate(network, z)
    torch.testing.assert_close(together[2:], generate(network, z[2:]))
    assert not torch.allclose(together[0], together[1])
    assert not network(z.clone().requires_grad_()).requires_grad


def test_what_is_no_spectrogram_makes_no_sound() -> None:
    class Loud(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.full((len(z), 1, BANDS, FRAMES), 1e4)

    with pytest.raises(InputError, match=r"too loud, or no numbers: Griffin-Lim, 8 iterations gives no sound"):
        generate(sounding(Loud()), latents(1))


def test_derivatives_end_at_the_layers_and_are_those_of_a_small_push(network: SoundingGenerator) -> None:
    z, small = latents(2), 1e-6
    found = forward_derivative(network, LAYERS, z)
    assert tuple(found.series) == LAYERS
    pushed = z.clone()
    pushed[:, 2] += small
    for layer in LAYERS:
        series = []
        for some in (z, pushed):
            held: list[Tensor] = []
            handle = find_layer(network, layer).register_forward_hook(lambda part, given, out: held.append(out))  # noqa: B023
            network.features(some)
            handle.remove()
            series.append(held[0].mean(dim=(1, 2)))
        torch.testing.assert_close(found.series[layer][:, 2], (series[1] - series[0]) / small, rtol=1e-3, atol=1e-5)
        assert math.isfinite(float(found.strength(layer).sum()))
