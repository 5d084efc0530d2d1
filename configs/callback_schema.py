"""Settings of the instruments. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from configs.checks import at_least, within
from configs.training_schema import CallbackConfig


@dataclass
class FaithfulnessConfig(CallbackConfig):
    """Whether explanations can be trusted, while the model is trained: what decisions lose without their parts."""

    n_clips: int = 12
    """Validation clips explained, always the same: one of each class first."""
    every_n_epochs: int = 5
    """Epochs between two points; before the first of them also epochs 1, 2 and 4. 0 measures at the end only."""
    threshold: float = 0.2
    """Relevance, relative to a clip's largest, above which a component belongs to the explanation of a class."""
    masks: Literal["magnitude", "as_published"] = "magnitude"
    """What masks act on: the complex STFT, where parts add up to the clip, or log-magnitudes as in the paper's code."""
    curve_steps: int = 0
    """Steps of the deletion and insertion curves; each costs four more passes of a clip. 0 leaves them out."""

    @property
    def passes(self) -> int:
        """Passes of a clip at one point: the whole four times, three masks and their rests, two pairs of curves."""
        curves = 2 * (2 + 2 * (self.curve_steps - 1)) if self.curve_steps else 0
        return 4 + 2 * 3 + curves

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "callbacks.faithfulness", 1, ("n_clips",))
        yield from at_least(self, "callbacks.faithfulness", 0, ("every_n_epochs", "curve_steps"))
        yield from within(self, "callbacks.faithfulness", -1, 1, ("threshold",))


@dataclass
class ListeningConfig(CallbackConfig):
    """The parts that decisions are made of, as sound: while the model is trained, and in the report at the end."""

    enabled: bool = True
    """Whether the callback runs."""
    n_clips: int = 3
    """Validation clips listened to, always the same: one of each class first."""
    every_n_epochs: int = 30
    """Epochs between two points; before the first of them also epochs 1, 2, 4, 8 ... 0 listens at the end only."""
    strongest: int = 3
    """Components heard one by one for each clip, those that speak most for the predicted class."""
    threshold: float = 0.2
    """Relevance, relative to a clip's largest, above which a component belongs to the interpretation of a class."""
    masks: Literal["magnitude", "fitted", "as_published"] = "magnitude"
    """Masks from W H on the STFT, fitted to the clip (isolates classes better), or on log-magnitudes as published."""
    survey_clips: int = 300
    """Validation clips from which, at the end, the relevance of each class and the typical sounds are taken."""
    excerpt_seconds: float = 1.0
    """Length of the most typical sound of a component."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "callbacks.listening", 1, ("n_clips",))
        yield from at_least(self, "callbacks.listening", 0, ("every_n_epochs", "strongest", "survey_clips"))
        yield from at_least(self, "callbacks.listening", 0.1, ("excerpt_seconds",))
        yield from within(self, "callbacks.listening", -1, 1, ("threshold",))
