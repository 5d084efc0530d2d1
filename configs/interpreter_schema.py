"""Settings of what explains a trained classifier. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import above_zero, at_least, within
from configs.component_schema import ComponentsConfig
from configs.model_schema import ModelConfig


@dataclass
class InterpreterConfig(ModelConfig):
    """Which classifier is explained, and which of its layers are read."""

    explains: str | None = None
    """What is explained: a run folder or checkpoint of ours, a torch.export file (.pt2), or a file of weights."""
    classifier_class: str | None = None
    """Class of a file of weights, as package.module:Class; called without arguments it makes the network."""
    classifier_rate: int | None = None
    """Sample rate in Hz that a classifier of others was trained at, where it has no attribute sample_rate."""
    classifier_outputs: Literal["auto", "logits", "probabilities"] = "auto"
    """What a classifier of others returns; auto takes logits and refuses what looks like probabilities."""
    layers: list[str] = field(default_factory=list)
    """Layers of the classifier that are read, by dotted path; an empty list takes the last three resolutions."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "model", 1, ("classifier_rate",))
        if not self.explains:
            yield (
                "model.explains is missing: give the run of the classifier to explain, such as "
                "runs/esc10_black_box/RUN; python train.py experiment=esc10_black_box trains one"
            )


@dataclass
class PostHocConfig(InterpreterConfig, ComponentsConfig):
    """An interpreter of a trained classifier, which stays as it is: NMF components that answer as it does.

    The group `backbone` plays no part: the network that is read is the classifier's own.
    """

    name: str = "post_hoc"
    """Classifier, by its registered name."""
    pooling: Literal["statistics", "attention", "class_attention", "max", "mean"] = "attention"
    """How the activations of a component are summed up over time."""
    reconstruction_weight: float = 10.0
    """Weight alpha of the reconstruction error ||X - WH||^2 in the loss."""
    fidelity_weight: float = 1.0
    """Weight of the cross-entropy between the answers of classifier and interpreter in the loss."""
    fidelity_doubled_from: int | None = None
    """Epoch, counted from 0, from which the fidelity weighs twice as much (20 in the paper's code); none: never."""
    masking_weight: float = 0.0
    """Weight of hearing masked clips: what the decided class's components keep must be decided so, the rest not."""
    kept_energy_weight: float = 0.5
    """Weight, within that, of the share of a clip's energy that these components keep."""
    mixture_share: float = 0.0
    """Share of the training clips that are mixed with another one, both equally loud."""
    control: Literal["none", "random_dictionary"] = "none"
    """Control to train in place of the interpreter: random atoms, as many as the dictionary has."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        weights = ("fidelity_weight", "fidelity_doubled_from", "masking_weight", "kept_energy_weight")
        yield from at_least(self, "model", 0, weights)
        yield from within(self, "model", 0, 1, ("mixture_share",))
        if self.control != "none" and self.dictionary is not None:
            yield f"model.control={self.control} draws its own atoms and takes no model.dictionary"


@dataclass
class LMACConfig(InterpreterConfig):
    """Listenable maps of a trained classifier, which stays as it is: a decoder of the mask that keeps its decision."""

    name: str = "lmac"
    """Classifier, by its registered name."""
    width: int = 24
    """Channels of the decoder at every resolution."""
    mask_in_weight: float = 4.0
    """Weight of the cross-entropy of what the mask keeps to the classifier's decision."""
    mask_out_weight: float = 0.2
    """Weight of the negative cross-entropy of what the mask leaves."""
    sparsity_weight: float = 6.4
    """Weight of the mask's mean; the authors' code sums 0.4 over the 16 clips of a batch."""
    mask_scale: Literal["magnitude", "as_published"] = "magnitude"
    """What masks multiply in training: magnitudes, as when they are heard, or log(1 + magnitude)."""
    guided_from: int | None = None
    """Epoch, counted from 0, from which fine-tuning guides masks to where a clip is loud; none: never."""
    guidance_weight: float = 1.0
    """Weight of the cross-entropy between mask and loud bins in fine-tuning."""
    guidance_correlation: float = 0.6
    """Correlation of a clip with what its mask keeps, above which the clip is guided and its mask not kept sparse."""
    guidance_level: float = 0.35
    """Log-magnitude, relative to the clip's largest, above which a bin is loud."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from above_zero(self, "model", ("width", "mask_in_weight"))
        weights = ("mask_out_weight", "sparsity_weight", "guidance_weight", "guided_from")
        yield from at_least(self, "model", 0, weights)
        yield from within(self, "model", -1, 1, ("guidance_correlation",))
        yield from within(self, "model", 0, 1, ("guidance_level",))
