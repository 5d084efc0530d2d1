"""Settings of benchmark.py. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CONDITIONS = ("clean", "other_class", "white_noise", "speech")
"""What clips are explained in: as they are, or mixed with a clip of another class, white noise, or speech."""


@dataclass
class ExplanationsBenchmark:
    """Which runs' explanations are compared, on what, and at what cost."""

    run: str = "???"
    """Run folder; several folds of one experiment, separated by commas or as a pattern in quotes, are pooled."""
    post_hoc: str | None = None
    """Runs of post-hoc interpreters, separated by commas; each stands beside the classifier that it explains."""
    lmac: str | None = None
    """Runs of mask decoders (L-MAC), separated by commas; each stands beside the classifier that it explains."""
    twin: bool = True
    """Whether the black-box twin of a run gets a block of its own."""
    methods: list[str] = field(default_factory=list)
    """Attribution baselines, by name; an empty list takes all."""
    clips: int | None = 80
    """Test clips of each run, spread evenly over the split; none takes all."""
    conditions: list[str] = field(default_factory=lambda: ["clean", "other_class", "white_noise"])
    """What is explained: clean clips, and mixtures with other_class, white_noise or speech."""
    speech: str | None = None
    """Folder of speech recordings, which adds the condition speech."""
    snr_db: float = 0.0
    """Level in dB of each clip above what it is mixed with."""
    threshold: float = 0.2
    """Relevance, relative to a clip's largest, above which a component belongs to the explanation."""
    ig_steps: int = 32
    """Steps of integrated gradients."""
    smoothgrad_samples: int = 16
    """Noisy copies of each clip for SmoothGrad."""
    shap_samples: int = 64
    """Samples of the Shapley-like attribution."""
    occlusion_patches: int = 64
    """Patches of the spectrogram that are taken away one by one."""
    slime_samples: int = 64
    """Perturbed copies of each clip for SLIME."""
    curve_steps: int = 10
    """Steps of the deletion and insertion curves, which are drawn for clean clips only; 0 leaves them out."""
    stability_draws: int = 2
    """Noisy copies of a clip whose explanations are compared with its own, for clean clips only; 0 leaves them out."""
    stability_clips: int = 20
    """Clips for which this is done."""
    playable: int = 3
    """Clips of each block whose best explanations can be played in the report."""
    output: str | None = None
    """Folder of the tables; none takes RUN/benchmark, or benchmark beside the runs where several are pooled."""
    report: bool = True
    """Whether the page of the report is made."""
    seed: int = 0
    """Seed of all random draws."""
    batch_size: int = 8
    """Clips explained at a time; the memory needed grows with it."""
    progress: bool = True
    """Whether a terminal shows a bar with the time left."""
    device: str = "cpu"
    """Device that computes: cpu, cuda or another name PyTorch knows."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        counts = ("ig_steps", "smoothgrad_samples", "shap_samples", "occlusion_patches", "slime_samples", "batch_size")
        yield from _too_small(self, 1, counts)
        yield from _too_small(self, 0, ("curve_steps", "stability_draws", "stability_clips", "playable"))
        if self.clips is not None and self.clips < 1:
            yield f"clips={self.clips} must be at least 1, or none for all"
        yield from _threshold(self.threshold)
        for name in self.conditions:
            if name not in CONDITIONS:
                yield f"conditions: {name} is none of {', '.join(CONDITIONS)}"
        if not self.conditions:
            yield "conditions must name at least one"
        if "speech" in self.conditions and self.speech is None:
            yield "conditions: speech needs speech=FOLDER of recordings"


@dataclass
class SanityBenchmark:
    """Which run's explanations are tested for whether they depend on what was learned."""

    run: str = "???"
    """Run folder of a model with components."""
    permuted: str | None = None
    """Run that was trained on permuted labels, if there is one."""
    seeds: str | None = None
    """Runs of the same experiment with other seeds, separated by commas, whose reasons are compared with the run's."""
    clips: int = 80
    """Test clips, spread evenly over the split."""
    methods: list[str] = field(default_factory=list)
    """Attribution baselines that are scored on a planted shortcut, by name; an empty list takes all."""
    networks: int = 8
    """Untrained networks whose similarity to each other gives the 95 % band."""
    threshold: float = 0.2
    """Relevance, relative to a clip's largest, above which a component belongs to the explanation."""
    output: str | None = None
    """Folder of the tables; none takes RUN/benchmark."""
    report: bool = True
    """Whether the page of the report is made."""
    seed: int = 0
    """Seed of the untrained networks."""
    device: str = "cpu"
    """Device that computes: cpu, cuda or another name PyTorch knows."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        if self.networks < 3:
            yield f"networks={self.networks} must be at least 3: fewer give no band"
        yield from _too_small(self, 1, ("clips",))
        yield from _threshold(self.threshold)


def _too_small(settings: object, least: int, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if getattr(settings, name) < least:
            yield f"{name}={getattr(settings, name)} must be at least {least}"


def _threshold(value: float) -> Iterator[str]:
    if not -1 <= value <= 1:
        yield f"threshold={value} must lie between -1 and 1"
