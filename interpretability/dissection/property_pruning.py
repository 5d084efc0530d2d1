"""Pruning by a described property: do units that are described in some way matter more than others?

Wu, Lin, Weng (ICML 2024), section 4.4 and figure 4: the units of all hidden layers are ranked by a property of their
description, such as how many acoustic adjectives it holds, the first 2 to 12 % are zeroed, and accuracy is watched.
Here units are removed by their number, and set against random units of the same layers and norms.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from interpretability.dissection.ablation import Units, ablated
from interpretability.dissection.answers import Answers
from interpretability.dissection.matched_draws import DRAWS, matched_draws, z_score
from interpretability.dissection.replay import first_of, replayed
from interpretability.dissection.unit_moments import Moments, unit_moments
from interpretability.isolation import evaluation_mode

SHARES = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)
"""Shares of all units that are removed."""
ORDERS = 3
"""Orders of equals over which the accuracy is averaged; the paper repeats its curves as often."""


def first_units(
    values: Mapping[str, Tensor], share: float, seed: int = 0, as_published: bool = False
) -> dict[str, list[int]]:
    """Return the units of all layers with the highest values of a property, equals in random order.

    Args:
        values: layer path -> (U,).
        share: of all units; one unit at least.
        seed: of the order of equals.
        as_published: zero the first n rows of each layer, n being how many of its units were ranked high: the paper's
            code builds each mask in the order of the ranking, and not at the units' places.
    """
    layers = list(values)
    flat = torch.cat([values[path].double() for path in layers])
    place = torch.tensor([[number, unit] for number, path in enumerate(layers) for unit in range(len(values[path]))])
    mixed = torch.randperm(len(flat), generator=torch.Generator().manual_seed(seed))
    order = mixed[flat[mixed].argsort(descending=True, stable=True)][: max(1, round(share * len(flat)))]
    found: dict[str, list[int]] = {path: [] for path in layers}
    for number, unit in place[order].tolist():
        found[layers[number]].append(unit)
    if as_published:
        return {path: list(range(len(units))) for path, units in found.items() if units}
    return {path: sorted(units) for path, units in found.items() if units}


@torch.no_grad()
def property_curve(
    model: nn.Module,
    evaluate: Callable[[], Answers],
    values: Mapping[str, Tensor],
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
    seed: int = 0,
    as_published: bool = False,
    moments: Mapping[str, Moments] | None = None,
) -> list[dict[str, Any]]:
    """Remove more and more of the units that have most of a property, and as many matched random ones.

    Args:
        model: any network; nothing of it is changed.
        evaluate: runs it on always the same clips.
        values: layer path -> (U,), the property of each unit.
        shares: of all units.
        draws: random draws for each share, those of all orders of equals together.
        seed: of draws and of the order of equals.
        as_published: see `first_units`.
        moments: of the layers (`unit_moments`); None measures them on the same clips.

    Returns:
        For each share, as plain data: `share`; `units`; `having`, the part of these that have any of the property;
        `accuracy` (multi-label: mean average precision), mean over the orders of equals; `random` and `random_std`, the
        same of the draws; `beyond`, what is lost more than by random units; `z`, that in deviations of the draws.
    """
    rows = []
    with evaluation_mode(model):
        moments = unit_moments(model, list(values), evaluate) if moments is None else moments
        norms = {path: moments[path].rms for path in values}

        def accuracy(units: Units) -> float:
            with ablated(model, units):
                return evaluate().overall

        n_clips = len(evaluate().target)
        with replayed(model, first_of(model, values, evaluate), evaluate):
            for share in shares:
                own, random, each_draws = [], [], max(2, -(-draws // ORDERS))
                for order in range(ORDERS):
                    units = first_units(values, share, seed + order, as_published)
                    own.append(accuracy(units))
                    random += [accuracy(drawn) for drawn in matched_draws(units, norms, each_draws, seed + order)]
                count = sum(map(len, units.values()))
                having = sum(float((values[path][units[path]] > 0).sum()) for path in units) / count
                rows.append({"share": share, "units": count, "having": having, **_beside(own, random, n_clips)})
    return rows


def _beside(own: Sequence[float], random: Sequence[float], n_clips: int) -> dict[str, float]:
    mean, each = sum(own) / len(own), torch.tensor(random).double()
    return {
        "accuracy": mean,
        "random": float(each.mean()),
        "random_std": float(each.std()),
        "beyond": float(each.mean()) - mean,
        "z": z_score(-mean, [-value for value in random], 1 / n_clips),
    }
