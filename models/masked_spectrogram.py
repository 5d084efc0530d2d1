"""Learning without labels: a backbone that hears half of the patches of a clip predicts the others.

The masked-spectrogram objective of SSAST and MAE-AST (Gong et al. 2022; Baade et al. 2022), on a convolutional network:
hidden cells are filled with the clip's mean, as there is no token that a convolution could leave out.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection

from configs.errors import InputError
from configs.schema import Config, MaskedSpectrogramConfig
from datamodules.batch import Batch, clip_generator
from models.backbones import build_backbone, measure
from models.classifier import Analysis, AudioClassifier

TRAINING, EVALUATION = 2, 3
"""Streams of `clip_generator`: masks change with the epoch in training, and are always the same in evaluation."""


class MaskedResponse(NamedTuple):
    """`logits` (B, C) are all zero, as no label was learned; `embedding` (B, D) of the whole clip."""

    logits: Tensor
    embedding: Tensor


class Prediction(NamedTuple):
    """Of B clips: `target` and `predicted` (B, 1, M, T), standardised by clip; `hidden` (B, 1, M, T) cells that count.

    `band_mean` (B, 1, M, 1) is the mean of each band over what is heard, the simplest prediction.
    """

    target: Tensor
    predicted: Tensor
    hidden: Tensor
    band_mean: Tensor


class PatchDecoder(nn.Module):
    """Two convolutions on the deepest maps; each of its places predicts the block of cells that lies over it."""

    def __init__(self, n_channels: int, block: tuple[int, int], width: int) -> None:
        super().__init__()
        self.block = block
        self.layers = nn.Sequential(
            nn.Conv2d(n_channels, width, 1), nn.GELU(), nn.Conv2d(width, block[0] * block[1], 3, padding=1)
        )

    def forward(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps (B, C, F', T') -> cells (B, 1, M, T), `size` = (M, T)."""
        cells = self.layers(maps)
        n, _, rows, columns = cells.shape
        cells = cells.reshape(n, *self.block, rows, columns).permute(0, 3, 1, 4, 2)
        cells = cells.reshape(n, 1, rows * self.block[0], columns * self.block[1])
        spare = size[0] - cells.shape[-2], size[1] - cells.shape[-1]  # pooling drops what does not fill a block
        if max(spare) > 0:
            cells = F.pad(cells, (0, max(spare[1], 0), 0, max(spare[0], 0)), mode="replicate")
        whole: Tensor = cells[..., : size[0], : size[1]]
        return whole


