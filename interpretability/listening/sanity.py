"""Sanity checks of explanations (Adebayo et al. 2018): what was learned is destroyed, and the explanation must change.

Weights are replaced by those of an untrained network of the same build, so that they are drawn exactly as that network
draws them. Everything happens in copies.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn

from interpretability.listening.agreement import cosine, spearman


def layers_from_output(module: nn.Module, run: Callable[[nn.Module], object]) -> list[str]:
    """Names of the layers with weights of their own, from the output of a network to its input.

    Args:
        module: the network.
        run: gives the network something to do; the order is that in which layers finish.
    """
    own = {
        name: part for name, part in module.named_modules() if next(part.parameters(recurse=False), None) is not None
    }
    seen: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            seen.append(name)

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in own.items()]
    try:
        run(module)
    finally:
        for handle in handles:
            handle.remove()
    last_seen = {name: place for place, name in enumerate(seen)}
    return sorted(last_seen, key=lambda name: -last_seen[name])


def replaced(trained: nn.Module, untrained: nn.Module, layers: Sequence[str]) -> nn.Module:
    """Copy of a network in which these layers have the weights and running statistics of an untrained one.

    Only what belongs to a layer itself is replaced, not what belongs to layers within it; buffers that both networks
    share, such as a dictionary, stay as they are if the untrained network has been given them.
    """
    changed = copy.deepcopy(trained)
    with torch.no_grad():
        for name in layers:
            target, source = changed.get_submodule(name), untrained.get_submodule(name)
            state = {**dict(source.named_parameters(recurse=False)), **dict(source.named_buffers(recurse=False))}
            for key, value in state.items():
                getattr(target, key).copy_(value)
    return changed


def cascade(trained: nn.Module, untrained: nn.Module, layers: Sequence[str]) -> Iterator[tuple[str, nn.Module]]:
    """Yield copies of a network, each with one more layer untrained, from the output on (cascading randomisation)."""
    for count, name in enumerate(layers, 1):
        yield name, replaced(trained, untrained, layers[:count])


class Likeness(NamedTuple):
    """How alike explanations (B,) are: `cosine` and `rank` (Spearman) of relevances, `mask` the cosine of masks."""

    cosine: Tensor
    rank: Tensor
    mask: Tensor


def likeness(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> Likeness:
    """Compare two explanations of the same clips and classes.

    Args:
        before: relevances (B, K) and masks (B, F, T).
        after: the same by another model; for label randomisation, one that was trained on permuted labels.
    """
    return Likeness(cosine(before[0], after[0]), spearman(before[0], after[0]), centred_cosine(before[1], after[1]))


def centred_cosine(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation (B,) of masks (B, ...); NaN where one of the two is constant.

    Masks are non-negative: without centring, any two of them would look alike.
    """
    a, b = first.flatten(1).double(), second.flatten(1).double()
    return cosine(a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True))


def permuted_atoms(dictionary: Tensor, generator: torch.Generator) -> Tensor:
    """Dictionary (F, K) whose columns have changed places, none staying where it was."""
    n = dictionary.shape[1]
    order = torch.randperm(n, generator=generator)
    shifted = torch.empty_like(order)
    shifted[order] = order.roll(1)  # one cycle through all columns
    return dictionary[:, shifted.to(dictionary.device)]


class Band(NamedTuple):
    """Where 95 % of the mean similarities of independently initialised networks lie, over `pairs` of them."""

    low: float
    high: float
    pairs: int

    def holds(self, value: float) -> bool:
        """Whether a similarity lies within."""
        return self.low <= value <= self.high


def untrained_band(
    explanations: Sequence[Tensor], similarity: Callable[[Tensor, Tensor], Tensor] = cosine, share: float = 0.95
) -> Band:
    """Band of the mean similarity over clips between independently initialised networks.

    Args:
        explanations: relevances (B, K) of the same clips and classes, one tensor for each network, three at least.
        similarity: of two tensors (B, K), for each clip.
        share: of the pairs that lie within the band.

    Raises:
        ValueError: Fewer than three networks.
    """
    if len(explanations) < 3:
        raise ValueError("a band of similarities needs three networks at least")
    pairs = [similarity(a, b).nanmean() for a, b in combinations(explanations, 2)]
    quantiles = torch.tensor([(1 - share) / 2, (1 + share) / 2], dtype=torch.float64)
    low, high = torch.stack(pairs).double().quantile(quantiles).tolist()
    return Band(low, high, len(pairs))
