"""Settings of unlearn.py. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class UnlearnConfig:
    """What a trained run is to forget, and how."""

    run: str = "???"
    """Run folder, or one checkpoint file."""
    concept: str = "???"
    """Class to be forgotten, by name; in sound scenes with a planted hum also hum."""
    layers: list[str] = field(default_factory=list)
    """Layers whose units are tried, by path; an empty list takes the components, or the deepest maps of a black box."""
    how: Literal["zero", "mean"] = "zero"
    """Whether the units are silenced or held at their mean."""
    budget: float = 0.05
    """Retained accuracy (average precision, multi-label) that may be lost on validation clips."""
    clips: int = 400
    """Training clips, spread evenly over the classes, from which the units are chosen."""
    draws: int = 20
    """Random draws of units of the same layer and norm that the removal is compared with."""
    output: str | None = None
    """Folder to write; none takes RUN/unlearning/CONCEPT."""
    overwrite: bool = False
    """Whether a removal that is already in the output folder is replaced."""
    report: bool = True
    """Whether the page of the report is made."""
    seed: int = 0
    """Seed of the random draws."""
    device: str = "cpu"
    """Device that computes: cpu, cuda or another name PyTorch knows."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        if not 0 <= self.budget <= 1:
            yield f"budget={self.budget} must lie between 0 and 1"
        if self.clips < 2:
            yield f"clips={self.clips} must be at least 2"
        if self.draws < 2:
            yield f"draws={self.draws} must be at least 2: fewer have no spread"
