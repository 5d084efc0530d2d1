"""Orders of clips, as fast as a processor sorts: those that drive a unit most, and how a concept ranks them.

On the CPU numpy sorts, whose kernels work on many numbers at once, where torch compares them one by one.
"""

import numpy as np
import torch
from torch import Tensor


def strongest(activations: Tensor, count: int, ordered: bool = False) -> Tensor:
    """Return the clips (U, count) int64 with the highest activations of each unit, the highest first if `ordered`.

    Args:
        activations: (N, U).
        count: of the N clips.
        ordered: whether the order within the clips matters.
    """
    if activations.device.type != "cpu":
        return activations.topk(count, dim=0).indices.T
    table = activations.detach().T.contiguous().numpy()
    n_clips = table.shape[1]
    found = np.argpartition(table, n_clips - count, axis=1)[:, n_clips - count :] if count < n_clips else None
    if found is None:
        found = np.broadcast_to(np.arange(n_clips), table.shape)
    if ordered:
        order = np.argsort(-np.take_along_axis(table, found, axis=1), axis=1)
        found = np.take_along_axis(found, order, axis=1)
    return torch.from_numpy(np.ascontiguousarray(found))


def dense_ranks(scores: Tensor) -> Tensor:
    """Return the ranks (M, N) int64 of clips by each concept's scores (N, M), from 0; equal scores share a rank."""
    table = scores.detach().T.contiguous()
    order = torch.from_numpy(np.argsort(table.numpy(), axis=1)) if table.device.type == "cpu" else table.argsort(dim=1)
    ranked = table.gather(1, order)
    steps = torch.zeros_like(order)
    steps[:, 1:] = ranked[:, 1:] > ranked[:, :-1]
    return torch.empty_like(order).scatter_(1, order, steps.cumsum(dim=1))


def rising_places(ranks: Tensor, clips: Tensor) -> Tensor:
    """Return for each concept and unit the places (M, U, K) of the unit's clips as the concept's scores rise.

    Equal scores stay in the order in which the clips are given.

    Args:
        ranks: (M, N) of all clips (`dense_ranks`).
        clips: (U, K) of each unit.
    """
    n_units, count = clips.shape
    bits = max(1, (count - 1).bit_length())
    small = ranks.shape[1] << bits < 2**31  # rank and place in one number: sorting the numbers sorts the places
    ranks = ranks.int() if small else ranks
    keys = ranks.gather(1, clips.flatten().expand(len(ranks), -1)).view(len(ranks), n_units, count)
    keys = (keys << bits).add_(torch.arange(count, dtype=keys.dtype, device=keys.device))
    if keys.device.type == "cpu":
        keys.numpy().sort(axis=-1)
    else:
        keys = keys.sort(dim=-1).values
    return keys.bitwise_and_((1 << bits) - 1)
