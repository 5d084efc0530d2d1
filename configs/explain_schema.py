"""Settings of explain.py. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from configs.concept_schema import ConceptSourceConfig
from configs.generation_schema import GenerationConfig, nearly_a_prior
from configs.given import Given

WHAT = {
    "clips": "callbacks.explain_files:explain_clips",
    "units": "callbacks.explain_units:explain_units",
    "generations": "callbacks.explain_generations:explain_generations",
    "layers": "callbacks.layer_probes_command:explain_layers",
}
"""What can be explained -> "package.module:function" that takes the settings and returns what it has to say, in lines.

Functions are imported when they are called, so that a wrong command line is answered at once.
"""


@dataclass
class ExplainConfig(Given):
    """Which recordings to explain by which run, and what to write."""

    run: str = "???"
    """Run folder, or one checkpoint file."""
    what: str = "clips"
    """What is explained: clips of audio, or the units or layers of the network by the run's own validation clips."""
    audio: str | None = None
    """Audio file, or a folder of them, all explained; needed for clips, for layers drawn in place of probe clips."""
    output: str | None = None
    """Folder to write; none takes RUN/explanations/NAME, called after the audio, for units and layers RUN."""
    overwrite: bool = False
    """Whether explanations that are already in the output folder are replaced."""
    threshold: float = 0.2
    """Relevance, relative to a clip's largest, above which a component belongs to the interpretation of a class."""
    classes: list[str] = field(default_factory=list)
    """Classes to explain, by name; an empty list takes those predicted."""
    components: str = "3"
    """Components heard one by one for each class: a number of the most relevant ones, or all."""
    masks: Literal["magnitude", "fitted", "as_published"] = "magnitude"
    """Masks from W H on the STFT, fitted to the clip (isolates classes better), or on log-magnitudes as published."""
    mute: list[int] = field(default_factory=list)
    """Components that are silenced in the decision before anything is explained."""
    save: str | None = None
    """Checkpoint file to write, with the muted components in it."""
    longest: float = 600.0
    """Seconds above which a recording is skipped."""
    report: bool = True
    """Whether to build the report, a folder of pages that any browser plays."""
    device: str = "cpu"
    """Device that computes: cpu, cuda or another name PyTorch knows."""
    layers: list[str] = field(default_factory=list)
    """For units and layers: layers by dotted path; an empty list takes those of the run's callback."""
    n_clips: int | None = None
    """For units and layers: validation clips to measure them on; none takes as many as the run's callback."""
    moved: list[int] = field(default_factory=list)
    """For layers of a generator: latents that are moved, from 0; an empty list takes those of the run's callback."""
    protocols: list[str] = field(default_factory=list)
    """For layers of a generator: published sweeps that are made too, such as frication, reduplication or lexical."""
    bases: int | None = None
    """For layers of a generator: starting points of each sweep; none takes as many as the run's callback."""
    concepts: Literal["labels", "descriptors", "clap", "captions", "words"] | None = None
    """For units: what they are named by; none takes the source of callbacks.dissection in the run."""
    edits: bool | None = None
    """For units: whether what drives them is also shifted, filtered, slowed; none takes the setting of the callback."""
    source: ConceptSourceConfig = field(default_factory=ConceptSourceConfig)
    """For units: where other concepts than labels come from; what is not given is the callback's."""
    units: list[str] = field(default_factory=list)
    """For generations: a class by its name, head:3, layer.path:7 or bottleneck:5 (a component); an empty list takes all
    classes. What is left out, here and in the next ones, is as in the run's callback."""
    prior: str | None = None
    """For generations: a generator's run folder, principal, frames, spectral or input; none is spectral."""
    aim: Literal["maximise", "minimise", "reach"] | None = None
    """For generations: make units strong, weak, or as active as real excerpts do; none takes the callback's."""
    independent: str | None = None
    """For generations: run folder of a classifier trained on its own that judges what is made; none: no judge."""
    grid: Literal["own", "paper"] = "own"
    """For generations: settings that are tried, our own or the paper's 27, with their scores as a table."""
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    """Further settings of generations; those not given are the callback's."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        if self.what not in WHAT:
            yield f"what={self.what} must be one of {', '.join(WHAT)}"
        if self.what == "clips" and self.audio is None:
            yield "audio is missing: give audio=FILE_OR_FOLDER, or explain what=units"
        if not -1 <= self.threshold <= 1:
            yield f"threshold={self.threshold} must lie between -1 and 1"
        if self.n_clips is not None and self.n_clips < 4:
            yield f"n_clips={self.n_clips} must be at least 4"
        if self.bases is not None and self.bases < 8:
            yield f"bases={self.bases} must be at least 8"
        if self.longest <= 0:
            yield f"longest={self.longest} must be above 0"
        if self.components != "all" and not (self.components.isascii() and self.components.isdigit()):
            yield f"components={self.components} must be a number or all"
        yield from nearly_a_prior("prior", self.prior)
        if any(number < 0 for number in self.mute):
            yield f"mute={self.mute} must hold numbers of components, from 0"

    @property
    def n_components(self) -> int | None:
        """Components of each class, or None for all."""
        return None if self.components == "all" else int(self.components)
