"""From a classifier's maps to a mask on the STFT: the decoder of L-MAC."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.activation_decoder import Shape


class MaskDecoder(nn.Module):
    """Reads maps from the deepest up, as the expanding half of a U-net does, and ends on the STFT's grid.

    Each map is reduced to `width` channels, joined with what comes from below, and convolved; the finest result is
    brought to one row for each of the classifier's mel bands and the frame rate of the STFT, where two more
    convolutions make one value of it. Each row has learned values of its own, so that maps without frequencies can be
    read too. The network of Paissan et al. 2024 does the same by transposed convolutions, sized for CNN14.
    """

    def __init__(self, shapes: Mapping[str, Shape], n_bins: int, filters: Tensor | None, width: int = 24) -> None:
        """Build the decoder.

        Args:
            shapes: path of each layer -> (C, F, T) of its map, shallow first.
            n_bins: F of the STFT.
            filters: filterbank (F, M) between the STFT and the maps; None spreads the rows of the maps evenly.
            width: channels at every resolution.
        """
        super().__init__()
        self.layers = list(shapes)
        self.read = nn.ModuleList(nn.Conv2d(shapes[layer][0], width, 1, bias=False) for layer in self.layers)
        self.read_norm = nn.ModuleList(nn.BatchNorm2d(width) for _ in self.layers)
        self.mix = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in self.layers)
        self.mix_norm = nn.ModuleList(nn.BatchNorm2d(width) for _ in self.layers)
        self.refine = nn.Conv2d(width, width // 2 or 1, 3, padding=1)
        self.out = nn.Conv2d(width // 2 or 1, 1, 3, padding=1)
        self.n_rows = n_bins if filters is None else int(filters.shape[1])
        self.rows = nn.Parameter(0.02 * torch.randn(width, self.n_rows, 1))
        self.shares: Tensor | None
        self.register_buffer("shares", None if filters is None else band_shares(filters), persistent=False)

    def forward(self, maps: Mapping[str, Tensor], n_frames: int) -> Tensor:
        """Maps (B, C_l, F_l, T_l) -> mask (B, F, T) in [0, 1] at `n_frames` = T frames."""
        x: Tensor | None = None
        stages = zip(self.layers, self.read, self.read_norm, self.mix, self.mix_norm, strict=True)
        for layer, read, read_norm, mix, mix_norm in reversed(list(stages)):
            here: Tensor = read_norm(read(maps[layer]))
            x = here if x is None else here + resized(x, (here.shape[-2], here.shape[-1]))
            x = F.relu(mix_norm(mix(F.relu(x))))
        assert x is not None  # noqa: S101 - there is at least one map
        x = resized(x, (self.n_rows, n_frames)) + self.rows
        rows: Tensor = self.out(F.relu(self.refine(x)))[:, 0]
        logits = rows if self.shares is None else torch.einsum("fm,bmt->bft", self.shares, rows)
        return logits.sigmoid()


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (B, C, f, t) at another resolution, bilinearly."""
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def band_shares(filters: Tensor) -> Tensor:
    """Rows (F, M) that add up to one: how each STFT bin is shared among the bands of a filterbank (F, M).

    A bin that no band hears has the shares of the nearest one that some band does.
    """
    total = filters.sum(dim=1)
    heard = (total > 0).nonzero().flatten()
    distance = (torch.arange(len(filters), device=filters.device)[:, None] - heard).abs()
    nearest = heard[distance.argmin(dim=1)]
    return filters[nearest] / total[nearest][:, None]
