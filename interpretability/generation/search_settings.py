"""How a search goes: how long, from how many starts, what is kept, and in which portions it is evaluated."""

from dataclasses import dataclass

from configs.errors import InputError
from interpretability.generation.kept_examples import Keep
from interpretability.generation.lanes import Halving


@dataclass(frozen=True)
class SearchSettings:
    """How the search goes.

    Attributes:
        snapshots: steps after which examples are kept for scoring, the last of them ends the search.
        seeds: examples of each lane; example i begins with the same latent in every lane and every search.
        seed: of the first example; the next ones count up.
        keep: "band": the best objective among the iterates inside `band`, and the nearest to it while there is none;
            "best": the most activating so far, as published; "last".
        band: range of activations that real excerpts have (`Reference.band`); None keeps as "best".
        stop: activation at which an example stops (above it to maximise, below it to minimise); None never.
        chunk: rows evaluated together; None all.
        halving: drops lanes after the first snapshots; None keeps all.
    """

    snapshots: tuple[int, ...] = (25, 50, 100)
    seeds: int = 16
    seed: int = 0
    keep: Keep = "band"
    band: tuple[float, float] | None = None
    stop: float | None = None
    chunk: int | None = None
    halving: Halving | None = None

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        if not self.snapshots or min(self.snapshots) < 1 or list(self.snapshots) != sorted(set(self.snapshots)):
            raise InputError(f"snapshots={self.snapshots}: name steps from 1 on in rising order")
        if self.seeds < 1 or (self.chunk is not None and self.chunk < 1):
            raise InputError(f"seeds={self.seeds}, chunk={self.chunk}: both have to be 1 or more")
        if self.keep not in ("band", "best", "last"):
            raise InputError(f"keep='{self.keep}': choose band, best or last")
        if self.band is not None and not self.band[0] <= self.band[1]:
            raise InputError(f"band={self.band}: the lower end comes first")
