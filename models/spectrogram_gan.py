"""The generator and critic of log-mel excerpts of Mishra et al. (2019), for any number of bands and frames.

Sizes, paddings and the place of every activation are those of the authors' TensorFlow graph. With 80 bands, 115 frames
and `width` 8: generator 932,801 parameters, critic 1,086,720.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from configs.errors import InputError
from models.gan_codes import check_latents
from models.wavegan import SLOPE, start_as_published

KERNEL, LAYERS = 5, 4
STEP = 2**LAYERS
"""Bands and frames that one place of the smallest map stands for."""


def grid_of(bands: int, frames: int) -> tuple[int, int]:
    """Return the size of the smallest map: (5, 8) for 80 bands and 115 frames."""
    return -(-bands // STEP), -(-frames // STEP)


def margins(length: int) -> tuple[int, int]:
    """Return what is cut or padded before and after `length` to come from or to a multiple of 16: (6, 7) for 115."""
    spare = -length % STEP
    return spare // 2, spare - spare // 2


class Up2d(nn.ConvTranspose2d):
    """Transposed convolution of 5 x 5 taps that doubles both axes, aligned as TensorFlow's SAME."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, KERNEL, stride=2, padding=1)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Maps (B, C, H, W) -> (B, C', 2 H, 2 W); `output_size` is PyTorch's and is not needed."""
        return super().forward(maps, output_size)[..., :-1, :-1]


class Down2d(nn.Conv2d):
    """Convolution of 5 x 5 taps that halves both axes (even ones), aligned as TensorFlow's SAME."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, KERNEL, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, C, 2 H, 2 W) -> (B, C', H, W)."""
        return super().forward(F.pad(maps, (1, 2, 1, 2)))


class BandScale(nn.Module):
    """Mean and deviation of each band, by which networks see features; 0 and 1 until they are measured."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(bands, 1))
        self.register_buffer("deviation", torch.ones(bands, 1))

    @torch.no_grad()
    def measure(self, features: Tensor) -> None:
        """Take mean and deviation from features (n, 1, M, T); bands that hardly vary get a tenth of the usual one.

        Raises:
            InputError: Features that do not vary, or are not finite.
        """
        mean, deviation = features.double().mean(dim=(0, 1, 3)), features.double().std(dim=(0, 1, 3))
        if not bool(deviation.mean() > 0) or not bool(features.isfinite().all()):
            raise InputError(
                "the excerpts of the training clips do not vary, or are not finite: nothing can be learned"
            )
        self.mean.copy_(mean[:, None])
        self.deviation.copy_(deviation.clamp_min(0.1 * float(deviation.mean()))[:, None])

    def standardise(self, features: Tensor) -> Tensor:
        """Features (..., M, T) -> standardised ones."""
        return (features - self.mean) / self.deviation

    def restore(self, standardised: Tensor) -> Tensor:
        """Undo `standardise`."""
        return standardised * self.deviation + self.mean


class SpectrogramGenerator(nn.Module):
    """Latents -> log-mel excerpts: dense layer, four transposed convolutions, one convolution without activation.

    Leaky ReLU after all but the last; no normalisation layers. Maps are cut to the excerpt in the middle, then brought
    to the units of the features (`scale`) and raised to their floor.
    """

    def __init__(self, bands: int, frames: int, latents: int = 128, width: int = 8, floor: float | None = None) -> None:
        super().__init__()
        self.bands, self.frames, self.n_latents, self.floor = bands, frames, latents, floor
        self.grid = grid_of(bands, frames)
        channels = [width * 2**power for power in range(LAYERS, -1, -1)]
        self.project = nn.Linear(latents, channels[0] * self.grid[0] * self.grid[1])
        self.project_relu = nn.LeakyReLU(SLOPE)
        for number in range(1, LAYERS + 1):
            self.add_module(f"conv{number}", Up2d(channels[number - 1], channels[number]))
            self.add_module(f"relu{number}", nn.LeakyReLU(SLOPE))
        self.output = nn.Conv2d(channels[-1], 1, KERNEL, padding=KERNEL // 2)
        self.scale = BandScale(bands)
        start_as_published(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, n_latents) -> features (B, 1, M, T).

        Raises:
            InputError: Latents of another shape.
        """
        check_latents(latents, self.n_latents)
        # As in TensorFlow the dense layer's outputs run over channels first.
        maps: Tensor = (
            self.project_relu(self.project(latents)).reshape(len(latents), *self.grid, -1).permute(0, 3, 1, 2)
        )
        for number in range(1, LAYERS + 1):
            maps = self.get_submodule(f"relu{number}")(self.get_submodule(f"conv{number}")(maps))
        low, left = margins(self.bands)[0], margins(self.frames)[0]
        made = self.output(maps)[..., low : low + self.bands, left : left + self.frames].float()
        features = self.scale.restore(made)
        return features if self.floor is None else features.clamp_min(self.floor)


class SpectrogramCritic(nn.Module):
    """Excerpts -> `n_outputs` numbers: the critic (1), or an encoder of the same body.

    Four strided convolutions with Leaky ReLU, and a dense layer without bias.
    """

    def __init__(self, bands: int, frames: int, width: int = 8, n_outputs: int = 1) -> None:
        super().__init__()
        self.bands, self.frames = bands, frames
        channels = [1, *(width * 2**power for power in range(2, 2 + LAYERS))]
        for number in range(1, LAYERS + 1):
            self.add_module(f"conv{number}", Down2d(channels[number - 1], channels[number]))
            self.add_module(f"relu{number}", nn.LeakyReLU(SLOPE))
        grid = grid_of(bands, frames)
        self.output = nn.Linear(channels[-1] * grid[0] * grid[1], n_outputs, bias=False)
        start_as_published(self)

    def forward(self, excerpts: Tensor) -> Tensor:
        """Standardised features (B, 1, M, T) -> (B, n_outputs).

        Raises:
            InputError: Excerpts of another shape.
        """
        if excerpts.ndim != 4 or tuple(excerpts.shape[1:]) != (1, self.bands, self.frames):
            raise InputError(
                f"excerpts of shape {tuple(excerpts.shape)}: this network sees (B, 1, {self.bands}, {self.frames})"
            )
        maps = F.pad(excerpts, (*margins(self.frames), *margins(self.bands)))
        for number in range(1, LAYERS + 1):
            maps = self.get_submodule(f"relu{number}")(self.get_submodule(f"conv{number}")(maps))
        return self.output(maps.permute(0, 2, 3, 1).flatten(1))  # type: ignore[no-any-return]
