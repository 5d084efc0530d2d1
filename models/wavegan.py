"""WaveGAN: a generator of waveforms and the critic and Q network that mirror it (Donahue et al. 2019, Begus 2021).

Sizes, strides and the place of every activation are those of the authors' TensorFlow code. With `width` 64 and 16,384
samples: generator 19,065,345 parameters, critic 17,427,969, Q network of ten codes 17,575,434.
"""

import math

import torch
from torch import Tensor, nn

from configs.errors import InputError
from models.gan_codes import check_latents
from models.gan_convolution import Alignment, Down, Up
from models.phase_shuffle import PhaseShuffle

LATENTS = 100
SLOPE = 0.2
"""Slope of LeakyReLU below 0."""
SHUFFLED = 4
"""Layers of the critic, from the sound on, after which maps are shifted: never after the last."""

STRIDES: dict[int, tuple[int, ...]] = {
    4096: (4, 4, 4, 4, 4),
    16384: (4, 4, 4, 4, 4),
    32768: (4, 4, 4, 4, 4, 2),
    65536: (4, 4, 4, 4, 4, 4),
}
"""Samples of a clip -> strides of the generator from the latents on; the critic has the same ones in its own order."""


def strides_of(n_samples: int) -> tuple[int, ...]:
    """Return the strides for clips of `n_samples`.

    Raises:
        InputError: A length for which there is no network.
    """
    if n_samples not in STRIDES:
        raise InputError(f"there is no WaveGAN of {n_samples} samples; choose one of {', '.join(map(str, STRIDES))}")
    return STRIDES[n_samples]


def channels_of(width: int, layers: int) -> list[int]:
    """Channels from the first map of the generator to its last: 16, 8, 4, 2, 1 times the width (32 first for six)."""
    return [width * 2**power for power in range(layers - 1, -1, -1)]


@torch.no_grad()
def start_as_published(network: nn.Module) -> None:
    """Draw the weights as TensorFlow's layers do (Glorot & Bengio 2010, uniform), and set biases to zero.

    PyTorch's own start is smaller in the critic's layers: its gradients reach the generator some twenty times weaker.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class WaveGANGenerator(nn.Module):
    """Latents -> waveform: dense layer with ReLU, then transposed convolutions with ReLU, the last one with tanh.

    The layers are called `conv1`, `relu1`, ... from the latents on; the waveform leaves `tanh`.
    """

    def __init__(
        self, n_samples: int = 16384, width: int = 64, n_latents: int = LATENTS, alignment: Alignment = "torch"
    ) -> None:
        super().__init__()
        strides = strides_of(n_samples)
        channels = [*channels_of(width, len(strides)), 1]
        self.n_samples, self.n_latents = n_samples, n_latents
        self.first = channels[0], n_samples // math.prod(strides)
        self.project, self.project_relu = nn.Linear(n_latents, self.first[0] * self.first[1]), nn.ReLU()
        self.n_layers = len(strides)
        for number, stride in enumerate(strides, 1):
            self.add_module(f"conv{number}", Up(channels[number - 1], channels[number], stride, alignment))
            last = number == self.n_layers
            self.add_module("tanh" if last else f"relu{number}", nn.Tanh() if last else nn.ReLU())
        start_as_published(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, n_latents), codes first, nominally in [-1, 1] -> waveforms (B, n_samples) in (-1, 1).

        Raises:
            InputError: Latents of another shape.
        """
        check_latents(latents, self.n_latents)
        steps = self.first[1]
        # As in TensorFlow the dense layer's outputs run over channels first; the order is free for a network that is
        # trained here, and it makes published weights fit.
        maps: Tensor = self.project_relu(self.project(latents)).reshape(len(latents), steps, -1).transpose(1, 2)
        for number in range(1, self.n_layers + 1):
            maps = self.get_submodule(f"conv{number}")(maps)
            maps = self.get_submodule("tanh" if number == self.n_layers else f"relu{number}")(maps)
        return maps[:, 0]


class WaveGANCritic(nn.Module):
    """Waveform -> `n_outputs` numbers without a final non-linearity: the critic (1), or the Q network (one per code).

    Strided convolutions with LeakyReLU (layers `conv1`, `relu1`, ... from the sound on), phase shuffle after the first
    four, and a dense layer.
    """

    def __init__(
        self,
        n_samples: int = 16384,
        width: int = 64,
        n_outputs: int = 1,
        phase_shuffle: int = 2,
        alignment: Alignment = "torch",
    ) -> None:
        super().__init__()
        strides = sorted(strides_of(n_samples), reverse=True)  # the layer of stride 2 is the last of critics, too
        channels = [1, *reversed(channels_of(width, len(strides)))]
        self.n_samples, self.n_layers = n_samples, len(strides)
        for number, stride in enumerate(strides, 1):
            self.add_module(f"conv{number}", Down(channels[number - 1], channels[number], stride, alignment))
            self.add_module(f"relu{number}", nn.LeakyReLU(SLOPE))
            if number <= min(SHUFFLED, self.n_layers - 1):
                self.add_module(f"shuffle{number}", PhaseShuffle(phase_shuffle))
        steps = n_samples // math.prod(strides)
        self.output = nn.Linear(channels[-1] * steps, n_outputs)
        start_as_published(self)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveforms (B, n_samples) -> (B, n_outputs).

        Raises:
            InputError: Waveforms of another length.
        """
        if waveform.ndim != 2 or waveform.shape[1] != self.n_samples:
            raise InputError(
                f"waveforms of shape {tuple(waveform.shape)}: this network hears (clips, {self.n_samples}) samples"
            )
        maps = waveform[:, None]
        for number in range(1, self.n_layers + 1):
            maps = self.get_submodule(f"relu{number}")(self.get_submodule(f"conv{number}")(maps))
            if number <= min(SHUFFLED, self.n_layers - 1):
                maps = self.get_submodule(f"shuffle{number}")(maps)
        return self.output(maps.transpose(1, 2).flatten(1))  # type: ignore[no-any-return]
