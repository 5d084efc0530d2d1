"""What an attribution method is, and the settings of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from interpretability.listening.explained_classifier import ExplainedClassifier

Explainer = Callable[[ExplainedClassifier, Tensor, Tensor], Tensor]
"""(f, complex STFT (B, F, T) at the level at which f hears the clips, classes (B,)) -> relevance (B, F, T) >= 0.

An explainer leaves no trace: no `.grad` is written, training flags and random streams stay as they are, and each clip's
map is the same in any batch. It may be called under `torch.no_grad` or in inference mode.
"""


@dataclass(frozen=True)
class AttributionSettings:
    """Settings of the attribution methods; what they leave open is as in the papers named by the methods."""

    ig_steps: int = 32
    """Steps of integrated gradients."""
    smoothgrad_samples: int = 16
    """Noisy copies of each clip for SmoothGrad."""
    smoothgrad_noise: float = 0.15
    """Standard deviation of that noise, as a share of the range of the clip's log-magnitudes."""
    occlusion_patches: int = 64
    """Patches of the spectrogram that are taken away one by one."""
    shap_samples: int = 64
    """Evaluations of the classifier for the Shapley values of patches."""
    shap_patches: int = 32
    """Patches that have a Shapley value each; an order of them and its reverse take twice as many evaluations."""
    slime_samples: int = 64
    """Perturbed copies of each clip for SLIME and audioLIME."""
    slime_segments: int = 16
    """Segments that SLIME switches on and off."""
    lime_times: int = 4
    """Segments in time into which audioLIME cuts every source."""
    layer: str | None = None
    """Layer for Grad-CAM, by its dotted path; none takes the classifier's deepest maps."""
    chunk: int = 32
    """Clips that go through the classifier at a time; memory grows with it, results do not depend on it."""
    seed: int = 0
    """Seed of all draws, which are the same for every clip."""

    def __post_init__(self) -> None:
        """Raise ValueError for settings without meaning."""
        counts = ("ig_steps", "smoothgrad_samples", "occlusion_patches", "shap_samples", "shap_patches",
                  "slime_samples", "slime_segments", "lime_times", "chunk")  # fmt: skip
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.smoothgrad_noise < 0:
            raise ValueError(f"smoothgrad_noise={self.smoothgrad_noise} must not be negative")
