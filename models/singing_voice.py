"""The singing-voice classifier: trained and evaluated as Schlueter and Grill (2015) do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from configs.errors import InputError
from configs.jamendo_schema import EXCERPT, SingingVoiceConfig
from configs.schema import Config
from datamodules.batch import Batch
from models.backbones import build_backbone
from models.classifier import Analysis, AudioClassifier
from models.frame_decisions import FrameDecisions
from models.natural_log_mel import NaturalLogMel, magnitude
from models.singing_voice_changes import band_gains, draw_changes, stretched
from models.singing_voice_network import SingingVoiceNetwork, middle, orthogonal

Read = Callable[[int, int], "np.ndarray[Any, np.dtype[np.float32]]"]
"""(start, count) -> samples of a recording, zeros where it has none."""
PIECE = 1400
"""Frames of a recording that are heard at a time (20 s)."""


class SingingVoiceResponse(NamedTuple):
    """`logits` (B, 2), the `output` units (B, 1 or 2) they are made of, and the `embedding` (B, 64) below."""

    logits: Tensor
    output: Tensor
    embedding: Tensor


class SingingVoiceClassifier(AudioClassifier[SingingVoiceResponse]):
    """No voice, or voice, in the middle frame of an excerpt.

    One output unit a, whose sigmoid is the probability of voice, becomes the logits -a/2 and a/2, whose softmax is the
    same; layer `head`, unit 0, is a itself. `validation` chooses a threshold for whole recordings, which checkpoints
    carry.

    Attributes:
        backbone: the network up to its last layer but one.
        head: dropout and the output layer.
        threshold: probability above which a frame of a recording is sung.

    Raises:
        InputError: Data of other classes than two, each clip of one.
    """

    backbone: SingingVoiceNetwork
    threshold: Tensor

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool = False) -> None:
        super().__init__(config, class_names, multi_label)
        if len(class_names) != 2 or multi_label:
            raise InputError(
                f"model.name={config.model.name} tells two classes apart, of which each clip has one; the data have "
                f"{len(class_names)}{', several per clip' if multi_label else ''}"
            )
        self.settings = cast(SingingVoiceConfig, config.model)
        self.backbone = cast(SingingVoiceNetwork, build_backbone(config))
        last = nn.Linear(self.backbone.fc8.out_features, self.settings.outputs)
        orthogonal(last)
        self.head = nn.Sequential(nn.Dropout(self.backbone.dropout.p), last)
        self.register_buffer("threshold", torch.tensor(0.5, dtype=torch.float64))

    @property
    def monitor(self) -> str:
        """Validation metric that chooses the checkpoint where the configuration leaves it open."""
        return "val/error"

    @property
    def output_unit(self) -> str:
        """The unit of voice below sigmoid or softmax, as searches for what units ask for name it."""
        return f"head.1:{self.settings.outputs - 1}"

    @property
    def excerpt_seconds(self) -> float:
        """Length of what the network hears at once, from the middle of the first frame to that of the last."""
        return (EXCERPT - 1) * self.front_end.config.hop_length / self.front_end.config.sample_rate

    @property
    def bands(self) -> NaturalLogMel:
        """The front end's mel bands."""
        return cast(NaturalLogMel, self.front_end.view)

    def prepare(self, datamodule: Any, keep_in: Path | None = None) -> dict[str, float]:  # noqa: ANN401
        """Measure mean and deviation of each mel band over the training recordings.

        Raises:
            InputError: As the base class.
        """
        found = super().prepare(datamodule, keep_in)
        if self.backbone.frozen or self.config.backbone.weights:  # type: ignore[attr-defined] # statistics came along
            return found
        n, first, second = 0, torch.zeros(1), torch.zeros(1)
        for recording in datamodule.whole_recordings("train"):
            for features in self.pieces(recording.read, recording.n_samples, around=0):
                values = features[0, 0].double()
                n += values.shape[-1]
                first, second = first + values.sum(dim=-1), second + values.square().sum(dim=-1)
        if not n:  # clips, not excerpts of recordings
            return found
        mean = first / n
        self.backbone.mean.copy_(mean)
        self.backbone.std.copy_((second / n - mean.square()).clamp_min(0).sqrt().clamp_min(1e-3))
        return {**found, "prepared/frames": float(n)}

    def respond(self, analysis: Analysis) -> SingingVoiceResponse:
        """Classify the middle frame of excerpts."""
        embedding = self.backbone(analysis.features).embedding
        output = self.head(embedding)
        return SingingVoiceResponse(self.as_logits(output), output, embedding)

    def as_logits(self, output: Tensor) -> Tensor:
        """Logits (B, 2) of output units (B, 1 or 2)."""
        return output if self.settings.outputs == 2 else torch.cat([-output / 2, output / 2], dim=1)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step on excerpts whose tempo, pitch and timbre are changed at random."""
        with torch.no_grad(), torch.autocast(batch.waveform.device.type, enabled=False):
            features = self.changed_features(batch)
        response = self.respond(Analysis(features.new_zeros(len(batch), 1, EXCERPT), features, None, None))
        loss = self.classification_loss(response.logits.float(), batch)
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch), prog_bar=True)
        return {"loss": loss, "terms": {"classification": loss.detach()}}

    def changed_features(self, batch: Batch) -> Tensor:
        """Features (B, 1, M, 115) of a batch as this epoch trains on it."""
        front_end, settings = self.front_end.config, self.settings
        top = front_end.f_max or front_end.sample_rate / 2
        changes = draw_changes(batch, settings, top, self.config.seed, self.current_epoch)
        spectrum = magnitude(self.front_end.stft(self.front_end.normalize(batch.waveform.float())))
        moved = stretched(spectrum, changes) if settings.stretch or settings.pitch_shift else middle(spectrum)
        places = torch.linspace(0, front_end.sample_rate / 2, moved.shape[1], device=moved.device) @ self.bands.filters
        return self.bands.logarithm(self.bands.bands(moved) * band_gains(changes, places)[..., None])

    def on_validation_epoch_end(self) -> None:
        """Choose the threshold for whole recordings, and log how often they are heard wrong with it."""
        figures = self.recording_figures("val", FrameDecisions(self.settings.smoothing))
        if figures is not None:
            self.threshold.fill_(figures["threshold"])

    def on_test_epoch_end(self) -> None:
        """Log how often whole recordings are heard wrong, with the threshold that validation chose."""
        self.recording_figures("test", FrameDecisions(self.settings.smoothing, float(self.threshold)))

    def recording_figures(self, split: str, metric: FrameDecisions) -> dict[str, float] | None:
        """Return and log the figures of the recordings of a split; None where the data are no such excerpts."""
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        recordings = list(datamodule.whole_recordings(split)) if hasattr(datamodule, "whole_recordings") else []
        if not recordings:
            return None
        metric = metric.to(self.device)
        for recording in recordings[self.trainer.global_rank :: self.trainer.world_size]:
            probabilities = self.listen(recording.read, recording.n_samples)
            n = min(len(probabilities), len(recording.targets))
            metric.update(probabilities[:n], torch.from_numpy(recording.targets[:n]))
        figures: dict[str, float] = metric.compute()
        self.log_dict({f"{split}/{name}": value for name, value in figures.items()}, prog_bar=False)
        return figures

    @torch.no_grad()
    def listen(self, read: Read, n_samples: int) -> Tensor:
        """Probability of singing (T,) in every frame of a recording, read and heard piece by piece; on the CPU."""
        training = self.training
        self.eval()
        found = []
        for features in self.pieces(read, n_samples, around=EXCERPT // 2):
            embedding = self.backbone.every_frame(features)
            output = self.head(embedding[0].T)
            found.append(self.as_logits(output).float().softmax(dim=1)[:, 1].cpu())
        self.train(training)
        return torch.cat(found)

    @torch.no_grad()
    def pieces(self, read: Read, n_samples: int, around: int) -> Iterator[Tensor]:
        """Yield features (1, 1, M, t + 2 around) of a recording of 1 + n_samples // hop frames, t of them at a time.

        Every frame is of full windows, as in an excerpt from its middle: before and after the recording is silence.
        """
        config = self.front_end.config
        hop, edge = config.hop_length, -(-config.n_fft // (2 * config.hop_length))
        total = 1 + n_samples // hop
        for first in range(0, total, PIECE):
            count = min(PIECE, total - first) + 2 * (around + edge)
            samples = torch.from_numpy(read((first - around - edge) * hop, (count - 1) * hop))
            spectrum = self.front_end.stft(samples[None].to(self.device))
            yield self.front_end.features(spectrum)[..., edge : edge + count - 2 * edge]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Stochastic gradient descent with Nesterov's momentum; the rate falls by a factor after each epoch."""
        settings = self.settings
        trained = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, settings.learning_rate, settings.momentum, nesterov=settings.momentum > 0)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, settings.decay)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}
