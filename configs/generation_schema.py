"""Settings of a search for what units ask for. The sentence under a field is what `--help` prints."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from configs.checks import above_zero, at_least, within
from configs.registry import nearest

NAMED_PRIORS = ("none", "spectral", "principal", "frames", "input")
"""Priors that need no run, by name; anything else is the run folder of a trained generator."""


def unknown_prior(key: str, prior: str) -> str:
    """Say of a prior, typed as `key`, that it is neither a folder nor one of the names, and which is the nearest."""
    names = [name for name in NAMED_PRIORS if name != "none"]
    return f"{key}={prior}: neither a run folder nor one of {', '.join(names)}{nearest(prior, names)}"


def nearly_a_prior(key: str, prior: str | None) -> Iterator[str]:
    """Yield what to say of a misspelt name.

    Only of that: a run whose generator has been moved can still be opened, as what it has stored is checked here too.
    """
    if prior is None or prior in NAMED_PRIORS or "/" in prior or Path(prior).exists():
        return
    near = difflib.get_close_matches(prior.lower(), NAMED_PRIORS, n=1, cutoff=0.75)
    if near and abs(len(near[0]) - len(prior)) <= 1:
        yield unknown_prior(key, prior)


@dataclass
class GenerationConfig:
    """Sounds that units ask for: generated to excite them, and scored against the real excerpts that do."""

    units: list[str] = field(default_factory=list)
    """Units: a class by its name, head:3, layer.path:7 or bottleneck:5 (a component); an empty list: all classes."""
    aim: Literal["maximise", "minimise", "reach"] = "maximise"
    """Make units strong, weak, or as active as the real excerpts that excite them (reach)."""
    prior: str = "none"
    """Run folder of a trained generator, or without one: principal (components of training excerpts), frames (learned
    from these in a minute: lines may move), spectral (spectra of real excerpts) or input (space); none is spectral."""
    seconds: float | None = None
    """Length of an excerpt; none takes the length that the prior was trained on, 1.6 s without training."""
    read_out: str = "mean"
    """How the map of a unit becomes one value: mean, max, first (token) or a percentile such as p95."""
    lr: list[float] = field(default_factory=list)
    """Step sizes of Adam that are tried; an empty list takes three that suit the prior."""
    weight: list[float] = field(default_factory=list)
    """Weights of the prior that are tried; an empty list takes three, or one where the prior has none (spectral)."""
    transform: list[float] = field(default_factory=list)
    """Strengths of the jitter that are tried, as shares of the excerpt; an empty list takes what suits the prior."""
    latents: int = 16
    """Examples of each setting; all settings start from the same ones."""
    snapshots: list[int] = field(default_factory=lambda: [15, 30, 60])
    """Steps after which examples are kept and scored; the last one ends the search."""
    halving: bool = True
    """Whether the worse half of the settings is dropped after each of the first two snapshots."""
    keep: Literal["band", "best", "last"] = "band"
    """Which step of an example is kept: the best within the range of real excerpts, the strongest, or the last."""
    n_clips: int = 400
    """Held-out (validation) clips that real excerpts are taken from, of each class in turn."""
    share: float = 0.05
    """Share of the real excerpts that counts as exciting; of the clips without a class where that is minimised."""
    class_share: float = 0.5
    """Share of the real excerpts of a class that counts as exciting it."""
    per_recording: int = 3
    """Real excerpts of one recording at most; they are at least an excerpt apart."""
    most: int = 400
    """Real excerpts that a unit is compared with at most."""
    least: int = 6
    """Real excerpts that a unit needs; below ten recordings it has a kernel distance, but no Frechet distance."""
    features: str | None = None
    """Layer in whose features sounds are compared; none takes the backbone's embedding."""
    independent: str | None = None
    """Run folder of a classifier trained on its own, with the same front end, that judges what is made; none: no."""
    shown: int = 4
    """Sounds of each unit that are written as wav files, each beside its nearest real excerpt."""
    vocoder_iterations: int = 60
    """Iterations of Griffin and Lim's algorithm by which features become sound."""
    chunk: int = 48
    """Examples evaluated together; memory, not results, depends on it."""
    seed: int = 0
    """Seed of the first example; the next ones count up."""

    def problems(self, group: str = "generation") -> Iterator[str]:
        """Yield one sentence per setting that cannot be used; keys are typed as `group.name`."""
        yield from nearly_a_prior(f"{group}.prior", self.prior)
        yield from above_zero(self, group, ("seconds", "share", "class_share"))
        yield from within(self, group, 0, 1, ("share", "class_share"))
        yield from at_least(self, group, 1, ("n_clips", "per_recording", "most", "vocoder_iterations", "chunk"))
        yield from at_least(self, group, 0, ("seed", "shown"))
        yield from at_least(self, group, 6, ("least",))
        yield from at_least(self, group, 3, ("latents",))
        if not self.snapshots or sorted(set(self.snapshots)) != self.snapshots or self.snapshots[0] < 1:
            yield f"{group}.snapshots={self.snapshots} must be steps from 1 on, in rising order"
        if any(not value > 0 for value in self.lr):
            yield f"{group}.lr={self.lr} must be above 0"
        if any(value < 0 for value in self.weight):
            yield f"{group}.weight={self.weight} must be at least 0"
        if any(not 0 <= value <= 1 for value in self.transform):
            yield f"{group}.transform={self.transform} must lie between 0 and 1"
        percentile = self.read_out[1:].replace(".", "", 1) if self.read_out[:1] == "p" else ""
        known = self.read_out in ("mean", "max", "first")
        if not known and not (percentile.isdigit() and float(self.read_out[1:]) <= 100):
            yield f"{group}.read_out={self.read_out} must be mean, max, first or a percentile such as p95"