class MaskedSpectrogram(AudioClassifier[MaskedResponse]):
    """A backbone and a light decoder; the loss is the squared error of the hidden cells alone.

    Cells are standardised over what holds sound in each clip, so that the error of predicting its mean is 1. It trains
    on any data set and never looks at a label. `backbone.weights=RUN` starts a classifier from the run.
    """

    decides = False

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__(config, class_names, multi_label)
        settings = self.settings = cast(MaskedSpectrogramConfig, config.model)
        self.backbone = build_backbone(config)
        if self.backbone.frozen:
            raise InputError("backbone.frozen=true leaves model.name=masked_spectrogram nothing to learn; leave it out")
        n_mels = config.front_end.n_mels
        shape = measure(self.backbone, n_mels)
        n_channels, rows, columns = list(shape.maps.values())[-1]
        block = max(1, round(n_mels / rows)), max(1, round(shape.n_frames / columns))
        self.decoder = PatchDecoder(n_channels, block, settings.width)

    @property
    def monitor(self) -> str:
        """The error of the hidden cells of validation clips."""
        return "val/loss"

    def new_metrics(self, prefix: str) -> MetricCollection:
        """No metric: there are no classes to be right about."""
        return MetricCollection({}, prefix=prefix)

    def respond(self, analysis: Analysis) -> MaskedResponse:
        """Hear the whole clip, for who wants its maps or its embedding."""
        embedding = self.backbone(analysis.features, analysis.n_steps).embedding
        return MaskedResponse(embedding.new_zeros(len(embedding), self.n_classes), embedding)

    def predict(self, analysis: Analysis, hidden: Tensor) -> Prediction:
        """Predict the hidden cells (B, 1, M, T) of analysed clips from the others."""
        features = analysis.features
        sound = torch.ones_like(features) if analysis.mask is None else analysis.mask[:, None, None].to(features)
        sound = sound.expand_as(features)
        mean = _mean(features, sound)
        deviation = _mean((features - mean).square(), sound).sqrt().clamp_min(1e-3)
        heard = sound * ~hidden
        filled = torch.where(hidden, _mean(features, heard), features)
        maps = list(self.backbone(filled, analysis.n_steps).maps.values())[-1]
        predicted = self.decoder(maps, (features.shape[-2], features.shape[-1])).float()
        target = (features - mean) / deviation
        in_band = heard.sum(dim=-1, keepdim=True)
        band_mean = (target * heard).sum(dim=-1, keepdim=True) / in_band.clamp_min(1)
        return Prediction(target, predicted, hidden & (sound > 0), band_mean)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor | dict[str, Tensor]]:
        """One step: hide, predict, compare."""
        analysis = self.analyse(batch.waveform, batch.length)
        found = self.predict(analysis, self.hidden(analysis, batch, self.current_epoch, TRAINING))
        loss = masked_error(found.predicted, found.target, found.hidden)
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch), prog_bar=True)
        return {"loss": loss, "terms": {"masked_error": loss.detach()}}

    def evaluate(self, batch: Batch, split: str, metrics: MetricCollection) -> tuple[Analysis, MaskedResponse]:
        """Log the error of the hidden cells, and the share of the band means' error that is explained."""
        analysis = self.analyse(batch.waveform, batch.length)
        found = self.predict(analysis, self.hidden(analysis, batch, 0, EVALUATION))
        loss = masked_error(found.predicted, found.target, found.hidden)
        simple = masked_error(found.band_mean.expand_as(found.target), found.target, found.hidden)
        figures = {f"{split}/loss": loss, f"{split}/band_mean_error": simple, f"{split}/explained": 1 - loss / simple}
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)
        return analysis, self.respond(analysis)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Error of test clips; there are no answers to write down."""
        self.evaluate(batch, "test", self.test_metrics)
        return {}

    def hidden(self, analysis: Analysis, batch: Batch, epoch: int, stream: int) -> Tensor:
        """Cells (B, 1, M, T) to hide: whole patches, `masked_share` of those within each clip, drawn by clip."""
        n_bands, n_steps = analysis.features.shape[-2:]
        settings, rows = self.settings, []
        n_frames = [n_steps] * len(batch) if analysis.n_steps is None else analysis.n_steps.tolist()
        for index, inside in zip(batch.index.tolist(), n_frames, strict=True):
            grid = -(-n_bands // settings.patch_bands), -(-min(inside, n_steps) // settings.patch_frames)
            draw = clip_generator(self.config.seed, epoch, index, stream)
            order = torch.from_numpy(draw.permutation(grid[0] * grid[1]))
            count = min(max(1, round(settings.masked_share * len(order))), max(1, len(order) - 1))
            patches = torch.zeros(len(order), dtype=torch.bool).index_fill(0, order[:count], True).reshape(grid)
            cells = patches.repeat_interleave(settings.patch_bands, 0).repeat_interleave(settings.patch_frames, 1)
            cells = cells[:n_bands, :n_steps]
            rows.append(F.pad(cells, (0, n_steps - cells.shape[1])))
        return torch.stack(rows)[:, None].to(analysis.features.device)


def masked_error(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Mean over clips of the squared error of each clip's hidden cells; all (B, 1, M, T)."""
    return _mean((predicted - target).square(), hidden.to(target)).mean()


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean (B, 1, 1, 1) of values (B, 1, M, T) where the weight is 1."""
    total = (values * weight).sum(dim=(1, 2, 3), keepdim=True)
    return total / weight.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1)
