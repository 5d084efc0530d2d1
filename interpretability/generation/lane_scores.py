"""What is measured of one setting of a search."""

from dataclasses import dataclass

NORMAL = 1.645
"""Half width of a 90 % interval in standard errors."""


@dataclass(frozen=True)
class LaneScore:
    """Scores of one setting; distances are lower for better, and NaN is what could not be measured.

    Attributes:
        lane, step: the setting.
        n: examples.
        median: activation of the kept examples.
        in_range: whether the median lies in the reference's band.
        scalar: Fréchet distance of the activations alone, the paper's score.
        mean_gap, spread_gap: its two parts, in deviations of the reference.
        layer: Fréchet distance of the layer's features.
        floor: mean distance of as many real excerpts, each of a recording of its own.
        excess: `layer` - `floor`.
        low, high: bootstrap interval of `excess` (90 %), about its value.
        error: standard error of `excess`.
        kernel, kernel_low, kernel_high: unbiased kernel distance of the features, in median distances of the reference,
            and its interval (90 %).
        density, coverage: fidelity and variety of the features.
        transfer: mean activation of the independent network's unit, in deviations from its mean for the reference.
        recognised: share of the examples for which that unit is the strongest of its layer there.
        independent: kernel distance in the independent network's features.
        deviation: distance of the mean log prior from that of the latents at the start.
        steps: mean step at which examples were kept.
    """

    lane: str
    step: int
    n: int
    median: float
    in_range: bool
    scalar: float
    mean_gap: float
    spread_gap: float
    layer: float
    floor: float
    excess: float
    low: float
    high: float
    error: float
    kernel: float
    kernel_low: float
    kernel_high: float
    density: float
    coverage: float
    transfer: float
    recognised: float
    independent: float
    deviation: float
    steps: float

    @property
    def name(self) -> str:
        """The setting in words."""
        return f"{self.lane}, {self.step} steps"
