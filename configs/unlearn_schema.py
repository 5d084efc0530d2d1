"""Settings of unlearn.py and of benchmark.py unlearning. The sentence under a field is what `--help` prints."""

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


STRATEGIES = ("effects", "tab", "db", "ocp", "random")
"""How the units of a class are chosen: by measured effects, or as published, by their names."""


@dataclass
class UnlearningBenchmark:
    """Which runs forget each of their classes in turn, by which choice of units."""

    run: str = "???"
    """Run folder; several folds of one experiment, separated by commas or as a pattern in quotes, are pooled."""
    layers: list[str] = field(default_factory=list)
    """Layers whose units are removed, by path; an empty list takes components, or the deepest maps of a black box."""
    strategies: list[str] = field(default_factory=lambda: list(STRATEGIES))
    """How units are chosen: effects (measured), tab, db and ocp (by their names, as published), random; [] for none."""
    how: Literal["zero", "mean"] = "zero"
    """Whether units are silenced or held at their mean."""
    budget: float = 0.05
    """Retained accuracy that measured effects may cost on validation clips."""
    clips: int = 400
    """Training clips, spread evenly over the classes, from which units are chosen."""
    draws: int = 20
    """Random draws of units of the same layer and norm that each removal is compared with."""
    top: int = 3
    """Best concepts of a unit among which a class has to be (tab, db)."""
    properties: bool = True
    """Whether units of all hidden layers, or of `layers`, are also pruned by measured words of what drives them."""
    as_published: bool = False
    """Whether the faults of the published code are measured beside: letters for words, rows in the order of a list."""
    output: str | None = None
    """Folder of the tables; none takes RUN/benchmark, or benchmark beside the runs where several are pooled."""
    seed: int = 0
    """Seed of the random draws."""
    device: str = "cpu"
    """Device that computes: cpu, cuda or another name PyTorch knows."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        if not 0 <= self.budget <= 1:
            yield f"budget={self.budget} must lie between 0 and 1"
        for name in ("clips", "draws"):
            if getattr(self, name) < 2:
                yield f"{name}={getattr(self, name)} must be at least 2"
        if self.top < 1:
            yield f"top={self.top} must be at least 1"
        for name in self.strategies:
            if name not in STRATEGIES:
                yield f"strategies: {name} is none of {', '.join(STRATEGIES)}"
        if not self.strategies and not self.properties:
            yield "strategies must name at least one, or properties be true"
