"""Whether the clips that drive a unit belong together: their spread beside that of random clips."""

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.dissection import Polysemanticity
from interpretability.dissection.unit_blocks import unit_blocks

DRAWS = 4000
"""Random sets of clips; half of them place the threshold, the other half is counted beside it."""


def spread(vectors: Tensor, clips: Tensor) -> Tensor:
    """Mean Euclidean distance (R,) between two of the clips (R, K) of each row, by their vectors (N, D).

    Clips of number -1 are left out; NaN where fewer than two are left.
    """
    found = torch.full((len(clips),), torch.nan, device=vectors.device)
    for block in unit_blocks(len(clips), clips.shape[1] * (vectors.shape[1] + clips.shape[1])):
        chosen, there = vectors[clips[block].clamp_min(0)], clips[block] >= 0
        distance = torch.cdist(chosen, chosen, compute_mode="donot_use_mm_for_euclid_dist")
        both = (there[:, :, None] & there[:, None, :]).triu(1)  # each pair once
        found[block] = (distance * both).sum(dim=(1, 2)) / both.sum(dim=(1, 2))
    return found


def polysemanticity(vectors: Tensor, clips: Tensor, seed: int = 0, level: float = 0.05) -> Polysemanticity:
    """Compare the spread of each row's top clips with that of as many random ones.

    A row counts as polysemantic unless its clips are more alike than all but a share `level` of random sets. Random
    sets are called polysemantic almost always: `chance` is counted on draws of their own.

    Args:
        vectors: (N, D) description of each clip, such as its concepts or descriptors; NaN counts as the mean.
        clips: (R, K) top clips of each row, -1 where there are fewer.
        seed: of the random sets.
        level: one-sided.

    Raises:
        InputError: Fewer than two clips for each row or in the probe set.
    """
    n, k = len(vectors), min(clips.shape[1], len(vectors))
    if k < 2:
        raise InputError(f"polysemanticity compares clips with each other: {n} clips, {clips.shape[1]} for each unit")
    standard = _standard(vectors)
    random = spread(standard, random_sets(n, k, DRAWS, seed).to(clips.device))
    null, control = random[: DRAWS // 2], random[DRAWS // 2 :]
    threshold = null.sort().values[int(level * len(null))]
    found, expected = spread(standard, clips), null.mean()
    excess = found - expected
    return Polysemanticity(
        spread=found,
        excess=excess,
        z=excess / null.std().clamp_min(1e-12),
        polysemantic=found >= threshold - 1e-6,
        expected=float(expected),
        chance=float((control >= threshold - 1e-6).float().mean()),
        level=level,
    )


def random_sets(n: int, k: int, draws: int, seed: int) -> Tensor:
    """Sets (draws, k) of different numbers below n, all equally likely (Floyd's method, for all draws at once)."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.full((draws, k), -1)
    for place, last in enumerate(range(n - k, n)):
        drawn = torch.randint(last + 1, (draws,), generator=generator)
        taken = (chosen == drawn[:, None]).any(dim=1)
        chosen[:, place] = torch.where(taken, last, drawn)
    return chosen


def _standard(vectors: Tensor) -> Tensor:
    """Vectors with columns of mean 0 and deviation 1; constant columns are 0."""
    mean = vectors.nanmean(dim=0)
    centred = (vectors - mean).nan_to_num(0.0)
    deviation = centred.square().mean(dim=0).sqrt()
    return torch.where(deviation > 1e-7, centred / deviation.clamp_min(1e-7), 0.0).float()


def without_shared_cluster(member: Tensor, clips: Tensor, k: int = 4) -> Tensor:
    """The published test (R,) bool: no cluster of descriptions is shared by `k` of a row's top clips (R, 5).

    Source: Wu et al. 2024, section 4.5 and figure 6. It gives no chance level; call it with random `clips` for one.

    Args:
        member: (N, J) bool, the clusters that the sentences of each clip's caption fall in.
        clips: (R, K) top clips.
        k: of 3, 4, 5 in the paper.
    """
    return (member[clips].sum(dim=1) < k).all(dim=1)
