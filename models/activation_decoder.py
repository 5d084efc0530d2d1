"""Decoders from a backbone's maps to non-negative NMF activations (Psi of Parekh et al. 2022)."""

from collections.abc import Mapping
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError

Shape = tuple[int, int, int]  # channels, frequency, time


def deepest(shapes: Mapping[str, Shape], count: int = 3) -> dict[str, Shape]:
    """Names and shapes of the `count` deepest maps, shallow first."""
    return dict(list(shapes.items())[-count:])


class LightDecoder(nn.Module):
    """Reads maps with one linear map over channels and frequency each, then two short convolutions in time.

    Every map keeps its own clock until it has been reduced to a few channels, so clips of any length pass. Cost is a
    few per cent of the backbone that it reads. The first convolution runs at the frame rate of the STFT, or at the
    clock of the finest map (`at_map_rate`), which has all there is to know about time and fewer steps.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        n_components: int,
        width: int = 96,
        at_map_rate: bool = False,
        kernel: int = 5,
    ) -> None:
        super().__init__()
        self.layers = list(shapes)
        self.at_map_rate = at_map_rate
        self.read = nn.ModuleList(
            nn.Conv1d(shapes[layer][0] * shapes[layer][1], width, 1, bias=False) for layer in self.layers
        )
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.out = nn.Conv1d(width, n_components, kernel, padding=kernel // 2)

    def forward(self, maps: Mapping[str, Tensor], n_frames: int) -> Tensor:
        """Maps (B, C_l, F_l, T_l) -> activations (B, K, T) >= 0 at `n_frames` = T frames."""
        series = [read_map(read, maps[layer]) for layer, read in zip(self.layers, self.read, strict=True)]
        steps = min(max(s.shape[-1] for s in series), n_frames) if self.at_map_rate else n_frames
        hidden = F.relu(self.norm(reduce(torch.add, [clocked(s, steps) for s in series])))
        return F.softplus(self.out(clocked(F.relu(self.mix(hidden)), n_frames)))


class CompactDecoder(LightDecoder):
    """A light decoder of two thirds of the width that mixes at the clock of the finest map: half the operations."""

    def __init__(self, shapes: Mapping[str, Shape], n_components: int) -> None:
        super().__init__(shapes, n_components, width=64, at_map_rate=True)


class GenericDecoder(nn.Module):
    """As large as the paper's network, for maps of any number, size and layout, and clips of any length.

    As there, maps are mixed at the clock of the finest one, and only the last two convolutions run at the frame rate of
    the STFT. The width is what brings the parameters to `n_parameters`.
    """

    def __init__(
        self, shapes: Mapping[str, Shape], n_components: int, n_parameters: float = 3e6, kernel: int = 5
    ) -> None:
        super().__init__()
        self.layers = list(shapes)
        sizes = {layer: channels * n_bins for layer, (channels, n_bins, _) in shapes.items()}
        linear, quadratic = sum(sizes.values()) + kernel * n_components, 2 * kernel
        spent = kernel * n_components**2
        root = (linear**2 + 4 * quadratic * max(n_parameters - spent, 0.0)) ** 0.5
        width = max(n_components, 8 * round((root - linear) / (2 * quadratic) / 8))
        self.read = nn.ModuleList(nn.Conv1d(size, width, 1, bias=False) for size in sizes.values())
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(2))
        self.time1 = nn.Conv1d(width, n_components, kernel, padding=kernel // 2)
        self.time2 = nn.Conv1d(n_components, n_components, kernel, padding=kernel // 2)

    def forward(self, maps: Mapping[str, Tensor], n_frames: int) -> Tensor:
        """Maps (B, C_l, F_l, T_l) -> activations (B, K, T) >= 0 at `n_frames` = T frames."""
        series = [read_map(read, maps[layer]) for layer, read in zip(self.layers, self.read, strict=True)]
        steps = min(max(s.shape[-1] for s in series), n_frames)
        hidden = F.relu(self.norm(reduce(torch.add, [clocked(s, steps) for s in series])))
        for mix in self.mix:
            hidden = F.relu(mix(hidden))
        return F.softplus(self.time2(F.relu(self.time1(clocked(hidden, n_frames)))))


class PaperDecoder(nn.Module):
    """The paper's network on the three deepest maps, with every size derived from the maps' shapes.

    For the paper's maps (128 x 16, 256 x 8 and 512 x 4 channels x frequency) it has the 2.87 M parameters of the
    published one (Parekh et al. 2022; layer list in the authors' `HNet_FtEx_general`). The three maps have to halve
    in frequency from one to the next, as they do after pooling by two.
    """

    def __init__(self, shapes: Mapping[str, Shape], n_components: int) -> None:
        super().__init__()
        self.layers = list(deepest(shapes))
        if len(self.layers) < 3:
            raise InputError(
                f"model.decoder=paper needs three maps, the backbone gives {len(self.layers)}: use model.decoder=light"
            )
        (c0, f0, _), (c1, f1, _), (c2, f2, _) = (shapes[layer] for layer in self.layers)
        if not (f0 // 4 == f1 // 2 == f2 >= 1):
            raise InputError(
                f"model.decoder=paper needs three maps that halve in frequency, {self.layers} have {f0}, {f1} and {f2} "
                "bins: use model.decoder=light"
            )
        side = max(c2 // 4, 1)
        self.from1 = nn.Conv2d(c1, c1, 3, padding=1)
        self.from2 = nn.Conv2d(c2, side, 3, padding=1)
        self.from0 = nn.Conv2d(c0, c0, (4, 1), stride=(4, 1))
        self.mix = nn.Conv2d(c1 + side + c0, c1, 3, padding=1)
        self.collapse = nn.Conv2d(c1, c1, (f2, 1))
        self.time1 = nn.Conv1d(c1, n_components, 5, padding=2)
        self.time2 = nn.Conv1d(n_components, n_components, 5, padding=2)
        self.n_frequencies = f2

    def forward(self, maps: Mapping[str, Tensor], n_frames: int) -> Tensor:
        """Maps (B, C_l, F_l, T_l) -> activations (B, K, T) >= 0 at `n_frames` = T frames."""
        map0, map1, map2 = (maps[layer] for layer in self.layers)
        steps = 4 * map2.shape[-1]
        map1 = F.avg_pool2d(F.relu(self.from1(stretch(map1, steps))), (2, 1))
        map2 = stretch(F.relu(self.from2(stretch(map2, steps // 2))), steps)
        map0 = F.relu(self.from0(stretch(map0, steps)))
        rows = self.n_frequencies
        x = torch.cat([map1[:, :, :rows], map2[:, :, :rows], map0[:, :, :rows]], dim=1)
        x = stretch(F.relu(self.mix(stretch(x, 2 * steps))), 4 * steps)
        series = stretch(F.relu(self.collapse(x)), n_frames).squeeze(2)
        return F.relu(self.time2(F.relu(self.time1(series))))


def read_map(read: nn.Module, maps: Tensor) -> Tensor:
    """Maps (B, C, F, T) -> series (B, C', T), one linear map over channels and frequency at each time step.

    A kernel as high as the maps reads them where they lie; flattened, channels-last maps would have to be copied, and
    the gradient of their ReLU would be several times slower.
    """
    weight = read.get_parameter("weight")
    return F.conv2d(maps, weight.view(-1, *maps.shape[1:3], 1)).squeeze(2)


def clocked(series: Tensor, n_steps: int) -> Tensor:
    """Series (B, C, T) at `n_steps` time steps, linearly interpolated."""
    if series.shape[-1] == n_steps:
        return series
    return F.interpolate(series, size=n_steps, mode="linear", align_corners=False)


def stretch(maps: Tensor, n_steps: int) -> Tensor:
    """Maps (B, C, F, T) at `n_steps` time steps, linearly interpolated; frequency is left as it is."""
    if maps.shape[-1] == n_steps:
        return maps
    return F.interpolate(maps, size=(maps.shape[-2], n_steps), mode="bilinear", align_corners=False)
