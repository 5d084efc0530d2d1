"""L-MAC: listenable maps for audio classifiers (Paissan, Ravanelli, Subakan 2024), on any frozen classifier."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection

from configs.schema import Config, LMACConfig
from datamodules.batch import Batch
from interpretability.attribution.settings import Explainer
from interpretability.listening.explained_classifier import ExplainedClassifier
from interpretability.listening.interpretation import decided
from interpretability.listening.masks import apply_masks
from models.classifier import Analysis, AudioClassifier
from models.interpreter import open_classifier
from models.mask_decoder import MaskDecoder


class MaskResponse(NamedTuple):
    """`logits` (B, C) of the classifier for the clips, for what masks keep, `kept`, and leave, `left`.

    `mask` (B, F, T) in [0, 1]; `kept_spectrum` complex (B, F, T).
    """

    logits: Tensor
    kept: Tensor
    left: Tensor
    mask: Tensor
    kept_spectrum: Tensor


class ListenableMaps(AudioClassifier[MaskResponse]):
    """A decoder, trained to mask clips such that a frozen classifier f decides for the rest as for the whole.

    L = w_in CE(f(M S), c) - w_out CE(f((1 - M) S), c) + w_s mean |M|, with c what f decides for the clip. The logits
    are f's own, so that the accuracy in the logs is f's. One mask is made for each clip; it explains what f decides,
    whatever that is. Checkpoints hold f, so that they load without the run that is explained.
    """

    def __init__(
        self,
        config: Config,
        class_names: tuple[str, ...],
        multi_label: bool,
        classifier: nn.Module | None = None,
        explained: dict[str, Any] | None = None,
    ) -> None:
        """Open the classifier, and build the decoder on the maps of its layers; arguments as `PostHocInterpreter`."""
        super().__init__(config, class_names, multi_label)
        settings = self.settings = cast(LMACConfig, config.model)
        self.frozen, self.taps = open_classifier(self, settings, classifier, explained)
        filters = self.front_end.filters if self.frozen.own is not None else None
        self.decoder = MaskDecoder(self.taps.shapes, self.front_end.n_bins, filters, settings.width)

    @property
    def classifier(self) -> nn.Module:
        """The classifier that is explained, as it was given: one of ours, or any module from waveforms to scores."""
        return self.frozen.module

    @property
    def monitor(self) -> str:
        """The loss, as in the authors' code."""
        return "val/loss"

    def masks(self, spectrum: Tensor) -> Tensor:
        """Masks (B, F, T) in [0, 1] of complex STFTs (B, F, T) at the level at which the classifier hears them."""
        return self.mask_and_logits(self._analysis_of(spectrum))[0]

    def mask_and_logits(self, analysis: Analysis) -> tuple[Tensor, Tensor]:
        """Masks (B, F, T) of analysed clips and the classifier's logits (B, C) for them."""
        with torch.no_grad(), self.taps.of(self.frozen) as maps:
            logits = self.frozen.respond(analysis, self.front_end)
        mask: Tensor = self.decoder(maps, analysis.spectrum.shape[-1])
        return mask.float(), logits

    def forward(self, waveform: Tensor, length: Tensor | None = None) -> Tensor:
        """Logits (B, C) of the classifier for waveforms (B, N), heard once, so that its layers can be probed."""
        return self.mask_and_logits(self.analyse(waveform, length))[1]

    def respond(self, analysis: Analysis) -> MaskResponse:
        """Mask clips, and let the classifier hear the clips, what masks keep and what they leave."""
        mask, logits = self.mask_and_logits(analysis)
        masks = torch.stack([mask, 1 - mask], dim=1)
        with torch.autocast(mask.device.type, enabled=False):
            parts = apply_masks(analysis.spectrum, masks, self.settings.mask_scale)
        n_frames, frames = (
            None if of is None else of.repeat_interleave(2, 0) for of in (analysis.n_steps, analysis.mask)
        )
        heard = self.frozen.respond(self._analysis_of(parts.flatten(0, 1), n_frames, frames), self.front_end)
        return MaskResponse(logits, heard[0::2], heard[1::2], mask, parts[:, 0])

    def _analysis_of(self, spectrum: Tensor, n_frames: Tensor | None = None, mask: Tensor | None = None) -> Analysis:
        return Analysis(spectrum, self.front_end.features(spectrum), n_frames, mask)

    def loss_terms(self, response: MaskResponse, analysis: Analysis, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms: of what is kept, of what is left, sparsity and, in fine-tuning, guidance; no labels."""
        settings = self.settings
        said = decisions(response.logits, self.multi_label)
        terms = {
            "mask_in": settings.mask_in_weight * surprise(response.kept, said, self.multi_label),
            "mask_out": -settings.mask_out_weight * surprise(response.left, said, self.multi_label),
        }
        sound = torch.ones_like(response.mask[:, :1]) if analysis.mask is None else analysis.mask[:, None].float()
        size = (sound * torch.ones_like(response.mask)).sum(dim=(1, 2)).clamp_min(1)
        sparsity = (response.mask * sound).sum(dim=(1, 2)) / size
        start = settings.guided_from
        if start is None or (self.training and self.current_epoch < start):
            return terms | {"sparsity": settings.sparsity_weight * sparsity.mean()}
        heard, kept = torch.log1p(analysis.spectrum.abs()), self.front_end.log_magnitude(response.kept_spectrum)
        guided = (F.cosine_similarity(heard.flatten(1), kept.flatten(1)) >= settings.guidance_correlation).float()
        threshold = settings.guidance_level * heard.amax(dim=(1, 2), keepdim=True)
        loud = (heard >= threshold).float()
        with torch.autocast(heard.device.type, enabled=False):
            difference = F.binary_cross_entropy(response.mask, loud, reduction="none")
        guidance = (difference * sound).sum(dim=(1, 2)) / size
        return terms | {
            "sparsity": settings.sparsity_weight * (sparsity * (1 - guided)).mean(),
            "guidance": settings.guidance_weight * (guidance * guided).mean(),
        }

    def evaluate(self, batch: Batch, split: str, metrics: MetricCollection) -> tuple[Analysis, MaskResponse]:
        """Log, beside the loss, how often what is kept is heard as the clip, and what is left too, and the mask's mean.

        Multi-label clips count as heard alike where the most probable class is the same.
        """
        analysis, response = super().evaluate(batch, split, metrics)
        whole, kept, left = (each.argmax(dim=1) for each in (response.logits, response.kept, response.left))
        figures = {
            f"{split}/input_fidelity": (kept == whole).float().mean(),
            f"{split}/mask_out_fidelity": (left == whole).float().mean(),
            f"{split}/mask_mean": response.mask.mean(),
        }
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)
        return analysis, response


def decisions(logits: Tensor, multi_label: bool) -> Tensor:
    """Decisions (B, C), ones and zeros, by logits (B, C): the likeliest class where a classifier decides for none."""
    said = decided(logits, multi_label)
    return torch.where(said.any(dim=1, keepdim=True), said, decided(logits, multi_label=False)).to(logits.dtype)


def surprise(logits: Tensor, said: Tensor, multi_label: bool) -> Tensor:
    """Mean cross-entropy of logits (B, C) to decisions (B, C): of the class, or of each class decided for."""
    negative = F.softplus(-logits) if multi_label else -logits.log_softmax(dim=1)
    return ((negative * said).sum(dim=1) / said.sum(dim=1)).mean()


def lmac_explainer(model: ListenableMaps) -> Explainer:
    """Return the masks of a trained decoder as a method among the others; they are the same for every class."""

    @torch.no_grad()
    def explain(f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
        return model.masks(spectrum)

    found: Callable[[ExplainedClassifier, Tensor, Tensor], Tensor] = explain
    return found
