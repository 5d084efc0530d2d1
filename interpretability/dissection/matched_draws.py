"""Random units to set ablation against: as many of the same layers, with activations of about the same norm."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from interpretability.dissection.ablation import Units

DRAWS = 20
"""Random draws that an ablation is compared with."""
NEAREST = 5
"""Units of the nearest norm among which a unit's stand-in is drawn."""


def matched_draws(
    units: Units, norms: Mapping[str, Tensor], count: int = DRAWS, seed: int = 0, nearest: int = NEAREST
) -> list[dict[str, list[int]]]:
    """Draw random units that stand in for chosen ones, layer by layer and norm by norm.

    In each draw every chosen unit, in random order, gives its place to one of the `nearest` units of its layer whose
    norm is closest to its own by ratio, chosen units left out. Where fewer others are left than are needed, chosen ones
    fill up at random: what a draw has in common with the choice only brings the two closer.

    Args:
        units: layer path -> chosen units.
        norms: layer path -> norm of what ablation takes from each of all U units (U,).
        count: draws.
        seed: of the draws.
        nearest: candidates for each place.
    """
    generator = torch.Generator().manual_seed(seed)
    return [
        {path: _draw(list(dict.fromkeys(chosen)), norms[path], nearest, generator) for path, chosen in units.items()}
        for _ in range(count)
    ]


def _draw(chosen: Sequence[int], norms: Tensor, nearest: int, generator: torch.Generator) -> list[int]:
    logs = norms.double().clamp_min(1e-12).log()
    free = sorted(set(range(len(norms))) - set(chosen))
    drawn: list[int] = []
    for place in torch.randperm(len(chosen), generator=generator).tolist():
        if not free:
            break
        distance = (logs[free] - logs[chosen[place]]).abs()
        near = distance.argsort(stable=True)[:nearest].tolist()
        taken = near[int(torch.randint(len(near), (1,), generator=generator))]
        drawn.append(free.pop(taken))
    missing = len(chosen) - len(drawn)
    again = torch.randperm(len(chosen), generator=generator)[:missing].tolist()
    return sorted([*drawn, *(chosen[place] for place in again)])


def norm_ratio(units: Units, draws: Sequence[Units], norms: Mapping[str, Tensor]) -> float:
    """Norm of the drawn units relative to that of the chosen ones, mean over draws: 1 is a perfect match."""

    def total(some: Units) -> float:
        squares = [float(norms[path].double()[list(chosen)].square().sum()) for path, chosen in some.items() if chosen]
        return math.sqrt(sum(squares))

    own = total(units)
    return sum(total(draw) for draw in draws) / (len(draws) * own) if draws and own else math.nan


def z_score(value: float, draws: Sequence[float], smallest: float = 0.0) -> float:
    """How many standard deviations (n - 1) of the draws a value lies above their mean.

    Args:
        value: of the chosen units.
        draws: of at least two random draws.
        smallest: least standard deviation that is believed: draws that all leave every clip as it was say no more than
            that one clip in n might have changed.

    Returns:
        NaN where draws do not differ, `smallest` is 0 and the value is theirs; infinite where it is not.
    """
    mean = sum(draws) / len(draws)
    spread = math.sqrt(sum((draw - mean) ** 2 for draw in draws) / (len(draws) - 1))
    spread = max(spread, smallest)
    difference = value - mean
    if spread == 0:
        return math.copysign(math.inf, difference) if difference else math.nan
    return difference / spread
