"""Settings of the layer probes. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.checks import at_least
from configs.training_schema import CallbackConfig

PROPERTIES = (
    *("intensity", "f0", "centroid", "onset_strength", "harmonicity", "tilt", "zero_crossings"),
    *("spread", "f1", "f2", "f3"),
)
"""Properties of a sound over time that layers can be compared with."""
PROTOCOLS = ("frication", "general", "reduplication", "reduplication_both_ways", "features", "lexical")
"""Published sweeps, as `interpretability.layers.protocols` has them."""
FEWEST_BASES = 8
"""Starting points of a sweep at least."""
MOST = 512
"""Clips of a probe set at most: more would cost more than they say."""


@dataclass
class LayerProbesConfig(CallbackConfig):
    """What each layer carries of a sound while the model is trained, beside the untrained network and the input."""

    layers: list[str] = field(default_factory=list)
    """Layers by dotted path; an empty list takes every activation that has a time axis."""
    n_clips: int = 64
    """Validation clips of the probe set, always the same, one of each class first, or latents; at most 512."""
    every_n_epochs: int = 30
    """Epochs between two points; before the first of them also epochs 1, 2, 4, 8 ... 0 measures at the end only."""
    properties: list[str] = field(default_factory=lambda: ["intensity", "f0", "centroid", "onset_strength"])
    """What layers are compared with over time: intensity, f0, centroid, onset_strength, harmonicity, tilt, f1 ..."""
    reduction: Literal["mean", "norm", "positive", "zscored"] = "mean"
    """How the channels of a layer become one series: mean, root mean square, share above zero, or mean of z-scores."""
    draws: int = 8
    """Draws of the shuffled and phase-randomised nulls at a point of the training."""
    end_draws: int = 40
    """Draws of the nulls at the end."""
    shown: int = 3
    """Clips whose layers the report shows and plays."""
    bases: int = 64
    """Of a generator: starting points from which each code, or latent, is moved at the end; 0 moves none."""
    moved: list[int] = field(default_factory=list)
    """Of a generator: latents that are moved, from 0; an empty list takes the codes, or the first four latents."""
    protocols: list[str] = field(default_factory=list)
    """Of a generator: published sweeps that are made too: frication, general, reduplication, features, lexical ..."""
    causes: bool = True
    """Whether the end also measures what moves the layers: latents of a generator, graded sounds of a classifier."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "callbacks.layer_probes", 1, ("n_clips", "draws", "end_draws"))
        yield from at_least(self, "callbacks.layer_probes", 0, ("every_n_epochs", "shown", "bases"))
        if 0 < self.bases < FEWEST_BASES:
            yield f"callbacks.layer_probes.bases={self.bases} must be 0 or at least {FEWEST_BASES}"
        if self.n_clips > MOST:
            yield f"callbacks.layer_probes.n_clips={self.n_clips} must be at most {MOST}"
        for name in self.properties:
            if name not in PROPERTIES:
                yield f"callbacks.layer_probes.properties: {name} must be one of {', '.join(PROPERTIES)}"
        for name in self.protocols:
            if name not in PROTOCOLS:
                yield f"callbacks.layer_probes.protocols: {name} must be one of {', '.join(PROTOCOLS)}"
        if any(number < 0 for number in self.moved):
            yield f"callbacks.layer_probes.moved={self.moved} must hold numbers of latents, from 0"
