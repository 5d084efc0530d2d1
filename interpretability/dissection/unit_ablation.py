"""Single units of a layer silenced one by one, each beside the units of its layer that are most like it in norm."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from interpretability.dissection.ablation import How, ablated
from interpretability.dissection.ablation_effect import AblationEffect
from interpretability.dissection.answers import Answers
from interpretability.dissection.replay import replayed
from interpretability.dissection.unit_moments import unit_moments
from interpretability.isolation import evaluation_mode

DRAWS = 20
"""Units that each one is compared with."""


@torch.no_grad()
def unit_effects(
    model: nn.Module,
    layer: str,
    units: Sequence[int],
    evaluate: Callable[[], Answers],
    how: How = "zero",
    draws: int = DRAWS,
    axis: int = 1,
) -> dict[int, AblationEffect]:
    """Silence units of a layer one at a time.

    Each is compared with the `draws` other units of its layer whose activations are nearest to its own in norm: all
    there are, where a layer has fewer. An ablation that several units are compared with is measured once.

    Args:
        model: any network; eval mode, no gradients, nothing of it is changed.
        layer: dotted path.
        units: of the layer.
        evaluate: runs the model on always the same clips, in one call of it.
        how: "zero", "mean" or a factor.
        draws: units that each is compared with.
        axis: of the units in the layer's output.

    Returns:
        Unit -> effect, in the order of `units`.

    Raises:
        InputError: A layer or unit that does not exist, or a layer whose output is no tensor.
    """
    axes, known = {layer: axis}, dict[int, Answers]()
    with evaluation_mode(model):
        moments = unit_moments(model, [layer], evaluate, axes)[layer]
        norms = moments.norm(how)
        before = evaluate()
        with replayed(model, layer, evaluate):

            def without(unit: int) -> Answers:
                if unit not in known:
                    with ablated(model, {layer: [unit]}, how, {layer: moments.mean}, axes):
                        known[unit] = evaluate()
                return known[unit]

            effects = {}
            for unit in units:
                after = without(unit)  # a unit that does not exist is refused here, by name
                others = nearest(norms, unit, draws)
                drawn = tuple(without(other) for other in others)
                ratio = float(norms[others].mean() / norms[unit].clamp_min(1e-12)) if others else 1.0
                effects[unit] = AblationEffect({layer: [unit]}, how, before, after, drawn, ratio)
    return effects


def nearest(norms: Tensor, unit: int, count: int) -> list[int]:
    """Return the `count` other units whose norms (U,) are nearest to that of `unit` by ratio, the nearest first."""
    logs = norms.double().clamp_min(1e-12).log()
    order = (logs - logs[unit]).abs().argsort(stable=True).tolist()
    return [other for other in order if other != unit][:count]
