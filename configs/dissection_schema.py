"""Settings of the dissection of units. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import at_least
from configs.concept_schema import ConceptSourceConfig
from configs.training_schema import CallbackConfig

READ_OUTS = ("mean", "max", "first")


@dataclass
class DissectionConfig(CallbackConfig):
    """What each unit responds to while the model is trained, tested on clips that its name was not chosen by."""

    layers: list[str] = field(default_factory=list)
    """Layers by dotted path, "bottleneck" for the components; an empty list takes the last three maps and these."""
    read_out: str = "mean"
    """How a map becomes one value for a clip: mean, max, first (token) or a percentile such as p95."""
    n_clips: int = 150
    """Validation clips of the probe set, always the same: one of each class first."""
    every_n_epochs: int = 30
    """Epochs between two points; before the first of them also epochs 1, 2, 4, 8 ... 0 measures at the end only."""
    early_steps: bool = False
    """Whether to measure after batches 1, 4, 16 and so on of the first epoch too, where units change fastest."""
    concepts: Literal["labels", "descriptors", "clap", "captions", "words"] = "labels"
    """What units are named by; what the last three need is set under callbacks.dissection.source."""
    source: ConceptSourceConfig = field(default_factory=ConceptSourceConfig)
    """Where other concepts than labels and descriptors come from."""
    descriptors: bool = True
    """Whether units are also described, at the end, by measured words such as high-pitched or decaying."""
    word_controls: Literal["classes", "descriptors", "none"] = "descriptors"
    """What a unit's top clips are compared with: clips of the same classes, alike in the other descriptors, or all."""
    k: int = 16
    """Clips kept at either end of each unit."""
    false_discovery: float = 0.05
    """Share of the names of a layer that may be false (Benjamini-Hochberg over its units)."""
    units_shown: int = 32
    """Units with players at Weights & Biases: half of them the best named, half the most changed."""
    ablated_units: int = 8
    """Best named units of each layer that are silenced at the end, one by one; 0 silences none."""
    ablation_clips: int = 40
    """Clips of the probe set on which they are silenced; of each class about as many."""
    draws: int = 20
    """Random units of the same layer and norm that each silenced unit is compared with."""
    tuning: bool = True
    """Whether units are played tones, noise, clicks and modulated sounds at the end."""
    edits: bool = False
    """Whether what drives units is shifted in pitch, filtered and so on at the end, to test words; takes minutes."""
    played: int = 6
    """Clips at either end of each unit that the report plays."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "callbacks.dissection", 4, ("n_clips",))
        yield from at_least(self, "callbacks.dissection", 2, ("k", "draws"))
        yield from at_least(self, "callbacks.dissection", 1, ("played", "ablation_clips"))
        yield from at_least(self, "callbacks.dissection", 0, ("every_n_epochs", "units_shown", "ablated_units"))
        if self.concepts == "clap" and self.source.clap is None:
            yield "callbacks.dissection.concepts=clap needs callbacks.dissection.source.clap, a local checkpoint"
        if self.concepts in ("captions", "words") and self.source.captions is None and self.source.endpoint is None:
            yield (
                f"callbacks.dissection.concepts={self.concepts} needs callbacks.dissection.source.captions, a file, or "
                "callbacks.dissection.source.endpoint, who writes them"
            )
        if not 0 < self.false_discovery < 1:
            yield f"callbacks.dissection.false_discovery={self.false_discovery} must lie between 0 and 1"
        percentile = self.read_out[1:].replace(".", "", 1) if self.read_out[:1] == "p" else ""
        if self.read_out not in READ_OUTS and not (percentile.isdigit() and float(self.read_out[1:]) <= 100):
            yield f"callbacks.dissection.read_out={self.read_out} must be mean, max, first or a percentile such as p95"
