"""The by-design classifier: backbone, NMF bottleneck, and nothing after it but a sum."""

from torch import Tensor, nn

from configs.schema import ByDesignConfig, Config
from datamodules.batch import Batch
from models.activation_decoder import deepest
from models.backbones import build_backbone, measure
from models.classifier import Analysis
from models.component_classifier import ComponentClassifier
from models.nmf_bottleneck import BottleneckOutput, NMFBottleneck


class ByDesignClassifier(ComponentClassifier):
    """Trunk, activations and decision trained together (Parekh et al. 2024).

    L = L_class + alpha L_NMF + beta ||H||_1, and while training the trunk's own classification beside them.
    """

    settings: ByDesignConfig

    def __init__(self, config: Config, class_names: tuple[str, ...], multi_label: bool) -> None:
        super().__init__(config, class_names, multi_label)
        self.backbone = build_backbone(config)
        shape = measure(self.backbone, config.front_end.n_bands)
        self.bottleneck = NMFBottleneck(
            self.settings, deepest(shape.maps), self.front_end.n_bins, self.n_classes, multi_label
        )
        self.auxiliary = nn.Linear(shape.embedding, self.n_classes) if self.settings.auxiliary_weight else None

    def respond(self, analysis: Analysis) -> BottleneckOutput:
        """Classify by the components that the backbone finds active."""
        maps, embedding = self.backbone(analysis.features, analysis.n_steps)
        output: BottleneckOutput = self.bottleneck(maps, analysis.spectrum.shape[-1], analysis.mask)
        if self.auxiliary is None or not self.training:
            return output
        return output._replace(auxiliary=self.auxiliary(embedding))

    def loss_terms(self, response: BottleneckOutput, analysis: Analysis, batch: Batch) -> dict[str, Tensor]:
        """Classification, alpha times the mean squared error of W H, beta times the mean activation.

        While training also the classification by the trunk's own head, from which the trunk learns much faster.
        """
        terms = super().loss_terms(response, analysis, batch)
        if response.auxiliary is not None:
            by_trunk = self.classification_loss(response.auxiliary.float(), batch)
            terms["auxiliary"] = self.settings.auxiliary_weight * by_trunk
        return terms | self.component_terms(response.activations, analysis)
