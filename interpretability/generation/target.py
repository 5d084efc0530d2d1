"""What is looked for: a unit of a network, to be made strong, weak, or as active as real sounds make it."""

from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.read_out import Axes, check_read_out
from interpretability.generation.feature_moments import as_rows, check_count

Aim = Literal["maximise", "minimise", "reach"]
AIMS: tuple[Aim, ...] = ("maximise", "minimise", "reach")
OUTPUT = ""
"""Path of the network itself: its units are its logits."""


@dataclass(frozen=True)
class Target:
    """One unit of a network and what is wanted of it.

    Attributes:
        unit: index of the unit: channel of a layer, NMF component, or class; a class by name where the network's
            class names are given to `readings.checked`.
        layer: dotted path of the layer; "" is the network's own output, the logits.
        aim: "maximise", "minimise" or "reach" (`calibrated` gives level and spread).
        level: activation wanted by "reach".
        spread: distance from the level that costs 1/2, above 0.
        read_out: how a map becomes one number: "mean", "max", "first" or a percentile such as "p95".
        axes: where the layer's output has its units and time; `axes.pick` finds the tensor in what it returns.
    """

    unit: int | str
    layer: str = OUTPUT
    aim: Aim = "maximise"
    level: float = 0.0
    spread: float = 1.0
    read_out: str = "mean"
    axes: Axes = field(default_factory=Axes)

    def __post_init__(self) -> None:
        """Check what can be checked without the network."""
        check_read_out(self.read_out)
        if self.aim not in AIMS:
            raise InputError(f"aim='{self.aim}': choose one of {', '.join(AIMS)}")
        if not self.spread > 0:
            raise InputError(f"spread={self.spread}: has to be above 0")

    @property
    def name(self) -> str:
        """The unit in words, such as "blocks.2 unit 5" or "output 3"."""
        return f"{self.layer} unit {self.unit}" if self.layer else f"output {self.unit}"

    @property
    def number(self) -> int:
        """The unit as a number.

        Raises:
            InputError: It is the name of a class (`readings.checked` finds its number).
        """
        if isinstance(self.unit, str):
            raise InputError(f"unit '{self.unit}' is a name: readings.checked finds its number among class names")
        return self.unit

    def objective(self, activation: Tensor) -> Tensor:
        """Return what is to be maximised (B,) of activations (B,): a, -a, or -((a - level) / spread)^2 / 2."""
        if self.aim == "reach":
            return -0.5 * ((activation - self.level) / self.spread).square()
        return activation if self.aim == "maximise" else -activation

    def calibrated(self, reference: Tensor) -> "Target":
        """Return the target that reaches the level of real excerpts (n,): their mean, give or take their deviation.

        Raises:
            InputError: Fewer than two activations, or constant ones.
        """
        real = as_rows(reference)[:, 0]
        check_count(len(real))
        if not float(real.std()) > 1e-6 * float(real.abs().amax()):
            raise InputError(
                f"{self.name}: all {len(real)} reference excerpts give the activation {float(real[0]):.4g}; a unit "
                "that does not vary has no level to reach, choose another unit or read_out"
            )
        return replace(self, aim="reach", level=float(real.mean()), spread=float(real.std()))
