"""The twin: the same front end and backbone with a linear head, whose decision cannot be taken apart."""

from typing import NamedTuple, cast

from torch import Tensor, nn

from configs.schema import BlackBoxConfig, Config
from models.backbones import build_backbone, measure
from models.classifier import Analysis, AudioClassifier


class BlackBoxResponse(NamedTuple):
    """`logits` (B, C) and the `embedding` (B, D) they were read from."""

    logits: Tensor
    embedding: Tensor


class BlackBoxClassifier(AudioClassifier[BlackBoxResponse]):
    """Backbone, dropout, linear layer. What interpretability costs is measured against it."""

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__(config, class_names, multi_label)
        settings = cast(BlackBoxConfig, config.model)
        self.backbone = build_backbone(config)
        size = measure(self.backbone, config.front_end.n_bands).embedding
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(size, self.n_classes))

    def respond(self, analysis: Analysis) -> BlackBoxResponse:
        """Classify by a linear layer on the backbone's embedding."""
        embedding = self.backbone(analysis.features, analysis.n_steps).embedding
        return BlackBoxResponse(self.head(embedding), embedding)
