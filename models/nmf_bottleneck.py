"""The bottleneck: every logit is a sum over NMF components that can be heard."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from configs.schema import ComponentsConfig
from models.activation_decoder import CompactDecoder, GenericDecoder, LightDecoder, PaperDecoder, Shape
from models.temporal_pooling import AttentionPooling, MaxPooling, MeanPooling, StatisticsPooling

DECODERS = {"compact": CompactDecoder, "light": LightDecoder, "paper": PaperDecoder, "generic": GenericDecoder}
"""Networks from maps to activations, as `model.decoder` names them."""


class BottleneckOutput(NamedTuple):
    """What the decision is made of.

    `activations` H (B, K, T) >= 0; `pooled` (B, P, K), P statistics or one attention-weighted mean per class;
    `logits` (B, C), the sum over statistics and components of `NMFBottleneck.contributions`, plus the class prior.
    `auxiliary` (B, C): logits of the trunk's own head, which only exist while training and decide nothing.
    `explained` (B, C): logits of the classifier that an interpreter explains; None by design.
    `unmuted` (B, P, K): `pooled` before components are muted, which only training does.
    """

    activations: Tensor
    pooled: Tensor
    logits: Tensor
    auxiliary: Tensor | None = None
    explained: Tensor | None = None
    unmuted: Tensor | None = None


class NMFBottleneck(nn.Module):
    """Maps -> activations H of a dictionary W -> pooled activations z -> logits A z + b.

    `dictionary` W (F, K) has unit columns, and `scale` (K,) is the usual level of each component's activation, by
    which H is divided before pooling; a fixed positive scale folds into A, so the sum stays exact. `level` (K,) is the
    same number as the unit in which the decoder speaks: a hand edit changes `scale`, and with it what is decided from
    H, but not H. Single-label models have no b; multi-label models show it as the class prior. Decisions depend on the
    input through H alone, unless `attention_from=maps`.
    """

    def __init__(
        self, config: ComponentsConfig, shapes: Mapping[str, Shape], n_bins: int, n_classes: int, multi_label: bool
    ) -> None:
        super().__init__()
        n = config.n_components
        self.train_dictionary = config.train_dictionary
        self.dictionary: Tensor
        self.scale: Tensor
        self.level: Tensor
        start = torch.full((n_bins, n), n_bins**-0.5)
        if config.train_dictionary:
            self.dictionary = nn.Parameter(start)
        else:
            self.register_buffer("dictionary", start)
        self.register_buffer("scale", torch.ones(n))
        self.register_buffer("level", torch.ones(n))
        self.decoder = DECODERS[config.decoder](shapes, n)
        self.dropout = config.dropout
        self.per_class = config.pooling == "class_attention"
        self.context_layer = list(shapes)[-1] if config.attention_from == "maps" else None
        n_context = shapes[self.context_layer][0] if self.context_layer else n
        self.pooling: nn.Module
        if config.pooling in ("attention", "class_attention"):
            self.pooling = AttentionPooling(n_context, n_classes if self.per_class else 1)
        else:
            self.pooling = {"statistics": StatisticsPooling, "max": MaxPooling, "mean": MeanPooling}[config.pooling]()
        n_statistics = 1 if self.per_class else len(self.statistic_names)
        self.weight = nn.Parameter(0.02 * torch.randn(n_classes, n_statistics, n))
        self.prior = nn.Parameter(torch.zeros(n_classes)) if multi_label else None

    @property
    def statistic_names(self) -> tuple[str, ...]:
        """Names of the P pooled numbers of a component."""
        return tuple(self.pooling.names)  # type: ignore[arg-type]

    def set_dictionary(self, dictionary: Tensor, scale: Tensor) -> None:
        """Take W (F, K) with unit columns and the usual activation level of each component (K,)."""
        with torch.no_grad():
            self.dictionary.copy_(dictionary)
            self.scale.copy_(scale)
            self.level.copy_(scale)

    @torch.no_grad()
    def project_dictionary(self) -> None:
        """Put a trained W back on its constraint: no negative entry, columns of unit l2 norm."""
        self.dictionary.clamp_(min=0)
        self.dictionary.div_(self.dictionary.norm(dim=0, keepdim=True).clamp_min(1e-12))

    def reconstruction(self, activations: Tensor) -> Tensor:
        """W H (B, F, T), the log-magnitude spectrogram rebuilt from activations (B, K, T)."""
        return self.dictionary @ activations

    def decide(self, activations: Tensor, mask: Tensor | None, context: Tensor | None = None) -> BottleneckOutput:
        """Decision on activations (B, K, T), of which `mask` (B, T) holds sound; nothing else of the clip is seen."""
        pooled = unmuted = self.pooling(activations / self.scale[:, None], mask, context)
        if self.training and self.dropout:  # whole components are muted, as a listener of the explanation may do
            heard = nn.functional.dropout(torch.ones_like(pooled[:, :1]), self.dropout)
            pooled = pooled * heard
        if self.per_class:
            logits = torch.einsum("ck,bck->bc", self.weight[:, 0], pooled)
        else:
            logits = torch.einsum("cpk,bpk->bc", self.weight, pooled)
        logits = logits if self.prior is None else logits + self.prior
        return BottleneckOutput(activations, pooled, logits, unmuted=unmuted)

    def contributions(self, pooled: Tensor) -> Tensor:
        """Terms of the sum (B, C, P, K) that make up the logits; P = 1 where attention is per class."""
        if self.per_class:
            return (self.weight[:, 0] * pooled).unsqueeze(2)
        return self.weight * pooled.unsqueeze(1)

    def forward(self, maps: Mapping[str, Tensor], n_frames: int, mask: Tensor | None = None) -> BottleneckOutput:
        """Maps (B, C_l, F_l, T_l) of a clip of `n_frames` STFT frames, of which `mask` (B, T) holds sound."""
        # The decoder speaks in units of each component's usual level, so that all of them learn at the same pace.
        activations = self.decoder(maps, n_frames) * self.level[:, None]
        if mask is not None:
            activations = activations * mask[:, None, :].to(activations.dtype)
        context = None
        if self.context_layer is not None:
            context = nn.functional.interpolate(maps[self.context_layer].mean(dim=2), size=n_frames, mode="linear")
        return self.decide(activations, mask, context)
