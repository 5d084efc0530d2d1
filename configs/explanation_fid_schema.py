"""Settings of `callbacks.explanation_fid`. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from configs.checks import at_least
from configs.generation_schema import GenerationConfig
from configs.training_schema import CallbackConfig


@dataclass
class ExplanationFidConfig(CallbackConfig):
    """What units ask for while the model is trained: sounds generated for them, scored against real excerpts."""

    generation: GenerationConfig = field(default_factory=GenerationConfig)
    """Units, prior, reference and judge of all searches, and the settings of the full search after the training."""
    every_n_epochs: int = 30
    """Epochs between two points; before the first of them also epochs 1, 2, 4, 8 ... 0 searches at the end only."""
    n_units: int = 3
    """Units searched at a point of the training, the first of generation.units; the end takes all. 0 takes all."""
    latents: int = 6
    """Examples of each unit at a point; later points go on from those of the one before."""
    steps: int = 10
    """Steps of the search at a point."""
    lanes: int = 1
    """Settings tried at a point: the one chosen at the point before, then others of the full search in turn."""
    work_limit: int | None = None
    """Latent-steps of all points of a training, the end aside; none sets no limit."""
    vocoder_iterations: int = 8
    """Iterations of Griffin and Lim's algorithm at a point, where sounds are drafts; the end has generation's."""
    full_search: bool = True
    """Whether the chosen checkpoint is searched with all settings after the training (explain.py does so later)."""
    interpreted: int = 0
    """Validation clips at a point, half of them compared by their interpretations with the others; 0 compares none."""
    end_interpreted: int = 200
    """The same after the training: how near the model's own interpretations come to real clips and clean sources."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        group = "callbacks.explanation_fid"
        yield from super().problems()
        yield from at_least(
            self, group, 0, ("every_n_epochs", "n_units", "work_limit", "interpreted", "end_interpreted")
        )
        yield from at_least(self, group, 1, ("steps", "lanes", "vocoder_iterations"))
        yield from at_least(self, group, 3, ("latents",))
